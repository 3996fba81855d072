/** All readers of ceremonies' files, and the choice of the one for a file. */
import type { BeaconOptions } from "./beacon/beacon-report.ts";
import type { BeaconParameters } from "./contribution-parameters.ts";
import { inspectKzg } from "./kzg/inspect.ts";
import { verifyChain } from "./powers-of-tau/chain.ts";
import type { ChainOptions, Depth } from "./powers-of-tau/chain.ts";
import { isPowersOfTau, openPowersOfTau } from "./powers-of-tau/open.ts";
import { isPhase1, verifyPhase1 } from "./phase1radix2m/verify.ts";
import type { Progress, Tools } from "./powers-of-tau/point-stream.ts";
import { inspectPtau } from "./ptau/inspect.ts";
import { CeremonyFileError } from "./report.ts";
import type { CeremonyReport, CeremonySource } from "./report.ts";
import { inspectZkey } from "./zkey/inspect.ts";

export type ReadOptions = {
  readonly depth: Depth;
  readonly tools: Tools;
  readonly beacon?: Pick<BeaconOptions, "maxBeaconExponent" | "origin"> & {
    /** Beacon of the last response: only `.ptau` and `.zkey` files state theirs. */
    readonly ofResponse?: BeaconParameters;
  };
};

const readsPoints = ({ depth }: ReadOptions): boolean => depth === "points" || depth === "all";

export type CeremonyReader = {
  readonly name: string;
  /** It verifies several files together, in their order; others take one file. */
  readonly several: boolean;
  /** Whether size or first bytes are those of the format. */
  recognises(source: CeremonySource): Promise<boolean>;
  /** @throws CeremonyFileError if a file is not what the format demands */
  verify(
    sources: readonly [CeremonySource, ...CeremonySource[]],
    options: ReadOptions,
  ): Promise<CeremonyReport>;
};

/** For a chain that consists of these sources. */
export function chainOptions(sources: readonly CeremonySource[], options: ReadOptions): ChainOptions {
  const { depth, tools, beacon } = options;
  const { ofResponse, ...rest } = beacon ?? {};
  const last = sources.at(-1);
  if (ofResponse === undefined || last === undefined) return { depth, tools };
  const { onHashes } = progressOf(last, options);
  return { depth, tools, beacon: { ...rest, onHashes, parameters: ofResponse } };
}

const powersOfTau: CeremonyReader = {
  name: "Powers of Tau challenge, response or transcript",
  several: true,
  recognises: isPowersOfTau,
  verify: async (sources, options) => {
    const files = [];
    for (const source of sources) files.push(...(await openPowersOfTau(source)));
    return verifyChain(files, chainOptions(sources, options));
  },
};

const phase1: CeremonyReader = {
  name: "phase1radix2m",
  several: false,
  recognises: async (source) => isPhase1(source),
  verify: ([source], options) =>
    verifyPhase1(source, { allPoints: readsPoints(options), tools: options.tools }),
};

/** The first bytes as text. */
async function headOf(source: CeremonySource, bytes: number): Promise<string> {
  return new TextDecoder("latin1").decode(await source.read(0, Math.min(source.size, bytes)));
}

/** What a reader of one file calls while it works. */
function progressOf({ name }: CeremonySource, { tools: { onProgress } }: ReadOptions) {
  const step =
    (what: string, unit: Progress["unit"]) =>
    (done: number | bigint, total: number | bigint): void =>
      onProgress?.({ label: `${what} ${name}`, done: Number(done), total: Number(total), unit });
  return {
    onContribution: step("contributions of", "contributions"),
    onPoints: step("points of", "points"),
    onHashes: step("beacon of", "hashes"),
  };
}

const ptau: CeremonyReader = {
  name: ".ptau file of snarkjs",
  several: false,
  recognises: async (source) => (await headOf(source, 4)) === "ptau",
  verify: ([source], options) => {
    const { tools, beacon } = options;
    return inspectPtau(source, {
      ...beacon,
      ...progressOf(source, options),
      tools,
      allPoints: readsPoints(options),
    });
  },
};

const zkey: CeremonyReader = {
  name: ".zkey file of snarkjs",
  several: false,
  recognises: async (source) => (await headOf(source, 4)) === "zkey",
  verify: ([source], options) => inspectZkey(source, { ...options.beacon, ...progressOf(source, options) }),
};

const kzg: CeremonyReader = {
  name: "JSON document of the KZG ceremony",
  several: false,
  // A challenge begins with a hash, so a brace alone would not tell.
  recognises: async (source) => /^\s*\{\s*"\w+"\s*:/.test(await headOf(source, 64)),
  verify: ([source], options) => inspectKzg(source, progressOf(source, options)),
};

/** In the order in which they are asked: formats with a magic number before those that only sizes show. */
export const ceremonyReaders: readonly CeremonyReader[] = [ptau, zkey, kzg, powersOfTau, phase1];

async function readerOf(source: CeremonySource): Promise<CeremonyReader> {
  for (const reader of ceremonyReaders) if (await reader.recognises(source)) return reader;
  throw new CeremonyFileError(`${source.name}: the format is unknown`, {
    expected: ceremonyReaders.map(({ name }) => name).join(", "),
    actual: `${source.size} bytes of something else`,
  });
}

/**
 * Verifies the files of one ceremony, in its order.
 * @throws CeremonyFileError if a file is of no known format, or not what its format demands
 */
export async function verifyCeremony(
  sources: readonly CeremonySource[],
  options: ReadOptions,
): Promise<CeremonyReport> {
  const [head, ...rest] = sources;
  if (head === undefined) throw new RangeError("files: expected at least 1, actual 0");
  const reader = await readerOf(head);
  for (const source of rest) {
    const other = await readerOf(source);
    if (other === reader && reader.several) continue;
    throw new CeremonyFileError(`${source.name}: cannot be verified together with ${head.name}`, {
      expected: reader.several ? reader.name : "one file",
      actual: other.name,
    });
  }
  return reader.verify([head, ...rest], options);
}
