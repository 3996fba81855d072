/** What the page shows, from what was read. */
import type { Deposit } from "../../client/holdings.ts";
import type { ArchiveStanding, StandingGroup } from "../../client/standing.ts";
import type { Token } from "../../client/units.ts";
import { hasTooFew, type FileCopies } from "../copies.ts";
import { filesOf } from "../manifest.ts";
import { copiesOverview, type SameFiles } from "../overview.ts";
import type { ArchiveFile, Manifest } from "../schema.ts";
import type {
  FileDocument,
  FunderDocument,
  GroupDocument,
  ManifestDocument,
  ProviderDocument,
  StandDocument,
  StandingDocument,
} from "./documents.ts";
import type { PageSettings } from "./settings.ts";
import type { TimeOf } from "./times.ts";

/** Points of the picture: as many as a phone has pixels for. */
const maxPoints = 240;
/** Anybody may deposit from any number of accounts. */
const maxFunders = 50;

export type PageParts = {
  readonly settings: PageSettings;
  readonly manifest: Manifest;
  readonly standing: ArchiveStanding;
  /** By group. */
  readonly tokens: ReadonlyMap<string, Token>;
  /** By group. */
  readonly deposits: ReadonlyMap<string, readonly Deposit[]>;
  readonly timeOf: TimeOf;
  readonly remarks: readonly string[];
};

export function manifestDocument(manifest: Manifest, root: string): ManifestDocument {
  const { title, description, edition, curator } = manifest;
  return { title, description, edition, curator: curator.name, root };
}

export function standingDocument(parts: PageParts): StandingDocument {
  const { settings, manifest, standing, timeOf, remarks } = parts;
  const { window, groups, unread } = standing;
  const files = filesOf(manifest);
  const providers = [...new Set(groups.flatMap(({ holdings }) => holdings.held.map((one) => one.operator)))];
  const stands = new Stands(providers, timeOf);
  const documents = files.map((file, i) =>
    fileDocument(file, standing.files[i] as FileCopies, stands, settings.least),
  );
  const head = window.to - 1;
  return {
    manifest: manifestDocument(manifest, settings.manifest),
    head: { block: head, time_s: timeOf(head) },
    from_s: timeOf(window.from),
    days: settings.days,
    least: settings.least,
    readers: settings.readers,
    files: documents,
    stands: stands.documents,
    providers: providerDocuments(providers, parts, documents, stands.documents),
    groups: groups.map((one) => groupDocument(one, parts)),
    ...picture(files, parts),
    unread: unread.map(({ operator, listRoot, from, to }) => ({
      operator,
      listRoot,
      from_s: timeOf(Math.max(from, window.from)),
      to_s: to === undefined || to >= window.to ? null : timeOf(to),
    })),
    remarks: [...remarks, ...announcementRemarks(parts)],
  };
}

/** Files that stand alike share a document: of 100,000 files, most do. */
class Stands {
  readonly documents: StandDocument[] = [];
  readonly #indices = new Map<string, number>();
  readonly #providers: ReadonlyMap<string, number>;
  readonly #timeOf: TimeOf;

  constructor(providers: readonly string[], timeOf: TimeOf) {
    this.#providers = new Map(providers.map((operator, i) => [operator, i]));
    this.#timeOf = timeOf;
  }

  of({ now, worst, holders, series }: FileCopies): number {
    const key = JSON.stringify([worst, holders, series]);
    const known = this.#indices.get(key);
    if (known !== undefined) return known;
    const at = ({ block, copies }: { block: number; copies: number }) => ({
      time_s: this.#timeOf(block),
      copies,
    });
    this.documents.push({
      now,
      worst: at(worst),
      holders: holders.map(({ provider, since }) => ({
        provider: this.#providers.get(provider) ?? -1,
        since_s: this.#timeOf(since),
      })),
      series: series.map(at),
    });
    this.#indices.set(key, this.documents.length - 1);
    return this.documents.length - 1;
  }
}

function fileDocument(file: ArchiveFile, copies: FileCopies, stands: Stands, least: number): FileDocument {
  const { name, bytes, root, blake2b, derivedFrom, sources } = file;
  return {
    name,
    bytes,
    root,
    blake2b,
    derivedFrom: derivedFrom?.file ?? null,
    urls: sources.flatMap((source) => ("url" in source ? [source.url] : [])),
    stand: stands.of(copies),
    isAlarming: hasTooFew(file, copies.now, least),
  };
}

function providerDocuments(
  operators: readonly string[],
  { standing: { groups, unread, window } }: PageParts,
  files: readonly FileDocument[],
  stands: readonly StandDocument[],
): ProviderDocument[] {
  const sums = operators.map((operator) => ({
    operator,
    groups: groups
      .filter(({ holdings }) => holdings.held.some((one) => one.operator === operator))
      .map(({ page }) => page.address),
    files: 0,
    bytes: 0,
    since_s: null as number | null,
    isRead: !unread.some((one) => one.operator === operator && (one.to ?? window.to) >= window.to),
  }));
  for (const file of files) {
    for (const { provider, since_s } of stands[file.stand]?.holders ?? []) {
      const sum = sums[provider];
      if (sum === undefined) continue;
      sum.files++;
      sum.bytes += file.bytes;
      sum.since_s = Math.min(sum.since_s ?? Infinity, since_s);
    }
  }
  return sums;
}

function groupDocument({ page }: StandingGroup, parts: PageParts): GroupDocument {
  const { standing, settings, tokens, deposits: all, timeOf } = parts;
  const sums = new Map<string, { amount: bigint; deposits: number; last: number }>();
  for (const { from, amount, block } of all.get(page.address) ?? []) {
    const sum = sums.get(from) ?? { amount: 0n, deposits: 0, last: 0 };
    sums.set(from, {
      amount: sum.amount + amount,
      deposits: sum.deposits + 1,
      last: Math.max(sum.last, block),
    });
  }
  const funders = [...sums]
    .sort(([, a], [, b]) => (a.amount === b.amount ? 0 : a.amount < b.amount ? 1 : -1))
    .map(([from, { amount, deposits, last }]): FunderDocument => ({
      // The factory hands over what was sent to the group's address before the group was made.
      from: from.toLowerCase() === settings.factory.toLowerCase() ? null : from,
      amount: String(amount),
      deposits,
      last_s: timeOf(last),
    }));
  const { address, symbol, decimals } = tokens.get(page.address) ?? {
    address: page.config.token,
    symbol: "units",
    decimals: 0,
  };
  return {
    group: page.address,
    payer: page.payer,
    announced: standing.announced.find(({ group }) => group === page.address)?.root ?? null,
    token: { address: BigInt(address) === 0n ? null : address, symbol, decimals },
    keeperFee: String(page.config.keeperFee),
    available: String(page.escrow.available),
    funders: funders.slice(0, maxFunders),
    moreFunders: Math.max(0, funders.length - maxFunders),
  };
}

/** Of the files that cannot be derived, from the first block in which a provider held data of the groups. */
function picture(
  files: readonly ArchiveFile[],
  { standing, settings, timeOf }: PageParts,
): Pick<StandingDocument, "points" | "pictured"> {
  const places = files.map((_, i) => i);
  const needed = places.filter((i) => files[i]?.derivedFrom === undefined);
  const shown = needed.length > 0 ? needed : places;
  const same = new Map<string, { files: number; series: FileCopies["series"] }>();
  for (const i of shown) {
    const { series } = standing.files[i] as FileCopies;
    const key = JSON.stringify(series);
    const known = same.get(key);
    if (known === undefined) same.set(key, { files: 1, series });
    else known.files++;
  }
  const { from, to } = standing.window;
  const begins = standing.groups.flatMap(({ holdings }) => holdings.held.map((one) => one.from));
  const first = Math.min(to - 1, Math.max(from, Math.min(...begins, to)));
  const all: SameFiles[] = [...same.values()];
  const points = copiesOverview(all, { from: first, to }, { points: maxPoints, least: settings.least });
  return {
    pictured: shown.length,
    points: points.map(({ block, ...rest }) => ({ time_s: timeOf(block), ...rest })),
  };
}

function announcementRemarks({ settings, standing }: PageParts): string[] {
  const { groups, announced } = standing;
  if (groups.length === 0)
    return ["No group on this chain announced this manifest or the edition before it."];
  const own = settings.manifest.toLowerCase();
  return groups.flatMap(({ page }) => {
    const root = announced.find(({ group }) => group === page.address)?.root;
    if (root === own) return [];
    return [
      root === undefined
        ? `Group ${page.address} did not announce this manifest: its payer does not say that it stores it.`
        : `Group ${page.address} announced the edition before this one, and not this one yet.`,
    ];
  });
}
