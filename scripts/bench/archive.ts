/**
 * Measures how fast `archive import` hashes a file, beside the rate of each of its hashes alone on one core, all in the same run. The target on one
 * core is 0.9 of 1/Σ(1/rate), on two cores 0.8 of the slowest hash alone. Rates are by time, and by CPU time, of all threads: on a busy machine
 * only the second ratio means something. Pin it for one core:
 *
 *   taskset -c 0 node scripts/bench/archive.ts [--megabytes 256] [--rounds 5] [--json]
 */
import { createHash, randomFillSync } from "node:crypto";
import { mkdtemp, open, rm } from "node:fs/promises";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { installFastHashes } from "../../daemon/hashing/install.ts";
import { hashFileOnce } from "../../cli/archive/file-stream.ts";
import { rangeBytes } from "../../storage/core/range.ts";
import { hashesOf } from "../../storage/disk/range-hashes.ts";

/** Bytes a second. */
type Rate = { readonly byTime: number; readonly byCpu: number };
type Kind = "blake2b" | "sha256" | "tree";
type Rates = Readonly<Record<Kind | "import", Rate>>;

/** A round of one hash alone covers so many bytes. */
const aloneBytes = 64 * rangeBytes;

async function rateOf(bytes: number, work: () => void | Promise<void>): Promise<Rate> {
  const [started_ms, cpu] = [performance.now(), process.cpuUsage()];
  await work();
  const { user, system } = process.cpuUsage(cpu);
  return {
    byTime: (bytes * 1000) / (performance.now() - started_ms),
    byCpu: (bytes * 1e6) / (user + system),
  };
}

/** One hash alone, from memory, in the caller's thread. */
function hashAlone(block: Uint8Array, kind: Kind): void {
  const hash = createHash(kind === "blake2b" ? "blake2b512" : "sha256");
  for (let bytes = 0; bytes < aloneBytes; bytes += block.length) {
    if (kind === "tree") hashesOf(block);
    else hash.update(block);
  }
  hash.digest();
}

const better = (a: Rate | undefined, b: Rate): Rate =>
  a === undefined ? b : { byTime: Math.max(a.byTime, b.byTime), byCpu: Math.max(a.byCpu, b.byCpu) };

/** Alternates the measurements, so that other load on the machine slows all of them, and takes the best of each. */
async function measure(file: string, size: number, rounds: number): Promise<Rates> {
  const block = randomFillSync(new Uint8Array(rangeBytes));
  const best: { -readonly [kind in keyof Rates]?: Rate } = {};
  const kinds = ["blake2b", "sha256", "tree"] as const;
  const hashFile = async (): Promise<void> => void (await hashFileOnce(file));
  // Warms the page cache, the compiler and the threads.
  for (const kind of kinds) hashAlone(block, kind);
  await hashFile();
  for (let round = 0; round < rounds; round++) {
    for (const kind of kinds) {
      best[kind] = better(best[kind], await rateOf(aloneBytes, () => hashAlone(block, kind)));
    }
    best.import = better(best.import, await rateOf(size, hashFile));
  }
  return best as Rates;
}

/** The rate of the import over that of the hashes one after another, and over that of the slowest alone. */
function ratios(rates: Rates, by: keyof Rate): { readonly ofTogether: number; readonly ofSlowest: number } {
  const own = [rates.blake2b[by], rates.sha256[by], rates.tree[by]];
  const together_s = own.reduce((sum, rate) => sum + 1 / rate, 0);
  return { ofTogether: rates.import[by] * together_s, ofSlowest: rates.import[by] / Math.min(...own) };
}

async function writeSample(path: string, bytes: number): Promise<void> {
  const file = await open(path, "wx");
  try {
    const block = randomFillSync(new Uint8Array(1 << 20));
    for (let written = 0; written < bytes;) {
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
  const [megabytes, rounds] = [Number(values.megabytes), Number(values.rounds)];
  for (const value of [megabytes, rounds]) {
    if (!Number.isSafeInteger(value) || value < 1 || value > 100_000) {
      throw new RangeError("--megabytes and --rounds: expected whole numbers from 1 to 100000");
    }
  }
  installFastHashes();
  const folder = await mkdtemp(join(tmpdir(), "whitepay-bench-"));
  try {
    const [file, size] = [join(folder, "sample"), megabytes * 1_000_000];
    await writeSample(file, size);
    const rates = await measure(file, size, rounds);
    const cores = availableParallelism();
    const [byTime, byCpu] = [ratios(rates, "byTime"), ratios(rates, "byCpu")];
    if (values.json) {
      process.stdout.write(`${JSON.stringify({ bytes: size, cores, rates, ratios: { byTime, byCpu } })}\n`);
      return;
    }
    const speed = (rate: number): string => `${(rate / 1e6).toFixed(0)} MB/s`;
    const line = (name: string, rate: Rate): string =>
      `${name.padEnd(13)}${speed(rate.byTime)}, by CPU time ${speed(rate.byCpu)}`;
    process.stdout.write(
      [
        `${megabytes} MB, best of ${rounds} rounds, cores: ${cores}`,
        line("BLAKE2b-512", rates.blake2b),
        line("SHA-256", rates.sha256),
        line("piece root", rates.tree),
        line("import", rates.import),
        `import over 1/Σ(1/rate): ${byTime.ofTogether.toFixed(2)}, by CPU time ${byCpu.ofTogether.toFixed(2)}`,
        `import over the slowest: ${byTime.ofSlowest.toFixed(2)}`,
        "",
      ].join("\n"),
    );
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

await main().catch((error: unknown) => {
  process.stderr.write(`${(error as Error).message}\n`);
  process.exitCode = error instanceof RangeError || error instanceof TypeError ? 2 : 1;
});
