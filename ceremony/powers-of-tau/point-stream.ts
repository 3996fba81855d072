/** All points of an accumulator, in their order and in constant memory: hashed, compared, or checked to be powers. */
import { bytesToNumberBE } from "@noble/curves/utils.js";
import { randomBytes } from "@noble/hashes/utils.js";
import type { Group, PointForm } from "../curves.ts";
import { scalarBits } from "../multi-scalar.ts";
import { CeremonyFileError } from "../report.ts";
import type { CeremonySource } from "../report.ts";
import { sameRatio } from "../same-ratio.ts";
import { encodeKey } from "../key-proof.ts";
import { pointStart, sectionOf } from "./layout.ts";
import type { Layout, Section, SectionName } from "./layout.ts";
import type { Accumulator } from "./point-reader.ts";
import { inlineWorkers } from "./point-task.ts";
import type { PointResult, PointWorkers, TaskForm } from "./point-task.ts";

/** Points of a task: more make the sums cheaper, fewer spread better over threads. */
const taskPoints = 2048;
/** Bytes of one read. */
const readBytes = 4 << 20;

/** An incremental BLAKE2b-512, as @noble/hashes and node:crypto have it. */
export type Hasher = { update(bytes: Uint8Array): unknown; digest(): Uint8Array };

export type Progress = {
  /** The work, for a progress bar. */
  readonly label: string;
  readonly done: number;
  readonly total: number;
  readonly unit: "bytes" | "points" | "contributions" | "hashes";
};

export type Tools = {
  createHash(): Hasher;
  readonly workers?: PointWorkers | undefined;
  readonly onProgress?: ((progress: Progress) => void) | undefined;
};

/** Points of a file. */
export type PointFile = {
  readonly source: CeremonySource;
  readonly layout: Pick<Layout, "curve" | "sections"> & { readonly form: TaskForm };
};

export type Chunk = { readonly section: Section; readonly first: number; readonly points: number };

/** @param overlap number of points that a chunk shares with the next */
function* chunksOf(sections: readonly Section[], overlap: number): Generator<Chunk> {
  for (const section of sections) {
    for (let first = 0; first === 0 || first + overlap < section.points; first += taskPoints) {
      yield { section, first, points: Math.min(taskPoints + overlap, section.points - first) };
    }
  }
}

type StreamOptions = {
  readonly label: string;
  /** All sections by default. */
  readonly sections?: readonly Section[];
  /** Form in which the results have the points. */
  readonly to?: PointForm;
  /** Scalars by which the points of a chunk are multiplied before they are encoded. */
  readonly multiply?: (chunk: Chunk) => readonly bigint[];
  /** Number of points that a chunk shares with the next; none by default. */
  readonly overlap?: 0 | 1;
  /** Scalars of the sums of a chunk. */
  readonly combine?: (chunk: Chunk) => readonly (readonly bigint[])[];
};

/**
 * Calls `use` with the result of each chunk, in order.
 * @throws CeremonyFileError for a point that is not one of its group
 */
export async function eachChunk(
  { source, layout }: PointFile,
  { to, multiply, overlap = 0, combine = () => [], label, sections = layout.sections }: StreamOptions,
  tools: Tools,
  use: (chunk: Chunk, result: PointResult) => Promise<void> | void,
): Promise<void> {
  const workers = tools.workers ?? inlineWorkers;
  const total = sections.reduce((sum, { points }) => sum + points, 0);
  let done = 0;
  const started: { readonly chunk: Chunk; readonly result: Promise<PointResult> }[] = [];
  const finish = async (): Promise<void> => {
    const next = started.shift();
    if (next === undefined) return;
    const { section, first, points } = next.chunk;
    const result = await next.result;
    if (result.fault) {
      const index = first + result.fault.index;
      const place = `point ${index} of ${section.name} at byte ${pointStart(section, index)}`;
      throw new CeremonyFileError(`${source.name}, ${place}`, result.fault);
    }
    await use(next.chunk, result);
    done += first + points < section.points ? points - overlap : points;
    tools.onProgress?.({ label, done, total, unit: "points" });
  };
  try {
    for (const chunk of chunksOf(sections, overlap)) {
      const { section, first, points } = chunk;
      const bytes = await source.read(pointStart(section, first), points * section.pointBytes);
      const { curve, form } = layout;
      const combinations = combine(chunk);
      const scalars = multiply?.(chunk);
      const task = {
        curve: curve.name,
        group: section.group,
        form,
        bytes,
        to,
        multiply: scalars,
        combinations,
      };
      started.push({ chunk, result: workers.run(task) });
      if (started.length >= workers.width) await finish();
    }
    while (started.length > 0) await finish();
  } finally {
    await Promise.allSettled(started.map(({ result }) => result));
  }
}

/** Takes the bytes of a file in their order: a hasher, or a file that is written. */
export type Sink = (bytes: Uint8Array) => unknown;

/** Reads `bytes` bytes of a file from `start`. */
async function eachBlock(
  { source }: Pick<PointFile, "source">,
  { start, bytes }: { readonly start: number; readonly bytes: number },
  sink: Sink,
  tools: Tools,
): Promise<void> {
  for (let done = 0; done < bytes;) {
    const length = Math.min(readBytes, bytes - done);
    await sink(await source.read(start + done, length));
    done += length;
    tools.onProgress?.({ label: `hashing ${source.name}`, done, total: bytes, unit: "bytes" });
  }
}

/** BLAKE2b-512 of a whole challenge or response. */
export async function fileHash({ source }: Pick<Accumulator, "source">, tools: Tools): Promise<Uint8Array> {
  const hasher = tools.createHash();
  await eachBlock({ source }, { start: 0, bytes: source.size }, (block) => hasher.update(block), tools);
  return Uint8Array.from(hasher.digest());
}

function pointsRange({ sections }: Layout): { readonly start: number; readonly bytes: number } {
  const bytes = sections.reduce((sum, { points, pointBytes }) => sum + points * pointBytes, 0);
  return { start: sections[0]?.start ?? 0, bytes };
}

/**
 * The bytes of the challenge or the response that has these points: the other form of a file. Decompressing a point costs a square root.
 * @param head its first 64 bytes: the hash of the file before
 * @throws CeremonyFileError for a point that is not on its curve
 */
export async function eachDerivedBlock(
  accumulator: Accumulator,
  { kind, head }: { readonly kind: "challenge" | "response"; readonly head: Uint8Array },
  sink: Sink,
  tools: Tools,
): Promise<void> {
  const { layout, source, key } = accumulator;
  await sink(head);
  const to = kind === "challenge" ? "uncompressed" : "compressed";
  if (layout.form === to) await eachBlock(accumulator, pointsRange(layout), sink, tools);
  else {
    const label = `recomputing the ${kind} of ${source.name}`;
    await eachChunk(accumulator, { to, label }, tools, async (_, { encoded }) => {
      if (encoded) await sink(encoded);
    });
  }
  if (kind === "response" && key) await sink(encodeKey(layout.curve, key));
}

/** BLAKE2b-512 of those bytes. @throws CeremonyFileError for a point that is not on its curve */
export async function derivedHash(
  accumulator: Accumulator,
  kind: "challenge" | "response",
  head: Uint8Array,
  tools: Tools,
): Promise<Uint8Array> {
  const hasher = tools.createHash();
  await eachDerivedBlock(accumulator, { kind, head }, (block) => hasher.update(block), tools);
  return Uint8Array.from(hasher.digest());
}

/** The bytes of the first challenge: all points are generators. */
export function* initialBlocks(
  { curve, power }: Pick<Layout, "curve" | "power">,
  tools: Pick<Tools, "createHash">,
): Generator<Uint8Array> {
  yield Uint8Array.from(tools.createHash().digest());
  function* repeat(point: Uint8Array, points: number): Generator<Uint8Array> {
    const atOnce = Math.min(points, 1 << 14);
    const block = new Uint8Array(atOnce * point.length);
    for (let i = 0; i < atOnce; i++) block.set(point, i * point.length);
    for (let left = points; left > 0; left -= atOnce)
      yield block.subarray(0, Math.min(left, atOnce) * point.length);
  }
  const g1 = curve.G1.encode(curve.G1.base, "uncompressed");
  const g2 = curve.G2.encode(curve.G2.base, "uncompressed");
  yield* repeat(g1, 2 ** (power + 1) - 1);
  yield* repeat(g2, 2 ** power);
  yield* repeat(g1, 2 ** (power + 1));
  yield* repeat(g2, 1);
}

/** BLAKE2b-512 of the first challenge. */
export function initialHash(
  layout: Pick<Layout, "curve" | "power">,
  tools: Pick<Tools, "createHash">,
): Uint8Array {
  const hasher = tools.createHash();
  for (const block of initialBlocks(layout, tools)) hasher.update(block);
  return Uint8Array.from(hasher.digest());
}

/** The first point of a challenge that is not the point of the response before it; undefined if all are the same. */
export async function firstDifference(
  challenge: Accumulator,
  response: Accumulator,
  tools: Tools,
): Promise<{ readonly section: string; readonly index: number } | undefined> {
  let found: { readonly section: string; readonly index: number } | undefined;
  const label = `comparing ${challenge.source.name} with ${response.source.name}`;
  const options = { to: response.layout.form, label };
  await eachChunk(challenge, options, tools, async ({ section, first, points }, { encoded }) => {
    if (found || !encoded) return;
    const other = sectionOf(response.layout, section.name);
    const bytes = await response.source.read(pointStart(other, first), points * other.pointBytes);
    const at = encoded.findIndex((byte, i) => byte !== bytes[i]);
    if (at !== -1) found = { section: section.name, index: first + Math.floor(at / other.pointBytes) };
  });
  return found;
}

export type PowerChecks = {
  readonly powersTauG1: boolean;
  readonly powersTauG2: boolean;
  readonly powersAlphaG1: boolean;
  readonly powersBetaG1: boolean;
};

type Point<F> = ReturnType<Group<F>["decode"]>;

/** Random scalars, of `scalarBits` each. */
export function randomScalars(count: number): bigint[] {
  return Array.from({ length: count }, () => bytesToNumberBE(randomBytes(scalarBits / 8)));
}

/** For each combination, its sums over all chunks of one section. @param use is called with each chunk, in order */
export async function sectionSums<F>(
  file: PointFile,
  group: Group<F>,
  name: string,
  options: Required<Pick<StreamOptions, "overlap" | "combine">> & Pick<StreamOptions, "to">,
  tools: Tools,
  use: (chunk: Chunk, result: PointResult) => void = () => undefined,
): Promise<readonly Point<F>[]> {
  const totals: Point<F>[] = [];
  const sections = [sectionOf(file.layout, name)];
  const label = `checking ${name} of ${file.source.name}`;
  await eachChunk(file, { ...options, label, sections }, tools, (chunk, result) => {
    use(chunk, result);
    for (const [i, sum] of result.sums.entries()) {
      const part = sum === undefined ? group.zero : group.decode(sum, "uncompressed");
      totals[i] = totals[i]?.add(part) ?? part;
    }
  });
  return totals;
}

/**
 * A random combination of all points of a section but the last, and the same of their successors.
 * @param hasher also gets all points, uncompressed
 */
export async function successorSums<F>(
  file: PointFile,
  group: Group<F>,
  name: string,
  tools: Tools,
  hasher?: Hasher,
): Promise<readonly [Point<F>, Point<F>]> {
  const combine = ({ points }: Chunk): readonly (readonly bigint[])[] => {
    const scalars = randomScalars(points - 1);
    return [
      [...scalars, 0n],
      [0n, ...scalars],
    ];
  };
  const pointBytes = group.bytesOf("uncompressed");
  const [lower = group.zero, upper = group.zero] = await sectionSums(
    file,
    group,
    name,
    { overlap: 1, combine, ...(hasher && { to: "uncompressed" }) },
    tools,
    ({ first }, { encoded }) => {
      // The first point of a chunk is the last one of the chunk before.
      if (encoded) hasher?.update(first === 0 ? encoded : encoded.subarray(pointBytes));
    },
  );
  return [lower, upper];
}

/**
 * Checks by a random linear combination that each section's points are successive powers of τ. Each point is on its curve, in its
 * subgroup and not at infinity.
 * @throws CeremonyFileError for a point that is not one of its group
 */
export async function checkPowers(accumulator: Accumulator, tools: Tools): Promise<PowerChecks> {
  const { layout, first } = accumulator;
  const { curve } = layout;
  const { G1, G2 } = curve;
  const inG1 = async (name: SectionName): Promise<boolean> =>
    sameRatio(curve, await successorSums(accumulator, G1, name, tools), [G2.base, first.tauG2]);
  return {
    powersTauG1: await inG1("tauG1"),
    powersTauG2: sameRatio(
      curve,
      [G1.base, first.tauG1],
      await successorSums(accumulator, G2, "tauG2", tools),
    ),
    powersAlphaG1: await inG1("alphaTauG1"),
    powersBetaG1: await inG1("betaTauG1"),
  };
}
