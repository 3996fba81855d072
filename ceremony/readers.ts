/** All readers of ceremonies' files, and the choice of the one for a file. */
import { verifyChain } from "./powers-of-tau/chain.ts";
import type { Depth } from "./powers-of-tau/chain.ts";
import { isPowersOfTau, openPowersOfTau } from "./powers-of-tau/open.ts";
import { isPhase1, verifyPhase1 } from "./phase1radix2m/verify.ts";
import type { Tools } from "./powers-of-tau/point-stream.ts";
import { CeremonyFileError } from "./report.ts";
import type { CeremonyReport, CeremonySource } from "./report.ts";

export type ReadOptions = { readonly depth: Depth; readonly tools: Tools };

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

const powersOfTau: CeremonyReader = {
  name: "Powers of Tau challenge, response or transcript",
  several: true,
  recognises: isPowersOfTau,
  verify: async (sources, options) => {
    const files = [];
    for (const source of sources) files.push(...(await openPowersOfTau(source)));
    return verifyChain(files, options);
  },
};

const phase1: CeremonyReader = {
  name: "phase1radix2m",
  several: false,
  recognises: async (source) => isPhase1(source),
  verify: ([source], { depth, tools }) => verifyPhase1(source, { allPoints: depth === "points", tools }),
};

/** In the order in which they are asked: formats with a magic number before those that only sizes show. */
export const ceremonyReaders: readonly CeremonyReader[] = [powersOfTau, phase1];

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
