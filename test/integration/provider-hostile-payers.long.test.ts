/** R43, L4: what payers with bad intent can do to a provider's daemon, which runs as a process of its own. */
import { readdir, readFile, readlink, stat } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { byteStream } from "@libp2p/utils";
import { afterAll, beforeAll, expect, it } from "vitest";
import { addressesOf } from "../../daemon/peers/addresses.ts";
import { startCallingNode } from "../../keeper/adapters/libp2p/node.ts";
import type { CallingNode } from "../../keeper/adapters/libp2p/node.ts";
import { encodeStoreMessage, storeProtocol } from "../../protocol/codec/store.ts";
import { keccakWords } from "../../protocol/hash.ts";
import { maxBodiesOfPeer, pendingConnections, providerConnections } from "../../protocol/limits/derived.ts";
import { waitingBlocks } from "../../provider/store/policy.ts";
import { makePieceList } from "../../storage/core/piece-list.ts";
import { rangeBytes } from "../../storage/core/range.ts";
import { seededBytes } from "../support/files.ts";
import { runProvider } from "../support/provider-process.ts";
import type { ProviderProcess } from "../support/provider-process.ts";
import { parcelOf, rangeOf } from "../support/store-payer.ts";
import type { Parcel, StorePayer } from "../support/store-payer.ts";
import { StoreScene, until } from "../support/store-scene.ts";
import type { StoreProvider } from "../support/store-scene.ts";

const MiB = 2 ** 20;
const test_ms = 600_000;
/** The daemon looks at its requests so often. */
const look_ms = 2_000;
/** What a daemon may need beside its state at rest: the bodies of all peers (about 64 MB), their copies while they are hashed, and garbage. */
const mostGrowth = 256 * MiB;

let scene: StoreScene;

beforeAll(async () => {
  scene = await StoreScene.open();
}, 300_000);
afterAll(() => scene.close());

async function residentBytes({ process: { child } }: ProviderProcess): Promise<number> {
  const status = await readFile(`/proc/${child.pid}/status`, "utf8");
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) * 1024;
}

async function openSockets({ process: { child } }: ProviderProcess): Promise<number> {
  const folder = `/proc/${child.pid}/fd`;
  const names = await readdir(folder);
  const links = await Promise.all(names.map((name) => readlink(join(folder, name)).catch(() => "")));
  return links.filter((link) => link.startsWith("socket:")).length;
}

/** Bytes of the files in a folder and those below. */
async function bytesBelow(folder: string): Promise<number> {
  const entries = await readdir(folder, { withFileTypes: true, recursive: true });
  const files = entries.filter((entry) => entry.isFile());
  const sizes = files.map(({ parentPath, name }) =>
    stat(join(parentPath, name)).then(
      ({ size }) => size,
      () => 0,
    ),
  );
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
}

async function payerOf(
  provider: StoreProvider,
  running: ProviderProcess,
  keeper: number,
): Promise<StorePayer> {
  const { address } = await scene.group();
  return scene.payer(provider, () => running, address, keeper);
}

/** Opens a stream and sends what `next` gives until the provider ends the stream or the signal aborts. */
async function pour(
  { libp2p }: Pick<CallingNode, "libp2p">,
  running: ProviderProcess,
  next: () => Uint8Array,
  signal: AbortSignal,
): Promise<void> {
  const addresses = addressesOf(running.peerId, running.addrs);
  const stream = await libp2p.dialProtocol(addresses, storeProtocol, { signal }).catch(() => undefined);
  if (stream === undefined) return;
  try {
    const io = byteStream(stream);
    while (!signal.aborted) await io.write(next(), { signal });
  } catch {
    // The provider ended the stream, or the test ends.
  }
  stream.abort(new Error("the test ends"));
}

it(
  "a payer that promises and never commits: its bytes are deleted after the deadline, with a line in the log, and the room is free again",
  async () => {
    const provider = await scene.provider("promised", {}, { maxBytes: 12_000_000 });
    const running = await runProvider(provider);
    const volume = join(scene.folder, "promised", "store");
    const atRest = await bytesBelow(volume);
    const promising = await payerOf(provider, running, 0);
    const group = await scene.group();
    const other = await scene.payer(provider, () => running, group.address, 1);
    const first = parcelOf([seededBytes(8_000_000, 1)]);
    const second = parcelOf([seededBytes(8_000_000, 2)]);
    expect(await promising.store(first)).toBeGreaterThan(0);
    expect(await bytesBelow(volume)).toBeGreaterThan(8_000_000);
    expect(await other.propose(second)).toBe("no-space");
    // The time runs from when the daemon last saw new ranges.
    await sleep(2 * look_ms);
    await scene.mine(waitingBlocks + 20);
    await running.logged("deleted: the group did not commit to it until block");
    expect(await promising.have(first, 0)).toBe("unknown-request");
    expect((await bytesBelow(volume)) - atRest).toBeLessThan(MiB);

    expect(await other.store(second)).toBeGreaterThan(0);
    await scene.use(group, await scene.consent(other, second, group));
    await running.logged("the group commits to 8000000 bytes");
  },
  test_ms,
);

it(
  "a payer that sends other bytes than it announced stores none, gets no consent, and another payer is served",
  async () => {
    const provider = await scene.provider("other-bytes");
    const running = await runProvider(provider);
    const liar = await payerOf(provider, running, 0);
    const data = parcelOf([seededBytes(2 * rangeBytes, 11)]);
    expect(await liar.propose(data)).toMatchObject({ kind: "accepted" });
    const foreign = makePieceList([{ root: seededBytes(32, 12), size: 2 * rangeBytes }]);
    const listed = await liar.ask({
      kind: "list",
      digest: liar.digest(data),
      first: 0,
      pieces: foreign.pieces.slice(0, 1),
    });
    expect(listed).toBe("malformed");
    expect(await liar.sendList(data)).toMatchObject({ kind: "listed" });
    const honest = rangeOf(data.pieces[0] as Uint8Array, 0);
    const said = new Set<string>();
    for (let i = 0; i < 20; i++) {
      const bytes = honest.bytes.slice();
      bytes[i * 1_000] = (bytes[i * 1_000] as number) ^ 1;
      const answer = await liar.put(data, 0, 0, { bytes });
      said.add(typeof answer === "string" ? answer : answer.kind);
    }
    expect([...said]).toEqual(["wrong-range", "busy"]);
    expect(await liar.have(data, 0)).toMatchObject({ stored: [false, false], whole: false });
    const [committee] = [scene.committee.address.toLowerCase() as `0x${string}`];
    const deadline = (await scene.chain.world.chain.block()) + 100;
    expect(await liar.consent(data, { committee, sequence: 1, deadline })).toBe("incomplete");

    const other = await payerOf(provider, running, 1);
    expect(await other.store(parcelOf([seededBytes(50_000, 13)]))).toBe(1);
    // The liar's own tokens come back with time, and no byte that it sent is in the piece.
    await until("the liar may send again", async () =>
      typeof (await liar.put(data, 0, 0)) === "string" ? undefined : true,
    );
    expect(await liar.sendMissing(data)).toBe(1);
    expect(await liar.have(data, 0)).toMatchObject({ whole: true });
  },
  test_ms,
);

it(
  "payers that send without end cost a bounded part of memory, and another payer is served",
  async () => {
    const provider = await scene.provider("without-end");
    const running = await runProvider(provider);
    const payer = await payerOf(provider, running, 0);
    const data = parcelOf([seededBytes(2 * rangeBytes, 21)]);
    expect(await payer.propose(data)).toMatchObject({ kind: "accepted" });
    await payer.sendList(data);
    const before = await residentBytes(running);
    const put = encodeStoreMessage({
      kind: "put",
      digest: payer.digest(data),
      piece: 0,
      range: 0,
      ...rangeOf(data.pieces[0] as Uint8Array, 0),
    });
    const chunk = new Uint8Array(64 * 1024);
    const strangers = await Promise.all(
      Array.from({ length: 8 }, (_, i) => startCallingNode(keccakWords(i, 71))),
    );
    try {
      const stop = new AbortController();
      const end = stop.signal;
      const flooding: Promise<void>[] = [];
      const again = async (from: Pick<CallingNode, "libp2p">, head: Uint8Array): Promise<void> => {
        while (!end.aborted) {
          let isFirst = true;
          const next = (): Uint8Array => {
            const bytes = isFirst ? head : chunk;
            isFirst = false;
            return bytes;
          };
          await pour(from, running, next, end);
          await sleep(10);
        }
      };
      // The accepted payer sends a whole message, and then more and more; strangers send what is no message.
      for (let i = 0; i < maxBodiesOfPeer; i++) flooding.push(again(payer.calling, put));
      for (const stranger of strangers) flooding.push(again(stranger, chunk));
      let most = 0;
      const measured = (async () => {
        while (!end.aborted) {
          most = Math.max(most, await residentBytes(running));
          await sleep(200);
        }
      })();
      const other = await payerOf(provider, running, 2);
      const parcel = parcelOf([seededBytes(3 * rangeBytes, 22)]);
      expect(await other.store(parcel)).toBe(3);
      await sleep(5_000);
      stop.abort();
      await Promise.all([measured, ...flooding]);
      expect(most - before).toBeLessThan(mostGrowth);
    } finally {
      for (const { libp2p } of strangers) await libp2p.stop();
    }
    // The provider still works for the payer itself: nothing of the flood is stored.
    await until("it may send again", async () =>
      typeof (await payer.put(data, 0, 1)) === "string" ? undefined : true,
    );
    expect(await payer.have(data, 0)).toMatchObject({ whole: true });
  },
  test_ms,
);

it(
  "payers that open many sessions occupy the strangers' part, and another payer is served when they are idle",
  async () => {
    const provider = await scene.provider("sessions");
    const running = await runProvider(provider);
    const { strangers, idle_ms } = providerConnections;
    const before = { bytes: await residentBytes(running), sockets: await openSockets(running) };
    const callers: CallingNode[] = [];
    try {
      const wrong = (await payerOf(provider, running, 0)).with({ group: `0x${"77".repeat(20)}` });
      const parcel: Parcel = parcelOf([seededBytes(5_000, 31)]);
      const addresses = addressesOf(running.peerId, running.addrs);
      const said = new Set<string>();
      for (let i = 0; i < strangers + 40; i++) {
        const calling = await startCallingNode(keccakWords(i, 72));
        callers.push(calling);
        const connection = await calling.libp2p.dial(addresses).catch(() => undefined);
        if (connection === undefined) continue;
        // Messages that begin and do not go on, and a proposal for a group that does not exist.
        for (let stream = 0; stream < 4; stream++) {
          const opened = await connection.newStream(storeProtocol).catch(() => undefined);
          if (opened !== undefined)
            await byteStream(opened)
              .write(Uint8Array.of(1))
              .catch(() => undefined);
        }
        if (i % 4 > 0) continue;
        const answer = await wrong.with({}, calling).propose(parcel);
        said.add(typeof answer === "string" ? answer : answer.kind);
      }
      expect([...said].filter((one) => !["unknown-group", "busy", "unreachable"].includes(one))).toEqual([]);
      const sockets = (await openSockets(running)) - before.sockets;
      expect(sockets).toBeGreaterThan(strangers / 2);
      // Those of the keepers and of the chain's endpoint are beside them.
      expect(sockets).toBeLessThanOrEqual(strangers + pendingConnections.perHost);
      expect((await residentBytes(running)) - before.bytes).toBeLessThan(mostGrowth);

      const honest = await startCallingNode(keccakWords(0, 73));
      callers.push(honest);
      const payer = (await payerOf(provider, running, 1)).with({}, honest);
      const end_ms = performance.now() + 2 * idle_ms;
      let accepted: unknown;
      while (typeof (accepted = await payer.propose(parcel)) === "string" && performance.now() < end_ms) {
        await sleep(500);
      }
      expect(accepted).toMatchObject({ kind: "accepted" });
      await payer.sendList(parcel);
      expect(await payer.sendMissing(parcel)).toBe(1);
    } finally {
      for (const { libp2p } of callers) await libp2p.stop();
    }
  },
  test_ms,
);
