/** R43, L4: what strangers and faulty payers can cost a provider that stores by offer. */
import { afterAll, beforeAll, expect, it } from "vitest";
import { setTimeout as sleep } from "node:timers/promises";
import { byteStream } from "@libp2p/utils";
import { addressesOf } from "../../daemon/peers/addresses.ts";
import { encodeStoreMessage, storeProtocol } from "../../protocol/codec/store.ts";
import { maxBodiesOfPeer, proposalRate } from "../../protocol/limits/derived.ts";
import type { RunningProvider } from "../../provider/compose.ts";
import { openStore } from "../../provider/ingest.ts";
import type { PieceEntry } from "../../storage/core/piece-list.ts";
import { rangeBytes } from "../../storage/core/range.ts";
import { seededBytes } from "../support/files.ts";
import { parcelOf, rangeOf } from "../support/store-payer.ts";
import type { Parcel, StorePayer } from "../support/store-payer.ts";
import { StoreScene } from "../support/store-scene.ts";
import type { StoreProvider } from "../support/store-scene.ts";

let scene: StoreScene;
let provider: StoreProvider;
let running: RunningProvider;
let payer: StorePayer;
const data = parcelOf([seededBytes(2 * rangeBytes, 1)]);

beforeAll(async () => {
  scene = await StoreScene.open();
  provider = await scene.provider("provider");
  running = await provider.start();
  const { address } = await scene.group();
  payer = await scene.payer(provider, () => running, address);
});

afterAll(async () => {
  await running.stop();
  await scene.close();
});

const entry = data.list.pieces.at(0) as PieceEntry;

/** Sends the bytes in a stream of their own, and neither ends it nor reads. */
async function stall(from: StorePayer, bytes: Uint8Array): Promise<() => void> {
  const addresses = addressesOf(running.peerId, running.addrs);
  const stream = await from.calling.libp2p.dialProtocol(addresses, storeProtocol);
  const writing = byteStream(stream).write(bytes);
  writing.catch(() => undefined);
  return () => stream.abort(new Error("the test ends"));
}

const put = (from: StorePayer, parcel: Parcel): Uint8Array =>
  encodeStoreMessage({
    kind: "put",
    digest: from.digest(parcel),
    piece: 0,
    range: 0,
    ...rangeOf(parcel.pieces[0] as Uint8Array, 0),
  });

it("reads no range of a peer without an accepted request, and bounds its proposals", async () => {
  const stranger = await scene.payer(provider, () => running, payer.terms.group, 1);
  const before = process.memoryUsage().arrayBuffers;
  const answers = await Promise.all(Array.from({ length: 6 }, () => stranger.put(data, 0, 0)));
  // The refusal comes before the range was sent, or the stream is closed while it is.
  for (const answer of answers) expect(["unknown-request", "unreachable", "late"]).toContain(answer);
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(64 * 2 ** 20);
  const said = new Map<string, number>();
  const wrong = stranger.with({ group: `0x${"77".repeat(20)}` });
  const begin_ms = performance.now();
  for (let i = 0; i < 2 * proposalRate.burst + 8; i++) {
    const answer = await wrong.propose(data);
    const name = typeof answer === "string" ? answer : answer.kind;
    said.set(name, (said.get(name) ?? 0) + 1);
  }
  const elapsed_s = (performance.now() - begin_ms) / 1000;
  expect(said.get("unknown-group")).toBeGreaterThan(0);
  expect(said.get("unknown-group")).toBeLessThanOrEqual(
    Math.ceil(proposalRate.burst + proposalRate.perSecond * elapsed_s),
  );
  expect([...said.keys()].every((name) => name === "unknown-group" || name === "busy")).toBe(true);
  const store = await openStore(provider.config);
  expect(await store.begunIncoming(entry)).toBeUndefined();
});

it("bounds the ranges of a payer that stalls, and serves another payer meanwhile", async () => {
  expect(await payer.propose(data)).toMatchObject({ kind: "accepted" });
  await payer.sendList(data);
  const bytes = put(payer, data);
  const stalled: (() => void)[] = [];
  for (let i = 0; i < maxBodiesOfPeer - 1; i++) stalled.push(await stall(payer, bytes.subarray(0, 1000)));
  await sleep(500);
  const group = await scene.group();
  const other = await scene.payer(provider, () => running, group.address, 2);
  const parcel = parcelOf([seededBytes(3_000, 9)]);
  expect(await other.store(parcel)).toBe(1);
  for (const end of stalled) end();
  await sleep(500);
  expect(await payer.sendMissing(data)).toBe(2);
});

it("stops a payer that sends the same range without end", async () => {
  const said = new Set<string>();
  let stored = 0;
  for (let i = 0; i < 200 && !said.has("busy"); i++) {
    const answer = await payer.put(data, 0, 0);
    if (typeof answer === "string") said.add(answer);
    else stored++;
  }
  expect([...said]).toEqual(["busy"]);
  expect(stored).toBeGreaterThan(0);
});

it("refuses what does not fit its volume, before a byte is sent", async () => {
  const small = await scene.provider("small", {}, { maxBytes: 3_000_000 });
  const started = await small.start();
  try {
    const group = await scene.group();
    const at = await scene.payer(small, () => started, group.address, 3);
    expect(await at.propose(data)).toBe("no-space");
    const fits = parcelOf([seededBytes(2_000_000, 4)]);
    expect(await at.propose(fits)).toMatchObject({ kind: "accepted" });
    // What is promised is not promised again.
    const more = parcelOf([seededBytes(1_500_000, 5)]);
    expect(await at.propose(more)).toBe("no-space");
    await at.sendList(fits);
    expect(await at.sendMissing(fits)).toBe(1);
    expect(await at.propose(more)).toBe("no-space");
  } finally {
    await started.stop();
  }
});
