/**
 * Measures how fast a file is hashed to a piece, and how fast plain SHA-256 hashes the same bytes, read in the same way. Their ratio
 * is the cost of the tree, independent of the machine. Both run on one core, without the start of threads; the speed on all cores is
 * that of `hashFile`, as commands use it.
 *
 *   node scripts/bench/ingest.ts [--megabytes 256] [--rounds 5] [--json]
 */
import { createHash } from "node:crypto";
import { mkdtemp, open, rm, stat } from "node:fs/promises";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { pieceGeometry } from "../../storage/core/geometry.ts";
import { hashFile } from "../../storage/disk/hash-file.ts";
import { chunkSegments, ChunkHasher } from "../../storage/disk/hash-task.ts";
import type { HashTask } from "../../storage/disk/hash-task.ts";

export type IngestFigures = {
  readonly bytes: number;
  /** Best of the rounds on one core, bytes a second. */
  readonly rawBytesPerSecond: number;
  readonly treeBytesPerSecond: number;
  /** Tree speed over raw speed, on one core. */
  readonly ratio: number;
};

/** Alternates raw and tree rounds, so that other load on the machine slows both, and takes the best of each. */
async function measureIngest(options: {
  readonly file: string;
  readonly rounds: number;
}): Promise<IngestFigures> {
  const { file, rounds } = options;
  const { size } = await stat(file);
  hashOnce({ source: file, size }); // warms the page cache and the compiler
  let raw_ms = Number.POSITIVE_INFINITY;
  let tree_ms = Number.POSITIVE_INFINITY;
  for (let round = 0; round < rounds; round++) {
    raw_ms = Math.min(raw_ms, hashOnce({ source: file, size, rawStream: true }));
    tree_ms = Math.min(tree_ms, hashOnce({ source: file, size }));
  }
  const perSecond = (ms: number): number => (size / ms) * 1000;
  return {
    bytes: size,
    rawBytesPerSecond: perSecond(raw_ms),
    treeBytesPerSecond: perSecond(tree_ms),
    ratio: raw_ms / tree_ms,
  };
}

/** Milliseconds that one thread takes for all chunks of a task, with the code of a worker of `hashFile`. */
function hashOnce(task: HashTask): number {
  const chunks = Math.ceil(pieceGeometry(task.size).segments / chunkSegments);
  const hasher = new ChunkHasher(task);
  try {
    const start = performance.now();
    for (let chunk = 0; chunk < chunks; chunk++) hasher.hashChunk(chunk);
    return performance.now() - start;
  } finally {
    hasher.close();
  }
}

/** Bytes a second of `hashFile` on all cores, with the start of its threads. */
async function measureAllCores(file: string, rounds: number): Promise<number> {
  let best = 0;
  for (let round = 0; round < rounds; round++) {
    const start = performance.now();
    const { size } = await hashFile(file);
    best = Math.max(best, (size / (performance.now() - start)) * 1000);
  }
  return best;
}

/** A file of `bytes` bytes that do not compress: a hash of the position in every 32. */
async function writeSample(path: string, bytes: number): Promise<void> {
  const file = await open(path, "wx");
  try {
    const block = Buffer.alloc(1 << 20);
    for (let at = 0; at < block.length; at += 32)
      createHash("sha256").update(String(at)).digest().copy(block, at);
    for (let written = 0; written < bytes;) {
      block.writeUInt32BE(written >>> 20, 0);
      const { bytesWritten } = await file.write(block, 0, Math.min(block.length, bytes - written));
      written += bytesWritten;
    }
  } finally {
    await file.close();
  }
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      megabytes: { type: "string", default: "256" },
      rounds: { type: "string", default: "5" },
      json: { type: "boolean", default: false },
    },
  });
  const count = (name: "megabytes" | "rounds"): number => {
    const value = Number(values[name]);
    if (!Number.isSafeInteger(value) || value < 1 || value > 1_000_000) {
      throw new RangeError(`--${name}: expected a whole number from 1, actual ${values[name]}`);
    }
    return value;
  };
  const folder = await mkdtemp(join(tmpdir(), "whitepay-bench-"));
  try {
    const file = join(folder, "sample");
    await writeSample(file, count("megabytes") * 1_000_000);
    const figures = await measureIngest({ file, rounds: count("rounds") });
    const allCoresBytesPerSecond = await measureAllCores(file, Math.min(3, count("rounds")));
    if (values.json) {
      process.stdout.write(
        `${JSON.stringify({ ...figures, allCoresBytesPerSecond, cores: availableParallelism() })}\n`,
      );
      return;
    }
    const speed = (bytesPerSecond: number): string => `${(bytesPerSecond / 1e6).toFixed(0)} MB/s`;
    process.stdout.write(
      [
        `file       ${(figures.bytes / 1e6).toFixed(0)} MB, best of ${count("rounds")} rounds`,
        `raw        ${speed(figures.rawBytesPerSecond)} on one core`,
        `tree       ${speed(figures.treeBytesPerSecond)} on one core`,
        `ratio      ${figures.ratio.toFixed(2)}`,
        `all cores  ${speed(allCoresBytesPerSecond)} on ${availableParallelism()}`,
        "",
      ].join("\n"),
    );
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await main().catch((error: unknown) => {
    process.stderr.write(`${(error as Error).message}\n`);
    process.exitCode = error instanceof RangeError || error instanceof TypeError ? 2 : 1;
  });
}
