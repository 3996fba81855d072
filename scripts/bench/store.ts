/**
 * Measures `whitepay store` and `get` of one file, each command and each provider a process of its own, against the slowest of their parts, each
 * alone in the same run: encryption (ChaCha20-Poly1305 of 64 KiB), hashing to a piece on one core, and a bare libp2p stream between two
 * processes. The time of the same command with a file of 1 byte is taken off: it is start, chain and consent.
 *
 * Also the CPU time of each process for each megabyte, which other load on the machine changes less, and its largest memory. With `--sparse` the
 * file is zeros that take no disk; what is sent is encrypted, so it makes no difference.
 *
 *   node scripts/bench/store.ts [--megabytes 256] [--copies 1] [--sparse] [--json]
 */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { open } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { byteStream } from "@libp2p/utils";
import { multiaddr } from "@multiformats/multiaddr";
import { chunkBytes, chunkNonce, tagBytes } from "../../client/storing/age-stream.ts";
import { nodeCipher } from "../../cli/store/cipher.ts";
import { dialingNode } from "../../cli/group/retrieve/download.ts";
import { segmentBytes } from "../../storage/core/geometry.ts";
import { SegmentHasher } from "../../storage/disk/segment-hasher.ts";
import { openStoring, type Storing } from "../../test/support/storing.ts";
import { generatedBytes } from "../fleet/files.ts";
import { Processes } from "../fleet/processes.ts";
import { useOf, useUntilEnd, type Use } from "./process-use.ts";

export type StoreFigures = {
  readonly megabytes: number;
  readonly copies: number;
  /** Megabytes a second; `store` and `get`: of the file, however many its copies. */
  readonly encryption: number;
  readonly hashing: number;
  readonly stream: number;
  readonly store: number;
  readonly get: number;
  /** Of the slowest part; a store sends every copy. */
  readonly storeRatio: number;
  readonly getRatio: number;
  /** CPU time for each megabyte of the file. */
  readonly cpu_ms: {
    readonly [of in "stream" | "storeClient" | "storeProviders" | "getClient" | "getProviders"]: number;
  };
  /** Largest resident memory, with the file of 1 byte and with the large one. */
  readonly small_MiB: { readonly store: number; readonly get: number };
  readonly peak_MiB: { readonly store: number; readonly get: number; readonly provider: number };
};

async function timed(work: () => unknown): Promise<number> {
  const start = performance.now();
  await work();
  return (performance.now() - start) / 1000;
}

function encrypt(megabytes: number): void {
  const key = new Uint8Array(32);
  const plain = new Uint8Array(chunkBytes);
  const sealed = new Uint8Array(chunkBytes + tagBytes);
  const chunks = (megabytes * 1e6) / chunkBytes;
  for (let chunk = 0; chunk < chunks; chunk++) nodeCipher.seal(key, chunkNonce(chunk, false), plain, sealed);
}

function hash(megabytes: number): void {
  const hasher = new SegmentHasher();
  const segments = (megabytes * 1e6) / segmentBytes;
  for (let segment = 0; segment < segments; segment++) hasher.hashSegment();
}

type Streamed = { readonly seconds: number; readonly cpu_ms: number };

/** One stream to another process. */
async function stream(megabytes: number, folder: string): Promise<Streamed> {
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
    const send = async (count: number): Promise<void> => {
      const places = addresses.map((one) => multiaddr(one));
      const opened = await node.dialProtocol(places, "/whitepay-bench/sink/1");
      const io = byteStream(opened);
      const chunk = new Uint8Array(1_000_000);
      for (let i = 0; i < count; i++) await io.write(chunk);
      await opened.close();
      await io.read();
    };
    await send(8); // warms the compiler
    const [own, other] = [process.cpuUsage(), await useOf(sink.pid)];
    const seconds = await timed(() => send(megabytes));
    const { user, system } = process.cpuUsage(own);
    const sunk_ms = ((await useOf(sink.pid))?.cpu_ms ?? 0) - (other?.cpu_ms ?? 0);
    return { seconds, cpu_ms: (user + system) / 1000 + sunk_ms };
  } finally {
    await node.stop();
    await processes.stopAll();
  }
}

async function makeFile(path: string, { megabytes, sparse }: BenchOptions): Promise<void> {
  const file = await open(path, "w");
  if (sparse) await file.truncate(megabytes * 1_000_000);
  else for (let i = 0; i < megabytes; i++) await file.write(generatedBytes(`bench ${i}`, 1_000_000));
  await file.close();
}

type BenchOptions = { readonly megabytes: number; readonly copies: number; readonly sparse: boolean };
type Ran = { readonly seconds: number; readonly client: Use; readonly providers_ms: number };

/** Runs a command to its end, and looks at its process and the providers'. */
async function runCommand(scene: Storing, ...args: string[]): Promise<Ran> {
  const before_ms = await providersCpu(scene);
  const start = performance.now();
  const command = scene.start(...args, "--json");
  const client = await useUntilEnd(command.pid, command.ended);
  const { code, stderr } = await command.ended;
  const seconds = (performance.now() - start) / 1000;
  if (code !== 0) throw new Error(`whitepay ${args.join(" ")}: exit ${code}\n${stderr}`);
  return { seconds, client, providers_ms: (await providersCpu(scene)) - before_ms };
}

async function providerUses({ community }: Storing): Promise<(Use | undefined)[]> {
  return Promise.all(community.providers.daemons.map(({ pid }) => useOf(pid)));
}

async function providersCpu(scene: Storing): Promise<number> {
  return (await providerUses(scene)).reduce((sum, use) => sum + (use?.cpu_ms ?? 0), 0);
}

/** An hour for ten gigabytes. */
const limit_ms = 3_600_000;

async function measureStore(bench: BenchOptions): Promise<StoreFigures> {
  const { megabytes, copies } = bench;
  const folder = await mkdtemp(join(tmpdir(), "whitepay-bench-"));
  const scene = await openStoring({ providers: copies, limit_ms });
  try {
    const [large, small] = [join(folder, "large.bin"), join(folder, "small.bin")];
    await makeFile(large, bench);
    await writeFile(small, "x");
    const options = ["--copies", String(copies), "--for", "5000blocks", "--yes"];
    // The first one makes the group.
    await writeFile(join(folder, "first.bin"), "x");
    await runCommand(scene, "store", join(folder, "first.bin"), ...options);
    const smallStore = await runCommand(scene, "store", small, ...options);
    const largeStore = await runCommand(scene, "store", large, ...options);
    await rm(large);
    const out = join(folder, "out");
    const smallGet = await runCommand(scene, "get", "small.bin", "--out", out);
    const largeGet = await runCommand(scene, "get", "large.bin", "--out", out);
    const peaks = (await providerUses(scene)).map((use) => use?.peak_MiB ?? 0);
    // As much as is compared in a reasonable time; a part's speed does not depend on it.
    const some = Math.min(megabytes, 256);
    encrypt(8); // warms the compiler
    hash(8);
    const streamed = await stream(some, folder);
    const parts = {
      encryption: some / (await timed(() => encrypt(some))),
      hashing: some / (await timed(() => hash(some))),
      stream: some / streamed.seconds,
    };
    const slowest = Math.min(...Object.values(parts));
    const speed = (long: Ran, short: Ran): number => megabytes / (long.seconds - short.seconds);
    const [store, get] = [speed(largeStore, smallStore), speed(largeGet, smallGet)];
    const each = (long_ms: number, short_ms: number): number => (long_ms - short_ms) / megabytes;
    return {
      megabytes,
      copies,
      ...parts,
      store,
      get,
      storeRatio: (store * copies) / slowest,
      getRatio: get / slowest,
      cpu_ms: {
        stream: streamed.cpu_ms / some,
        storeClient: each(largeStore.client.cpu_ms, smallStore.client.cpu_ms),
        storeProviders: each(largeStore.providers_ms, smallStore.providers_ms),
        getClient: each(largeGet.client.cpu_ms, smallGet.client.cpu_ms),
        getProviders: each(largeGet.providers_ms, smallGet.providers_ms),
      },
      small_MiB: { store: smallStore.client.peak_MiB, get: smallGet.client.peak_MiB },
      peak_MiB: {
        store: largeStore.client.peak_MiB,
        get: largeGet.client.peak_MiB,
        provider: Math.max(...peaks),
      },
    };
  } finally {
    await scene.close();
    await rm(folder, { recursive: true, force: true });
  }
}

function print(figures: StoreFigures): void {
  const { megabytes, copies, storeRatio, getRatio, cpu_ms, small_MiB, peak_MiB, ...speeds } = figures;
  const line = (name: string, text: string): void => void process.stdout.write(`${name.padEnd(16)}${text}\n`);
  line("file", `${megabytes} MB, ${copies === 1 ? "1 copy" : `${copies} copies`}`);
  for (const [name, value] of Object.entries(speeds)) line(name, `${value.toFixed(0)} MB/s`);
  line("store ratio", `${storeRatio.toFixed(2)} of the slowest part`);
  line("get ratio", `${getRatio.toFixed(2)} of the slowest part`);
  for (const [name, value] of Object.entries(cpu_ms)) line(name, `${value.toFixed(1)} ms of CPU a megabyte`);
  line(
    "store memory",
    `${peak_MiB.store.toFixed(0)} MiB (file of 1 byte: ${small_MiB.store.toFixed(0)} MiB)`,
  );
  line("get memory", `${peak_MiB.get.toFixed(0)} MiB (file of 1 byte: ${small_MiB.get.toFixed(0)} MiB)`);
  line("provider memory", `${peak_MiB.provider.toFixed(0)} MiB`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { values } = parseArgs({
    options: {
      megabytes: { type: "string", default: "256" },
      copies: { type: "string", default: "1" },
      sparse: { type: "boolean", default: false },
      json: { type: "boolean", default: false },
    },
  });
  const { megabytes, copies, sparse, json } = values;
  const figures = await measureStore({ megabytes: Number(megabytes), copies: Number(copies), sparse });
  if (json) process.stdout.write(`${JSON.stringify(figures)}\n`);
  else print(figures);
}
