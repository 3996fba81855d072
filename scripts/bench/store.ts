/**
 * Measures `whitepay store` and `get` of one file, each command and each provider a process of its own, against the slowest of their parts, each
 * alone in the same run: encryption (ChaCha20-Poly1305 of 64 KiB), hashing to a piece on one core, and a bare libp2p stream between two
 * processes. The parts are measured before and after the commands. The time of the same command with a file of 1 byte is taken off: it is start,
 * chain and consent. The ratio of a store counts the encrypted bytes that it sends: those of all copies. "sending" is the part of the store after
 * its copies were encrypted and hashed for the first time, as the command itself says.
 *
 * Payer and providers share the cores here, and each part alone has them for itself. So the bound is printed as well: the speed on otherwise idle
 * cores that do nothing but the parts that a sent or received megabyte needs (`partsOf`), by their CPU time. Other programs lower speeds and
 * ratios; the number of cores in use tells how much. They hardly change how often the CPU time of its parts a command takes.
 *
 * Also the CPU time of each process for each megabyte, and the largest memory of each. With `--sparse` the file is zeros that take no disk; what is sent is
 * encrypted, so it makes no difference.
 *
 *   node scripts/bench/store.ts [--megabytes 256] [--copies 1] [--sparse] [--json]
 */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { open } from "node:fs/promises";
import { availableParallelism, cpus, tmpdir } from "node:os";
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
  /** The part of `store` in which its copies are sent and written to the disks; they are made and hashed before. */
  readonly sending: number;
  readonly get: number;
  /** Of the slowest part; a store sends every copy. */
  readonly storeRatio: number;
  readonly sendingRatio: number;
  readonly getRatio: number;
  readonly cores: number;
  /** The speeds that the cores allow, as `store` and `get`. */
  readonly storeBound: number;
  readonly getBound: number;
  /** CPU time of the command and the providers, of that of the parts. */
  readonly overParts: { readonly store: number; readonly get: number };
  /** Cores in use on average: of the command and the providers, and of everything on the machine. */
  readonly used: { readonly [of in "store" | "get"]: { readonly own: number; readonly all: number } };
  /** CPU time for each megabyte of the file. */
  readonly cpu_ms: {
    readonly [
      of in
        | "encryption"
        | "hashing"
        | "stream"
        | "storeClient"
        | "storeProviders"
        | "getClient"
        | "getProviders"
    ]: number;
  };
  /** Largest resident memory, with the file of 1 byte and with the large one. */
  readonly small_MiB: { readonly store: number; readonly get: number };
  readonly peak_MiB: { readonly store: number; readonly get: number; readonly provider: number };
};

type Took = { readonly seconds: number; readonly cpu_ms: number };

/** Time, and CPU time of this process. */
async function timed(work: () => unknown): Promise<Took> {
  const [own, start] = [process.cpuUsage(), performance.now()];
  await work();
  const seconds = (performance.now() - start) / 1000;
  const { user, system } = process.cpuUsage(own);
  return { seconds, cpu_ms: (user + system) / 1000 };
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

/** One stream to another process; CPU time of both. */
async function stream(megabytes: number, folder: string): Promise<Took> {
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
    const before = await useOf(sink.pid);
    const { seconds, cpu_ms } = await timed(() => send(megabytes));
    const sunk_ms = ((await useOf(sink.pid))?.cpu_ms ?? 0) - (before?.cpu_ms ?? 0);
    return { seconds, cpu_ms: cpu_ms + sunk_ms };
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
type Ran = {
  readonly seconds: number;
  readonly client: Use;
  readonly stderr: string;
  readonly providers_ms: number;
  /** CPU time of everything on the machine. */
  readonly all_ms: number;
};

type Part = "encryption" | "hashing" | "stream";
const partNames: readonly Part[] = ["encryption", "hashing", "stream"];

/**
 * How often a byte goes through each part. Store: the payer encrypts a copy once for its root and once to send it, and hashes it; the provider
 * hashes it when it arrives. Get: the provider verifies what it reads, and the payer what arrives.
 */
const partsOf = {
  store: { encryption: 2, hashing: 2, stream: 1 },
  get: { encryption: 1, hashing: 2, stream: 1 },
} as const;

/** Each part alone. */
async function measureParts(megabytes: number, folder: string): Promise<Record<Part, Took>> {
  encrypt(8); // warms the compiler
  hash(8);
  return {
    stream: await stream(megabytes, folder),
    encryption: await timed(() => encrypt(megabytes)),
    hashing: await timed(() => hash(megabytes)),
  };
}

/** Time in which a core was busy since the machine started. */
function busy_ms(): number {
  return cpus().reduce((sum, { times: { user, nice, sys, irq } }) => sum + user + nice + sys + irq, 0);
}

/** Runs a command to its end, and looks at its process and the providers'. */
async function runCommand(scene: Storing, ...args: string[]): Promise<Ran> {
  const before_ms = await providersCpu(scene);
  const before_all_ms = busy_ms();
  const start = performance.now();
  const command = scene.start(...args, "--json");
  const client = await useUntilEnd(command.pid, command.ended);
  const { code, stderr } = await command.ended;
  const seconds = (performance.now() - start) / 1000;
  if (code !== 0) throw new Error(`whitepay ${args.join(" ")}: exit ${code}\n${stderr}`);
  const providers_ms = (await providersCpu(scene)) - before_ms;
  return { seconds, client, stderr, providers_ms, all_ms: busy_ms() - before_all_ms };
}

async function providerUses({ community }: Storing): Promise<(Use | undefined)[]> {
  return Promise.all(community.providers.daemons.map(({ pid }) => useOf(pid)));
}

async function providersCpu(scene: Storing): Promise<number> {
  return (await providerUses(scene)).reduce((sum, use) => sum + (use?.cpu_ms ?? 0), 0);
}

function sendingSeconds({ stderr }: Ran): number {
  const said = /^sent .* in ([\d.]+) s;/m.exec(stderr)?.[1];
  if (said === undefined) throw new Error(`expected "sent … in … s" in:\n${stderr}`);
  return Number(said);
}

function usedBy({ seconds, client, providers_ms, all_ms }: Ran): { own: number; all: number } {
  return { own: (client.cpu_ms + providers_ms) / 1000 / seconds, all: all_ms / 1000 / seconds };
}

/** An hour for ten gigabytes. */
const limit_ms = 3_600_000;

export async function measureStore(bench: BenchOptions): Promise<StoreFigures> {
  const { megabytes, copies } = bench;
  const folder = await mkdtemp(join(tmpdir(), "whitepay-bench-"));
  const scene = await openStoring({ providers: copies, limit_ms });
  try {
    const [large, small] = [join(folder, "large.bin"), join(folder, "small.bin")];
    await makeFile(large, bench);
    await writeFile(small, "x");
    const options = ["--copies", String(copies), "--for", "5000blocks", "--yes"];
    // As much as is compared in a reasonable time; a part's speed does not depend on it.
    const some = Math.min(megabytes, 256);
    const before = await measureParts(some, folder);
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
    const after = await measureParts(some, folder);
    const mean = (of: keyof Took, part: Part): number => (before[part][of] + after[part][of]) / 2 / some;
    const [encryption, hashing, streamed] = partNames.map((part) => 1 / mean("seconds", part)) as [
      number,
      number,
      number,
    ];
    const slowest = Math.min(encryption, hashing, streamed);
    const partsCpu_ms = (times: Readonly<Record<Part, number>>): number =>
      partNames.reduce((sum, part) => sum + times[part] * mean("cpu_ms", part), 0);
    const bound = (times: Readonly<Record<Part, number>>): number =>
      (availableParallelism() * 1000) / partsCpu_ms(times);
    const ownCpu_ms = (long: Ran, short: Ran): number =>
      each(long.client.cpu_ms + long.providers_ms, short.client.cpu_ms + short.providers_ms);
    const speed = (long: Ran, short: Ran): number => megabytes / (long.seconds - short.seconds);
    const sending = megabytes / sendingSeconds(largeStore);
    const [store, get] = [speed(largeStore, smallStore), speed(largeGet, smallGet)];
    const each = (long_ms: number, short_ms: number): number => (long_ms - short_ms) / megabytes;
    return {
      megabytes,
      copies,
      encryption,
      hashing,
      stream: streamed,
      store,
      sending,
      get,
      storeRatio: (store * copies) / slowest,
      sendingRatio: (sending * copies) / slowest,
      getRatio: get / slowest,
      cores: availableParallelism(),
      storeBound: bound(partsOf.store) / copies,
      getBound: bound(partsOf.get),
      overParts: {
        store: ownCpu_ms(largeStore, smallStore) / copies / partsCpu_ms(partsOf.store),
        get: ownCpu_ms(largeGet, smallGet) / partsCpu_ms(partsOf.get),
      },
      used: { store: usedBy(largeStore), get: usedBy(largeGet) },
      cpu_ms: {
        encryption: mean("cpu_ms", "encryption"),
        hashing: mean("cpu_ms", "hashing"),
        stream: mean("cpu_ms", "stream"),
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
  const {
    megabytes,
    copies,
    storeRatio,
    sendingRatio,
    getRatio,
    cores,
    storeBound,
    getBound,
    used,
    ...rest
  } = figures;
  const { overParts, cpu_ms, small_MiB, peak_MiB, ...speeds } = rest;
  const line = (name: string, text: string): void => void process.stdout.write(`${name.padEnd(16)}${text}\n`);
  line("file", `${megabytes} MB, ${copies === 1 ? "1 copy" : `${copies} copies`}`);
  for (const [name, value] of Object.entries(speeds)) line(name, `${value.toFixed(0)} MB/s`);
  const compare = (of: "store" | "get", ratio: number, bound: number): void => {
    line(`${of} ratio`, `${ratio.toFixed(2)} of the slowest part`);
    line(`${of} bound`, `${bound.toFixed(0)} MB/s on ${cores} idle cores for payer and providers together`);
    line(`${of} CPU`, `${overParts[of].toFixed(2)} times the CPU time of its parts`);
    const { own, all } = used[of];
    line(`${of} cores`, `${own.toFixed(2)} used by payer and providers, ${all.toFixed(2)} by everything`);
  };
  line("sending ratio", `${sendingRatio.toFixed(2)} of the slowest part`);
  compare("store", storeRatio, storeBound);
  compare("get", getRatio, getBound);
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
