/** A keeper's client and a provider's daemon on loopback, with real nodes, streams and files (R10-R13). */
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { rm, truncate } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { providerClient } from "../../keeper/adapters/libp2p/provider.ts";
import { verifyAnswer } from "../../protocol/codec/answer.ts";
import { challengeProtocol, encodeChallengeRequest } from "../../protocol/codec/challenge.ts";
import type { ChallengeRequest } from "../../protocol/codec/challenge.ts";
import { decodeReceipt } from "../../protocol/codec/receipt.ts";
import { toHex } from "../../protocol/hash.ts";
import type { ProviderTarget } from "../../keeper/ports/provider.ts";
import { writeFaults } from "../../provider-sim/fault-file.ts";
import type { RunningProvider } from "../../provider/compose.ts";
import { openStore } from "../../provider/ingest.ts";
import { cliScript } from "../../scripts/paths.ts";
import { sampleLeaves } from "../../storage/core/sampling.ts";
import { multiaddr } from "@multiformats/multiaddr";
import { seededBytes, sharedFolder } from "../support/files.ts";
import { damage, group, providerScene, secretOf, startKeeper } from "../support/provider-scene.ts";
import type { Keeper, Scene } from "../support/provider-scene.ts";

const sizes = [300_000, 1_000_000, 700];
const limits = { timeout_ms: 10_000 };

let scene: Scene;
let keeper: Keeper;
let other: Keeper;
let stranger: Keeper;
let running: RunningProvider;
let removeFolder: () => Promise<void>;
/** Each test has a slot of its own, since a slot is answered once. */
let slot = 20;

const target = (provider: RunningProvider = running): ProviderTarget => provider;
const clientOf = (from: Keeper) => providerClient(from.calling);
const ask = (request: ChallengeRequest, from: Keeper = keeper) =>
  clientOf(from).challenge(target(), request, limits);

/** Moves the chain to the second block of a slot, and waits: the provider reads the head at most every 100 ms. */
async function enterSlot(number: number): Promise<void> {
  scene.chain.state.head = 10 + number * 5 + 1;
  await sleep(110);
}

beforeAll(async () => {
  const shared = await sharedFolder();
  removeFolder = shared.remove;
  [keeper, other, stranger] = await Promise.all([startKeeper(1), startKeeper(2), startKeeper(3)]);
  scene = await providerScene(shared.folder, [keeper, other], sizes);
  running = await scene.start();
});

afterAll(async () => {
  await running.stop();
  for (const each of [keeper, other, stranger]) await each.calling.libp2p.stop();
  await scene.chain.close();
  await removeFolder();
});

beforeEach(() => enterSlot(++slot));

/** Number of a request's draws for which `isLost` is true. */
function lostDraws(request: ChallengeRequest, isLost: (piece: number, leaf: number) => boolean): number {
  return sampleLeaves(request.seed, scene.list).filter(({ piece, leaf }) => isLost(piece, leaf)).length;
}

type Proven = {
  /** The number of the 16 draws that are proven, by the keeper's check of proof and receipt. */
  readonly proven: number;
  readonly bytesProven: bigint;
  /** Bytes proven in the receipt. */
  readonly receiptBytes: bigint;
  /** The received answer as hex. */
  readonly bytes: string;
};

/** Sends a challenge and verifies the answer. Throws if the provider refuses or the answer is not valid. */
async function provenBy(request: ChallengeRequest, from = keeper): Promise<Proven> {
  const asked = await ask(request, from);
  if (!asked.ok) throw new Error(`${asked.reason}: ${asked.detail}`);
  const receiptKey = scene.keys.receiptAddress;
  const verified = verifyAnswer({ request, answer: asked.answer, list: scene.list, receiptKey });
  if (!verified.ok) throw new Error(`${verified.code}: ${verified.detail}`);
  const receipt = decodeReceipt(asked.answer.receipt);
  if (!receipt.ok) throw new Error(receipt.detail);
  const bytes = toHex(Buffer.concat([asked.answer.receipt, asked.answer.proof]));
  const { proven, bytesProven } = verified.value;
  return { proven, bytesProven, receiptBytes: receipt.value.receipt.bytesProven, bytes };
}

/** R11: the bytes proven by an answer with this many of 16 leaves. */
function worth(leaves: number): Omit<Proven, "bytes"> {
  const bytes = (scene.list.totalBytes * BigInt(leaves)) / 16n;
  return { proven: leaves, bytesProven: bytes, receiptBytes: bytes };
}

/** The code of the provider's refusal, the keeper's reason for another failure, or "answered". */
async function refusalOf(request: ChallengeRequest, from = keeper): Promise<string> {
  const asked = await ask(request, from);
  if (asked.ok) return "answered";
  return asked.reason === "refused" ? (asked.detail.split(":")[0] ?? "") : asked.reason;
}

describe("an honest provider", () => {
  it("proves all 16 leaves with a receipt over all bytes", async () => {
    expect(await provenBy(scene.request(keeper, slot))).toMatchObject(worth(16));
  });

  it("serves its piece list, which the keeper checks against root and bytes", async () => {
    const query = {
      chainId: 31_337,
      group,
      provider: 0,
      listRoot: toHex(scene.list.root),
      bytes: scene.list.totalBytes,
    };
    const got = await clientOf(keeper).pieceList(target(), query, limits);
    expect(got.ok && got.list.pieces.map(({ size }) => size)).toEqual(sizes);
    const wrongBytes = await clientOf(keeper).pieceList(
      target(),
      { ...query, bytes: query.bytes + 1n },
      limits,
    );
    expect(wrongBytes).toMatchObject({ ok: false, reason: "malformed" });
    const unknown = { ...query, listRoot: toHex(seededBytes(32, 9)) };
    const refused = await clientOf(keeper).pieceList(target(), unknown, limits);
    expect(refused).toMatchObject({ ok: false, reason: "refused" });
  });

  it("answers several keepers at once, each with a sample of its own", async () => {
    const [a, b] = await Promise.all([
      provenBy(scene.request(keeper, slot)),
      provenBy(scene.request(other, slot), other),
    ]);
    expect(a).toMatchObject(worth(16));
    expect(b).toMatchObject(worth(16));
    expect(a.bytes).not.toBe(b.bytes);
  });

  it("repeats an answer byte for byte, also to simultaneous requests", async () => {
    const request = scene.request(keeper, slot);
    const answers = await Promise.all([1, 2, 3].map(() => provenBy(request)));
    answers.push(await provenBy(request));
    expect(answers[0]).toMatchObject(worth(16));
    expect(new Set(answers.map(({ bytes }) => bytes)).size).toBe(1);
  });
});

describe("a provider refuses", () => {
  it("another keeper's seed and an invented seed", async () => {
    const stolen = { ...scene.request(keeper, slot), seed: scene.request(other, slot).seed };
    expect(await refusalOf(stolen)).toBe("wrong-seed");
    expect(await refusalOf({ ...stolen, seed: seededBytes(48, 3) })).toBe("wrong-seed");
    // The refusal does not use up the slot: the correct seed is still answered.
    expect(await provenBy(scene.request(keeper, slot))).toMatchObject(worth(16));
  });

  it("a keeper in no committee, and a member's address from another peer", async () => {
    expect(await refusalOf(scene.request(stranger, slot), stranger)).toBe("not-a-member");
    expect(await refusalOf(scene.request(keeper, slot), other)).toBe("wrong-peer");
  });

  it("another chain and another group", async () => {
    expect(await refusalOf(scene.request(keeper, slot, { chainId: 1 }))).toBe("unknown-group");
    expect(await refusalOf(scene.request(keeper, slot, { group: `0x${"a2".repeat(20)}` }))).toBe(
      "unknown-group",
    );
  });

  it("a future slot, a slot that is too old, and a slot with a block hash from another chain", async () => {
    expect(await refusalOf(scene.request(keeper, slot + 1))).toBe("slot-in-future");
    expect(await refusalOf(scene.request(keeper, slot - 2))).toBe("slot-too-old");
    expect(await refusalOf(scene.request(keeper, slot, { blockHash: scene.chain.hashOf(3) }))).toBe(
      "wrong-block",
    );
  });

  it("an unused index and the index of another operator", async () => {
    expect(await refusalOf(scene.request(keeper, slot, { provider: 1 }))).toBe("unknown-provider");
    scene.chain.state.providers.push({ operator: keeper.operator, data: [] });
    expect(await refusalOf(scene.request(keeper, slot, { provider: 1 }))).toBe("unknown-provider");
    scene.chain.state.providers.pop();
  });

  it("a slot before its data takes effect", async () => {
    const { data } = scene.chain.state.providers[0]!;
    const before = data[0]!;
    data[0] = { ...before, fromBlock: 10 + slot * 5 + 1 };
    expect(await refusalOf(scene.request(keeper, slot))).toBe("no-data");
    data[0] = before;
  });

  it("a peer above its request rate, and answers it again shortly after", async () => {
    const request = scene.request(other, slot, { chainId: 1 });
    const first = await Promise.all(Array.from({ length: 8 }, () => ask(request, other)));
    expect(first.every((each) => !each.ok && each.detail.startsWith("unknown-group"))).toBe(true);
    let busy = 0;
    for (let i = 0; i < 60 && busy === 0; i++) {
      const asked = await Promise.all(Array.from({ length: 8 }, () => ask(request, other)));
      busy = asked.filter((each) => !each.ok && each.detail.startsWith("busy")).length;
    }
    expect(busy).toBeGreaterThan(0);
    await sleep(200);
    expect(await provenBy(scene.request(other, slot), other)).toMatchObject(worth(16));
  });

  it("malformed requests, and stays up", async () => {
    const node = stranger.calling.libp2p;
    const addresses = running.addrs.map((address) => multiaddr(address));
    const good = encodeChallengeRequest(scene.request(stranger, slot));
    for (const bytes of [seededBytes(good.length, 5), good.subarray(0, 10), seededBytes(100_000, 6)]) {
      const stream = await node.dialProtocol(addresses, challengeProtocol);
      stream.addEventListener("message", () => undefined);
      stream.send(bytes);
      await stream.close().catch(() => undefined);
    }
    expect(await provenBy(scene.request(keeper, slot))).toMatchObject(worth(16));
  });
});

describe("a keeper's record of a provider that fails", () => {
  it("is unreachable if nothing listens, or if another peer listens at the address", async () => {
    const client = clientOf(keeper);
    const request = scene.request(keeper, slot);
    const nobody = { peerId: running.peerId, addrs: ["/ip4/127.0.0.1/tcp/1"] };
    const fresh = clientOf(stranger);
    const gone = await fresh.challenge(
      { ...nobody, peerId: other.calling.libp2p.peerId.toString() },
      request,
      limits,
    );
    expect(gone).toMatchObject({ ok: false, reason: "unreachable" });
    const addrs = running.addrs.map((address) => address.replace(/\/p2p\/.*/, ""));
    const swapped = await client.challenge(
      { peerId: other.calling.libp2p.peerId.toString(), addrs },
      request,
      limits,
    );
    expect(swapped).toMatchObject({ ok: false, reason: "unreachable" });
    const named = await client.challenge(
      { peerId: other.calling.libp2p.peerId.toString(), addrs: running.addrs },
      request,
      limits,
    );
    expect(named).toMatchObject({ ok: false, reason: "unreachable" });
    const empty = await client.challenge({ peerId: running.peerId, addrs: [] }, request, limits);
    expect(empty).toMatchObject({ ok: false, reason: "unreachable" });
    const nonsense = await client.challenge({ peerId: running.peerId, addrs: ["nonsense"] }, request, limits);
    expect(nonsense).toMatchObject({ ok: false, reason: "unreachable" });
  });

  it("is unreachable while it is offline, late while it is slow, and proven afterwards", async () => {
    const { dataDir } = scene.config;
    const request = scene.request(keeper, slot);
    await writeFaults(dataDir, [{ kind: "offline" }]);
    expect(await ask(request)).toMatchObject({ ok: false, reason: "unreachable" });
    await writeFaults(dataDir, [{ kind: "slow", delay_ms: 1_500 }]);
    const slow = await clientOf(keeper).challenge(target(), request, { timeout_ms: 300 });
    expect(slow).toMatchObject({ ok: false, reason: "late" });
    await writeFaults(dataDir, []);
    expect(await provenBy(request)).toMatchObject(worth(16));
  });

  it("is a bad proof for a corrupted or replayed answer, and proven after an honest retry", async () => {
    const { dataDir } = scene.config;
    const receiptKey = scene.keys.receiptAddress;
    await writeFaults(dataDir, [{ kind: "corrupt" }]);
    const request = scene.request(keeper, slot);
    const corrupt = await ask(request);
    if (!corrupt.ok) throw new Error(corrupt.detail);
    const checked = verifyAnswer({ request, answer: corrupt.answer, list: scene.list, receiptKey });
    expect(checked).toMatchObject({ ok: false, code: "bad-proof" });
    await writeFaults(dataDir, [{ kind: "replay" }]);
    const replayed = await ask(request);
    if (!replayed.ok) throw new Error(replayed.detail);
    const second = verifyAnswer({ request, answer: replayed.answer, list: scene.list, receiptKey });
    expect(second.ok).toBe(false);
    await writeFaults(dataDir, []);
    expect(await provenBy(request)).toMatchObject(worth(16));
  });
});

describe("a provider that lost data", () => {
  const dataOf = (piece: number) =>
    openStore(scene.config).then((store) => join(store.pieceDir(scene.list.pieces.at(piece)!.root), "data"));
  const mend = async (): Promise<void> => {
    const store = await openStore(scene.config);
    for (const file of scene.files) await store.ingest(file);
  };

  /** A request for the next slot whose sample has 1 to 15 lost draws, so that the proof is partial. */
  async function partialRequest(
    isLost: (piece: number, leaf: number) => boolean,
  ): Promise<[ChallengeRequest, number]> {
    for (;;) {
      const request = scene.request(keeper, ++slot);
      const lost = lostDraws(request, isLost);
      if (lost === 0 || lost === 16) continue;
      await enterSlot(slot);
      return [request, lost];
    }
  }

  it("proves ⌊total × leaves / 16⌋ bytes, and all bytes again after a repair", async () => {
    await damage(await dataOf(1), 0, 400 * 1024);
    const [request, lost] = await partialRequest((piece, leaf) => piece === 1 && leaf < 400);
    const partial = await provenBy(request);
    expect(partial).toMatchObject(worth(16 - lost));
    await mend();
    // R12: one answer a slot, so a repair changes only the next slot.
    expect(await provenBy(request)).toEqual(partial);
    await enterSlot(++slot);
    expect(await provenBy(scene.request(keeper, slot))).toMatchObject(worth(16));
  });

  it("loses only the 4 KiB around a flipped byte", async () => {
    await damage(await dataOf(1), 9 * 4096 + 77, 9 * 4096 + 78);
    const [request, lost] = await partialRequest((piece, leaf) => piece === 1 && Math.floor(leaf / 4) === 9);
    expect(await provenBy(request)).toMatchObject(worth(16 - lost));
    await mend();
  });

  it("proves the other pieces if one file is truncated or missing", async () => {
    await truncate(await dataOf(1), 500 * 1024);
    const [cut, lostCut] = await partialRequest(
      (piece, leaf) => piece === 1 && Math.floor(leaf / 4) * 4 + 4 > 500,
    );
    expect(await provenBy(cut)).toMatchObject(worth(16 - lostCut));
    await rm(await dataOf(1));
    const [gone, lostGone] = await partialRequest((piece) => piece === 1);
    expect(await provenBy(gone)).toMatchObject(worth(16 - lostGone));
    await mend();
    await enterSlot(++slot);
    expect(await provenBy(scene.request(keeper, slot))).toMatchObject(worth(16));
  });

  it("proves nothing, with a valid receipt over 0 bytes, if all data is lost", async () => {
    for (const piece of [0, 1, 2]) await truncate(await dataOf(piece), 0);
    expect(await provenBy(scene.request(keeper, slot))).toMatchObject(worth(0));
    await mend();
  });
});

describe("a provider that starts again", () => {
  it("gives the same bytes as before, at its new address", async () => {
    const request = scene.request(keeper, slot);
    const before = await provenBy(request);
    await running.stop();
    running = await scene.start();
    expect(await provenBy(request)).toEqual(before);
  });

  it("cannot open its data folder while another provider uses it", async () => {
    await expect(scene.start()).rejects.toThrow(/in use/);
    expect(await provenBy(scene.request(keeper, slot))).toMatchObject(worth(16));
  });

  it("repeats an answer that it sent before kill -9, and refuses a second seed of the slot", async () => {
    await running.stop();
    const request = scene.request(keeper, slot);
    const first = await startProcess();
    running = first.provider;
    const before = await provenBy(request);
    first.child.kill("SIGKILL");
    await once(first.child, "exit");
    running = await scene.start();
    expect(await provenBy(request)).toEqual(before);
    const rival = { ...request, seed: secretOf(1) };
    expect(await refusalOf({ ...rival, seed: seededBytes(48, 1) })).toBe("already-answered");
  });
});

/** Starts the daemon as a process, as an operator does. */
async function startProcess(): Promise<{ child: ChildProcess; provider: RunningProvider }> {
  const child = spawn(process.execPath, [cliScript, "provider", "run", "--config", scene.configPath], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  const lines = createInterface({ input: child.stdout });
  const [line] = (await once(lines, "line")) as [string];
  // The ready document is a single line.
  const ready = JSON.parse(line) as { event: string; peerId: string; addrs: string[] };
  expect(ready.event).toBe("ready");
  return { child, provider: { ...ready, stop: async () => void child.kill() } };
}
