/** Sends all providers of a work their pieces at once, and collects their consents; a provider that is lost is replaced. */
import type { GroupAt } from "../../client/group-view.ts";
import { GroupView } from "../../client/group-view.ts";
import type { DataConsent } from "../../client/provider-plans.ts";
import { registeredProvider, registryAt } from "../../client/registry.ts";
import { fromHex, toHex } from "../../storage/core/bytes.ts";
import type { PieceEntry } from "../../storage/core/piece-list.ts";
import { CliError, exitCodes } from "../console/exit.ts";
import { say } from "../console/output.ts";
import { formatBytes, progressBar } from "../console/progress.ts";
import type { PieceCopy } from "./copy.ts";
import { targetOf } from "./discover.ts";
import { fetchFrom } from "./fetch-public.ts";
import type { WritingSession } from "./session.ts";
import { workOf, type Sending, type SentPiece, type StoreWork } from "./state.ts";
import { listOf, ship, type ListedPiece, type Shipment, type Shipped } from "./transfer.ts";
import { ProviderGoneError, ProviderRefusedError } from "./wire.ts";

/** What a provider is to store of an item. */
export type MadeCopy = {
  readonly entry: PieceEntry;
  readonly isPublic: boolean;
  /** What the state keeps of it. */
  readonly kept: SentPiece;
  readonly copy: () => Promise<PieceCopy>;
};

/** By provider and name; the catalogue's piece has the empty name. */
export type Copies = ReadonlyMap<string, ReadonlyMap<string, MadeCopy>>;

export const catalogueKey = "";

/** Another provider in the place of one that was lost; undefined: there is none. */
export type Replace = (work: StoreWork, lost: Sending) => Promise<Sending | undefined>;

/** Blocks in which a consent must still be usable when all have consented; an older one is asked for anew. */
const consentLeft = 250;

/** A shipment with the public pieces in it, by root. */
type Planned = Shipment & { readonly publicRoots: ReadonlySet<string> };

async function shipmentOf(session: WritingSession, sending: Sending, copies: Copies): Promise<Planned> {
  const { provider, registry } = session;
  const { operator, price, kept } = sending;
  const own = copies.get(operator) ?? new Map<string, MadeCopy>();
  const old = kept.map(({ root, bytes }) => ({
    entry: { root: fromHex(root), size: bytes },
    copy: undefined,
  }));
  const catalogue = own.get(catalogueKey);
  const data = [...own].filter(([name]) => name !== catalogueKey).map(([, made]) => made);
  const last = catalogue === undefined ? [] : [catalogue];
  // Two public items with the same bytes are one piece of the list.
  const known = new Set<string>();
  const pieces = [...old, ...data, ...last].filter(({ entry }) => {
    const root = toHex(entry.root);
    return known.has(root) ? false : known.add(root);
  });
  const publicRoots = data.filter(({ isPublic }) => isPublic).map(({ entry }) => toHex(entry.root));
  return {
    operator,
    target: targetOf(await registeredProvider(registryAt(registry, provider), operator)),
    price: BigInt(price),
    isPublic: workOf(session).items.some(({ isPublic }) => isPublic),
    pieces: pieces.map(({ entry, copy }) => ({ entry, copy })),
    catalogue: catalogue === undefined ? undefined : pieces.length - 1,
    publicRoots: new Set(publicRoots),
  };
}

type SendScope = { readonly copies: Copies; readonly replace: Replace };

/** Sends to all providers at once. Undefined: one was replaced, and everything is to be looked at again. */
export async function sendAll(
  session: WritingSession,
  group: GroupAt,
  { copies, replace }: SendScope,
): Promise<DataConsent[] | undefined> {
  const onChain = new Map(
    (await new GroupView(session.provider, group).providers())
      .filter(({ closed }) => !closed)
      .map(({ operator, data }) => [operator.toLowerCase(), data.at(-1)?.listRoot]),
  );
  const { providers } = workOf(session);
  const planned = await Promise.all(providers.map((one) => shipmentOf(session, one, copies)));
  // A run that was killed may have used this consent already.
  const isUsed = (one: Planned): boolean =>
    onChain.get(one.operator.toLowerCase()) === toHex(listOf(one).root);
  const shipments = planned.filter((one) => !isUsed(one));
  const ended = await shipAll(session, group, { shipments, serving: planned.filter(isUsed) });
  const lost: { readonly operator: string; readonly why: string }[] = [];
  const consents: DataConsent[] = [];
  for (const [i, one] of ended.entries()) {
    const { operator } = shipments[i] as Shipment;
    if (one.status === "fulfilled") consents.push(one.value);
    else if (one.reason instanceof ProviderGoneError || one.reason instanceof ProviderRefusedError) {
      lost.push({ operator, why: one.reason.message });
    } else throw one.reason;
  }
  if (lost.length === 0) return consents;
  for (const one of lost) {
    await replaceOne(session, { ...one, isMember: onChain.has(one.operator.toLowerCase()) }, replace);
  }
  return undefined;
}

type Shipments = {
  readonly shipments: readonly Planned[];
  /** Whose consent is used already: their public pieces can be fetched. */
  readonly serving: readonly Planned[];
};

/** Ships to all at once, but a public piece to its first provider alone: the others begin when it is there, and fetch it. */
async function shipAll(
  session: WritingSession,
  group: GroupAt,
  { shipments, serving }: Shipments,
): Promise<PromiseSettledResult<DataConsent>[]> {
  const total = shipments.flatMap(({ pieces }) => pieces).reduce((sum, { entry }) => sum + entry.size, 0);
  const bar = total > 0 ? progressBar({ label: "sending", total, format: formatBytes }) : undefined;
  let [done, sent] = [0, 0];
  const onBytes = (bytes: number, isSent: boolean): void => {
    done += bytes;
    if (isSent) sent += bytes;
    bar?.update(done);
  };
  const shipping: Promise<Shipped>[] = [];
  for (const [i, one] of shipments.entries()) {
    const shared = [...one.publicRoots].map((root) =>
      shipments.findIndex(({ publicRoots }) => publicRoots.has(root)),
    );
    const seeds = [...new Set(shared)].filter((index) => index < i);
    const sources = [...serving, ...seeds.map((index) => shipments[index] as Planned)];
    const pieces = one.pieces.map((piece) => withFetch(session, group, { one, piece, sources }));
    // What is proposed waits a limited time at its provider: so it is proposed when the source has it.
    const ready = Promise.allSettled(shipping.filter((_, index) => seeds.includes(index)));
    const scope = { onBytes, shipments: shipments.length };
    shipping.push(ready.then(() => ship(session, group, { ...one, pieces }, scope)));
  }
  await Promise.allSettled(shipping);
  bar?.stop();
  say(
    `sent ${formatBytes(sent)}; ${formatBytes(done - sent)} were there already or came from other providers`,
  );
  const head = await session.provider.getBlockNumber();
  return Promise.allSettled(
    shipping.map(async (shipped) => {
      const { consent, renew } = await shipped;
      return consent.deadline < head + consentLeft ? renew() : consent;
    }),
  );
}

type FetchScope = {
  readonly one: Planned;
  readonly piece: ListedPiece;
  readonly sources: readonly Planned[];
};

/** A public piece is fetched from a provider that keeps it, or that got it in this work. */
function withFetch(
  session: WritingSession,
  group: GroupAt,
  { one, piece, sources }: FetchScope,
): ListedPiece {
  const root = toHex(piece.entry.root);
  if (!one.publicRoots.has(root)) return piece;
  const keeping = workOf(session)
    .items.filter(({ isPublic }) => isPublic)
    .flatMap(({ kept }) => kept)
    .filter((copy) => copy.root === root)
    .map(({ provider }) => provider);
  const getting = sources.filter(({ publicRoots }) => publicRoots.has(root)).map(({ operator }) => operator);
  const places = [...new Set([...keeping, ...getting])].filter((operator) => operator !== one.operator);
  if (places.length === 0) return piece;
  return {
    ...piece,
    async fetch(order) {
      for (const from of places) if (await fetchFrom(session, { group, from }, order)) return true;
      return false;
    },
  };
}

async function replaceOne(
  session: WritingSession,
  {
    operator,
    why,
    isMember,
  }: { readonly operator: string; readonly why: string; readonly isMember: boolean },
  replace: Replace,
): Promise<void> {
  say(`provider ${operator} is lost: ${why}`);
  const before = workOf(session);
  const lost = before.providers.find((one) => one.operator === operator) as Sending;
  const work = { ...before, lost: [...before.lost, operator] };
  const other = Object.keys(lost.copies).length === 0 ? undefined : await replace(work, lost);
  if (other === undefined && Object.keys(lost.copies).length > 0) {
    throw new CliError({
      code: exitCodes.refused,
      message: `provider ${operator} is lost, and no other one can take its place`,
      actual: why,
      hint: "what was sent to the others is kept; run the same command again later",
    });
  }
  const providers = work.providers.flatMap((one) =>
    one.operator === operator ? (other === undefined ? [] : [other]) : [one],
  );
  if (other !== undefined) say(`provider ${other.operator} takes its place`);
  const ceiling = work.ceiling + (isMember && other !== undefined ? 1 : 0);
  await session.folder.save({ work: { ...work, ceiling, providers } });
}
