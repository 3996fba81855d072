/** `whitepay inspect ceremony MANIFEST`: verifies a ceremony from verified ranges of its archive's files (R44, R46). */
import { open } from "node:fs/promises";
import type { Libp2p } from "@libp2p/interface";
import type { JsonRpcProvider } from "ethers";
import { canonicalBytes, manifestRoot } from "../../archive/manifest.ts";
import type { ArchiveFile, Manifest } from "../../archive/schema.ts";
import { verifyChain } from "../../ceremony/powers-of-tau/chain.ts";
import { openWitnesses, orderWitnesses, readWitnesses } from "../../ceremony/powers-of-tau/witness.ts";
import { layoutOfSize, pointStart, sectionOf } from "../../ceremony/powers-of-tau/layout.ts";
import { chainOptions, verifyCeremony } from "../../ceremony/readers.ts";
import type { ReadOptions } from "../../ceremony/readers.ts";
import type { CeremonyReport } from "../../ceremony/report.ts";
import { newestManifest, announcedIn } from "../../client/archives.ts";
import type { Announcement } from "../../client/archives.ts";
import { connectChain } from "../../client/connect.ts";
import { registryOf } from "../../client/group-plans.ts";
import type { SourceFault } from "../../client/reading/piece.ts";
import { httpSource, isOfPiece } from "../../client/reading/source.ts";
import type { PieceSource } from "../../client/reading/source.ts";
import { counted } from "../../protocol/counted.ts";
import type { Hex } from "../../protocol/hash.ts";
import { readManifestFile } from "../archive/manifest-file.ts";
import { archivePurse, loadPayer, type PayerOptions } from "../chain/account.ts";
import { registeredLocator } from "../chain/relays.ts";
import { usageError } from "../console/exit.ts";
import { quote } from "../console/options.ts";
import { say } from "../console/output.ts";
import { dialingNode } from "../group/retrieve/download.ts";
import { registrySources } from "../reading/sources.ts";
import { chosenFiles, someNames } from "./ceremony-choice.ts";
import type { Choice, ChoiceOptions } from "./ceremony-choice.ts";
import { MissingFileError, RangeSources, ReadingMeter, RemoteFile, rangesOf } from "./ceremony-ranges.ts";
import { rangeBytes } from "../../storage/core/range.ts";

/** What an archive of 9 TB takes. */
export const defaultMaxBytes = 1e9;

export type ArchiveOptions = PayerOptions &
  ChoiceOptions & {
    readonly from?: readonly string[];
    readonly maxBytes: number;
    /** Of a beacon; its endpoint need not know the archive. */
    readonly block?: number;
  };

/** What was read of an archive, and from where. */
export type ArchiveReading = {
  readonly manifest: Hex;
  readonly edition: number;
  /** Who announced it on the chain; null if no chain was asked. */
  readonly announced: readonly Announcement[] | null;
  /** Bytes that arrived in answers, wrong ones included. */
  readonly bytesRead: number;
  readonly bytesOfFiles: number;
  readonly faults: readonly (SourceFault & { readonly file: string })[];
};

export type ArchiveFindings = { readonly report: CeremonyReport; readonly reading: ArchiveReading };

/** A manifest with its signatures begins with them or with the manifest: 16 signatures of 65,536 characters at most. */
const sniffedBytes = 2 << 20;

/** Whether the file is the manifest of an archive. False also if it cannot be read: the reader of files says why. */
export async function isManifest(path: string): Promise<boolean> {
  const file = await open(path).catch(() => undefined);
  if (file === undefined) return false;
  try {
    if (!(await file.stat()).isFile()) return false;
    const { buffer, bytesRead } = await file.read(new Uint8Array(sniffedBytes), 0, sniffedBytes, 0);
    const text = new TextDecoder("latin1").decode(buffer.subarray(0, bytesRead));
    return /^\s*\{/.test(text) && /"manifest"\s*:\s*\{/.test(text);
  } finally {
    await file.close();
  }
}

/** The chain of the options, if they name one. */
type Chain = {
  readonly provider: JsonRpcProvider;
  readonly registry: string;
  readonly factory: string | undefined;
};

async function openChain(
  options: ArchiveOptions,
): Promise<(Chain & { readonly group: string | undefined }) | undefined> {
  const { config } = await loadPayer(options, archivePurse);
  const { id, rpc, factory, registry } = config.chain;
  const { group } = config;
  if (rpc === undefined || (registry ?? factory) === undefined) {
    const named = rpc === undefined ? { factory, registry, group } : { rpc };
    const [flag] = Object.entries(named).find(([, value]) => value !== undefined) ?? [];
    if (flag === undefined || (flag === "rpc" && group === undefined && options.block !== undefined))
      return undefined;
    throw usageError("the chain is not fully named", {
      expected: "--rpc URL, and --factory ADDRESS or --registry ADDRESS",
      actual: `--${flag} alone`,
    });
  }
  const provider = await connectChain({ id, rpc });
  try {
    const own = registry ?? (await registryOf(provider, factory as string));
    return { provider, registry: own, factory, group };
  } catch (error) {
    provider.destroy();
    throw error;
  }
}

type Announced = {
  readonly by: readonly Announcement[] | null;
  readonly checked: readonly string[];
  readonly notChecked: readonly string[];
  readonly problems: readonly string[];
};

/** Compares the manifest's root with the announcements on the chain. */
async function announcementOf(
  root: Hex,
  chain: (Chain & { readonly group: string | undefined }) | undefined,
): Promise<Announced> {
  const none = { checked: [], notChecked: [], problems: [] };
  const sign = "the signatures of the manifest: `whitepay archive show` checks them";
  if (chain === undefined)
    return {
      ...none,
      by: null,
      notChecked: [
        `that the manifest, ${root}, is the announced one: no chain was named (--rpc, --factory, --group)`,
        sign,
      ],
    };
  const { provider, registry, factory, group } = chain;
  if (group !== undefined) {
    const found = await newestManifest(provider, registry, group);
    const by = found === undefined ? [] : [found];
    if (found?.root === root)
      return { ...none, by, checked: [`the manifest is the one that group ${found.group} announced last`] };
    return {
      ...none,
      by,
      problems: [
        `manifest: expected the one that group ${group} announced last, ${found === undefined ? "none" : `${found.root} in block ${found.block}`}, actual ${root}`,
      ],
    };
  }
  if (factory === undefined)
    return { ...none, by: null, notChecked: ["who announced the manifest: no --factory or --group", sign] };
  const by = await announcedIn(provider, { registry, factory }, [root]);
  if (by.length === 0)
    return {
      ...none,
      by,
      problems: [`manifest: expected a group of ${factory} that announced ${root}, actual none`],
    };
  return {
    ...none,
    by,
    checked: [`the manifest was announced by ${someNames(by.map((one) => `group ${one.group}`))}`],
    notChecked: [
      "that the group that announced the manifest is its curator's, and has announced no newer one: anybody may announce; name the group with --group",
    ],
  };
}

/** @throws CliError exit 2 for a URL that leads to one piece alone */
function namedSources(urls: readonly string[], meter: ReadingMeter): PieceSource[] {
  return urls.map((url) => {
    if (!isOfPiece.test(URL.canParse(url) ? new URL(url).pathname : ""))
      return httpSource(url, { fetch: meter.fetch });
    throw usageError("a source leads to one piece, and the manifest has several", {
      expected: "the URL of a provider's server for readers, without /piece/…",
      actual: quote(url),
    });
  });
}

/** The server of a piece: it may have the other files, too. @param url as a provider names it, of a piece or of its server */
function serverOf(url: string): string {
  const place = new URL(url);
  place.pathname = place.pathname.replace(isOfPiece, "");
  return place.href;
}

/** Bytes that a chain takes, as far as sizes tell: five or six ranges of a response, the first range of a challenge. */
function expectedBytes(choice: Choice): number {
  if (choice.kind === "file") return choice.file.bytes;
  return choice.files.reduce((sum, { bytes }) => {
    const layout = layoutOfSize(bytes);
    if (layout === undefined || layout.keyStart === undefined) return sum + Math.min(bytes, rangeBytes);
    const second = (name: string, index: number): number => pointStart(sectionOf(layout, name), index);
    const offsets = [
      0,
      second("tauG2", 1),
      second("alphaTauG1", 0),
      second("betaTauG1", 0),
      second("betaG2", 0),
      bytes - 1,
    ];
    return sum + Math.min(bytes, rangesOf(bytes, offsets) * rangeBytes);
  }, 0);
}

async function verifyChosen(
  choice: Choice,
  remoteOf: (file: ArchiveFile) => RemoteFile,
  options: ReadOptions,
): Promise<CeremonyReport> {
  if (choice.kind === "file") return verifyCeremony([remoteOf(choice.file)], options);
  const archived = choice.files.map((file) => ({
    source: remoteOf(file),
    derivedFrom: file.derivedFrom?.file,
  }));
  const witnesses = await readWitnesses(archived, (error) => error instanceof MissingFileError);
  const ordered = orderWitnesses(witnesses);
  const { files, notChecked } = await openWitnesses(ordered.files);
  const sources = files.map(({ source }) => source);
  const report = await verifyChain(files, chainOptions(sources, options));
  return { ...report, notChecked: [...report.notChecked, ...ordered.notChecked, ...notChecked] };
}

/** @throws CliError exit 2 for a depth that needs whole files */
function assertKeys(depth: string | undefined): void {
  if (depth === undefined || depth === "keys") return;
  throw usageError("a manifest's files are read by ranges", {
    expected: "--depth keys",
    actual: `--depth ${depth}`,
    hint: "fetch the files with `whitepay fetch NAME --manifest FILE`, and inspect them on disk",
  });
}

/**
 * Verifies what ranges of an archive's files show.
 * @param depth as the user gave it
 * @throws CliError exit 2 for a manifest or files that cannot be used, exit 3 if no source gives a file
 */
export async function inspectArchive(
  path: string,
  options: ArchiveOptions & { readonly depth?: string | undefined },
  read: Omit<ReadOptions, "depth">,
): Promise<ArchiveFindings> {
  assertKeys(options.depth);
  const { manifest } = await readManifestFile(path);
  const root = manifestRoot(canonicalBytes(manifest));
  const choice = chosenFiles(manifest, options);
  const { onProgress } = read.tools;
  const total = expectedBytes(choice);
  const meter = new ReadingMeter(options.maxBytes, (done) =>
    onProgress?.({ label: "reading ranges", done: Math.min(done, total), total, unit: "bytes" }),
  );
  const chain = await openChain(options);
  let node: Promise<Libp2p> | undefined;
  try {
    const announced = await announcementOf(root, chain);
    const discover = async (piece: Hex): Promise<readonly PieceSource[]> => {
      if (chain === undefined) return [];
      node ??= dialingNode();
      const libp2p = await node;
      const line = { libp2p, locator: registeredLocator(libp2p, chain.provider, async () => chain.registry) };
      return registrySources({ ...chain, line }, piece, (url) =>
        httpSource(serverOf(url), { fetch: meter.fetch }),
      );
    };
    const sources = new RangeSources(namedSources(options.from ?? [], meter), discover, sayFault);
    const parts = { sources, meter, last: {} };
    const report = await verifyChosen(choice, (file) => new RemoteFile(file, parts), {
      ...read,
      depth: "keys",
    });
    const files = choice.kind === "file" ? [choice.file] : choice.files;
    const reading = {
      manifest: root,
      edition: manifest.edition,
      announced: announced.by,
      bytesRead: meter.bytes,
      bytesOfFiles: files.reduce((sum, { bytes }) => sum + bytes, 0),
      faults: sources.faults,
    };
    return { report: withArchive(report, announced, choice, manifest), reading };
  } finally {
    await (await node)?.stop();
    chain?.provider.destroy();
  }
}

function sayFault({ source, kind, reason }: SourceFault): void {
  say(
    kind === "wrong"
      ? `${source} sent wrong bytes and is not asked again: ${reason}`
      : `${source}: ${reason}`,
  );
}

function withArchive(
  report: CeremonyReport,
  announced: Announced,
  { others }: Choice,
  { edition }: Manifest,
): CeremonyReport {
  const problems = [...report.problems, ...announced.problems];
  const left =
    others.length === 0
      ? []
      : [
          `${counted(others.length, "other file")} of the manifest: ${someNames(others.map(({ name }) => name))}`,
        ];
  return {
    ...report,
    checked: [
      ...announced.checked,
      `every range that was read, against the piece roots of edition ${edition} of the manifest`,
      ...report.checked,
    ],
    notChecked: [...announced.notChecked, ...report.notChecked, ...left],
    problems,
    ok: problems.length === 0,
  };
}
