/**
 * Measures `whitepay store` and `get` of one file with one provider, each a process of its own, against the slowest of their parts, each
 * alone in the same run: encryption (ChaCha20-Poly1305 of 64 KiB), hashing to a piece on one core, and a bare libp2p stream between two
 * processes. The time of the same command with a file of 1 byte is taken off: it is start, chain and consent.
 *
 *   node scripts/bench/store.ts [--megabytes 256] [--json]
 */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { open } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { byteStream } from "@libp2p/utils";
import { multiaddr } from "@multiformats/multiaddr";
import { chunkBytes, chunkNonce } from "../../client/storing/age-stream.ts";
import { nodeCipher } from "../../cli/store/cipher.ts";
import { dialingNode } from "../../cli/group/retrieve/download.ts";
import { segmentBytes } from "../../storage/core/geometry.ts";
import { SegmentHasher } from "../../storage/disk/segment-hasher.ts";
import { openStoring } from "../../test/support/storing.ts";
import { generatedBytes } from "../fleet/files.ts";
import { Processes } from "../fleet/processes.ts";

export type StoreFigures = {
  readonly megabytes: number;
  /** Megabytes a second. */
  readonly encryption: number;
  readonly hashing: number;
  readonly stream: number;
  readonly store: number;
  readonly get: number;
  /** Of the slowest part. */
  readonly storeRatio: number;
  readonly getRatio: number;
};

async function timed(work: () => unknown): Promise<number> {
  const start = performance.now();
  await work();
  return (performance.now() - start) / 1000;
}

function encrypt(megabytes: number): void {
  const key = new Uint8Array(32);
  const plain = new Uint8Array(chunkBytes);
  const chunks = (megabytes * 1e6) / chunkBytes;
  for (let chunk = 0; chunk < chunks; chunk++) nodeCipher.seal(key, chunkNonce(chunk, false), plain);
}

function hash(megabytes: number): void {
  const hasher = new SegmentHasher();
  const segments = (megabytes * 1e6) / segmentBytes;
  for (let segment = 0; segment < segments; segment++) hasher.hashSegment();
}

/** Seconds for one stream to another process. */
async function stream(megabytes: number, folder: string): Promise<number> {
  const processes = new Processes((failure) => {
    throw failure;
  });
  const script = fileURLToPath(new URL("store-sink.ts", import.meta.url));
  const sink = processes.start({
    name: "the sink",
    args: [script],
    logFile: join(folder, "sink.log"),
    daemon: true,
  });
  const node = await dialingNode();
  try {
    const { addresses } = (await sink.ready) as { addresses: string[] };
    const opened = await node.dialProtocol(
      addresses.map((one) => multiaddr(one)),
      "/whitepay-bench/sink/1",
    );
    const io = byteStream(opened);
    const chunk = new Uint8Array(1_000_000);
    return await timed(async () => {
      for (let i = 0; i < megabytes; i++) await io.write(chunk);
      await opened.close();
      await io.read();
    });
  } finally {
    await node.stop();
    await processes.stopAll();
  }
}

async function measure(megabytes: number): Promise<StoreFigures> {
  const folder = await mkdtemp(join(tmpdir(), "whitepay-bench-"));
  const scene = await openStoring({ providers: 1 });
  try {
    const [large, small] = [join(folder, "large.bin"), join(folder, "small.bin")];
    const file = await open(large, "w");
    for (let i = 0; i < megabytes; i++) await file.write(generatedBytes(`bench ${i}`, 1_000_000));
    await file.close();
    await writeFile(small, "x");
    const options = ["--copies", "1", "--for", "5000blocks", "--yes"];
    // The first one makes the group.
    await writeFile(join(folder, "first.bin"), "x");
    await scene.json("store", join(folder, "first.bin"), ...options);
    const smallStore = await timed(() => scene.json("store", small, ...options));
    const largeStore = await timed(() => scene.json("store", large, ...options));
    const smallGet = await timed(() => scene.json("get", "small.bin", "--out", join(folder, "out")));
    const largeGet = await timed(() => scene.json("get", "large.bin", "--out", join(folder, "out")));
    encrypt(8); // warms the compiler
    hash(8);
    const parts = {
      encryption: megabytes / (await timed(() => encrypt(megabytes))),
      hashing: megabytes / (await timed(() => hash(megabytes))),
      stream: megabytes / (await stream(megabytes, folder)),
    };
    const slowest = Math.min(...Object.values(parts));
    const [store, get] = [megabytes / (largeStore - smallStore), megabytes / (largeGet - smallGet)];
    return { megabytes, ...parts, store, get, storeRatio: store / slowest, getRatio: get / slowest };
  } finally {
    await scene.close();
    await rm(folder, { recursive: true, force: true });
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { values } = parseArgs({
    options: { megabytes: { type: "string", default: "256" }, json: { type: "boolean", default: false } },
  });
  const figures = await measure(Number(values.megabytes));
  if (values.json) process.stdout.write(`${JSON.stringify(figures)}\n`);
  else {
    for (const [name, value] of Object.entries(figures)) {
      const unit = name.endsWith("Ratio") ? "" : name === "megabytes" ? " MB" : " MB/s";
      process.stdout.write(`${name.padEnd(12)}${value.toFixed(name.endsWith("Ratio") ? 2 : 0)}${unit}\n`);
    }
  }
}
