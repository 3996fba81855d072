/** R42, R43: a provider offers its room, and stores for a payer whose escrow carries it; nobody is at the provider's keyboard. */
import { afterAll, beforeAll, expect, it } from "vitest";
import { askProvider } from "../../keeper/adapters/libp2p/provider.ts";
import { offerDigest } from "../../protocol/codec/offer.ts";
import { digestSigner } from "../../protocol/codec/receipt.ts";
import { fromHex } from "../../storage/core/bytes.ts";
import {
  decodeRetrieveResponse,
  encodeRetrieveRequest,
  maxRetrieveResponseBytes,
  retrieveProtocol,
} from "../../protocol/codec/retrieve.ts";
import { toHex } from "../../protocol/hash.ts";
import type { Hex } from "../../protocol/hash.ts";
import type { RunningProvider } from "../../provider/compose.ts";
import { openStore } from "../../provider/ingest.ts";
import { rangeBytes } from "../../storage/core/range.ts";
import type { PieceEntry } from "../../storage/core/piece-list.ts";
import { twoPieces } from "../support/store-payer.ts";
import type { Parcel, StorePayer } from "../support/store-payer.ts";
import type { Permission } from "../../protocol/codec/permission.ts";
import { StoreScene, until } from "../support/store-scene.ts";
import type { StoreProvider } from "../support/store-scene.ts";

let scene: StoreScene;
let provider: StoreProvider;
let running: RunningProvider;

beforeAll(async () => {
  scene = await StoreScene.open();
  provider = await scene.provider("provider", { regions: ["eu-west"], minLockup: 50 });
  running = await provider.start();
});

afterAll(async () => {
  await running.stop();
  await scene.close();
});

const payerOf = (group: Hex, keeper?: number): Promise<StorePayer> =>
  scene.payer(provider, () => running, group, keeper);

it("signs an offer for the chain and registry that are asked about", async () => {
  const { address } = await scene.group();
  const payer = await payerOf(address);
  const answer = await payer.offer();
  if (typeof answer === "string" || answer.kind === "refusal") throw new Error(JSON.stringify(answer));
  const digest = fromHex(offerDigest(payer.terms, answer.offer));
  expect(digestSigner(digest, answer.signature)).toBe(provider.operator);
  expect(answer.offer).toMatchObject({
    operator: provider.operator,
    prices: [{ token: scene.token, price: 0n }],
    regions: ["eu-west"],
    minLockup: 50,
    takesPublic: true,
  });
  expect(answer.offer.freeBytes).toBeGreaterThan(0);
  const other = await payer.with({ chainId: 1 }).offer();
  expect(other).toMatchObject({ kind: "refusal", code: "not-offered" });
});

it("stores a list by ranges, consents, answers challenges without a restart, and finds a piece by its name", async () => {
  const group = await scene.group();
  const payer = await payerOf(group.address);
  const data = twoPieces(1);
  expect(await payer.propose(data)).toMatchObject({ kind: "accepted", listed: 0 });
  expect(await scene.consent(payer, data, group)).toBe("incomplete");
  // The list in two pages, the second one twice.
  expect(await payer.sendList(data, 0, 1)).toEqual({ kind: "listed", next: 1 });
  expect(await payer.put(data, 0, 0)).toBe("unknown-list");
  expect(await payer.sendList(data, 1, 1)).toEqual({ kind: "listed", next: 2 });
  expect(await payer.sendList(data, 1, 1)).toEqual({ kind: "listed", next: 2 });
  expect(await payer.put(data, 0, 1)).toEqual({ kind: "stored", whole: false });
  expect(await payer.have(data, 0)).toMatchObject({ stored: [false, true, false], whole: false });
  for (const range of [0, 2]) await payer.put(data, 0, range);
  expect(await payer.have(data, 0)).toMatchObject({ whole: true });
  // The second piece is missing.
  expect(await scene.consent(payer, data, group)).toBe("incomplete");
  expect(await payer.sendMissing(data)).toBe(1);
  expect(await payer.sendMissing(data)).toBe(0);
  expect(await payer.have(data, 0)).toMatchObject({ stored: [true, true, true], whole: true });
  const digest = payer.digest(data);
  expect(await payer.ask({ kind: "name", digest, piece: 1, name: "catalogue" })).toEqual({ kind: "named" });
  await scene.use(group, await scene.consent(payer, data, group));
  await until("the list is the group's", async () => {
    const list = await (await openStore(provider.config)).currentList(group.address);
    return list && toHex(list.root) === toHex(data.list.root) ? true : undefined;
  });
  const last = (await scene.chain.world.chain.block()) + 100;
  const permission = await payer.permission(group.address, last);
  const found = await payer.ask({
    kind: "find",
    chainId: scene.chain.chainId,
    group: group.address,
    name: "catalogue",
    ...permission,
  });
  const { root, size } = data.list.pieces.at(1) as PieceEntry;
  expect(found).toEqual({ kind: "found", root: Uint8Array.from(root), size });
  expect(await readRange(payer, group.address, data, 0, 1, permission)).toEqual(
    data.pieces[0]?.subarray(rangeBytes, 2 * rangeBytes),
  );
});

async function readRange(
  payer: StorePayer,
  group: Hex,
  { list }: Parcel,
  piece: number,
  range: number,
  permission: Permission,
): Promise<Uint8Array | string> {
  const { root, size } = list.pieces.at(piece) as PieceEntry;
  const request = { chainId: scene.chain.chainId, group, pieceRoot: toHex(root), size, range, ...permission };
  const call = {
    protocol: retrieveProtocol,
    bytes: encodeRetrieveRequest(request),
    maxBytes: maxRetrieveResponseBytes,
  };
  const received = await askProvider(payer.calling, running, call, { timeout_ms: 10_000 });
  if (!received.ok) return received.reason;
  const decoded = decodeRetrieveResponse(received.bytes);
  if (!decoded.ok) return decoded.detail;
  return decoded.value.kind === "range" ? decoded.value.bytes : decoded.value.code;
}

it("refuses before a byte is sent: other payers, peers, terms, and an escrow that does not carry the data", async () => {
  const group = await scene.group();
  const payer = await payerOf(group.address);
  const data = twoPieces(11);
  const stranger = await scene.chain.world.chain.account("stranger");
  const foreign = Object.assign(Object.create(Object.getPrototypeOf(payer) as object) as StorePayer, payer, {
    wallet: stranger,
  });
  expect(await foreign.propose(data)).toBe("not-the-payer");
  expect(await payer.with({ group: `0x${"77".repeat(20)}` }).propose(data)).toBe("unknown-group");
  expect(await payer.with({ provider: `0x${"78".repeat(20)}` }).propose(data)).toBe("unknown-provider");
  expect(await payer.with({ deadline: 1 }).propose(data)).toBe("expired");
  // 1,000 units carry the data for the lockup of 100 blocks up to a price of 1,000 × 2^64 / (100 × bytes).
  const { convener } = scene.chain.world;
  await group.send("withdrawPayer", [10n ** 24n - 1_000n, convener.address]);
  const most = (1_000n * 2n ** 64n) / (100n * data.list.totalBytes);
  expect(await payer.with({ price: most + 1n }).propose(data)).toBe("underfunded");
  expect(await payer.with({ price: most }).propose(data)).toMatchObject({ kind: "accepted" });
  // Nothing was proposed by this peer: its ranges are not read.
  const other = await payerOf(group.address, 1);
  expect(await other.sendList(data)).toBe("unknown-request");
  expect(await other.have(data, 0)).toBe("unknown-request");
  // Nor has it a right to a request of another peer.
  const ofPayer = { digest: payer.with({ price: most }).digest(data), piece: 0 } as const;
  expect(await other.ask({ kind: "have", ...ofPayer, firstRange: 0 })).toBe("wrong-peer");
  expect(await other.ask({ kind: "name", ...ofPayer, name: "catalogue" })).toBe("wrong-peer");
  const wish = { committee: `0x${"00".repeat(20)}`, sequence: 1, deadline: payer.terms.deadline } as const;
  expect(await other.ask({ kind: "consent", digest: ofPayer.digest, ...wish })).toBe("wrong-peer");
});

it("refuses other bytes, keeps none of them, and stops a peer that goes on sending them", async () => {
  const group = await scene.group();
  const payer = await payerOf(group.address, 2);
  const data = twoPieces(21);
  await payer.propose(data);
  await payer.sendList(data);
  const bytes = Uint8Array.from(data.pieces[0]?.subarray(0, rangeBytes) as Uint8Array);
  bytes[5] = (bytes[5] ?? 0) ^ 1;
  const answers = new Set<string>();
  for (let i = 0; i < 12; i++) {
    const answer = await payer.put(data, 0, 0, { bytes });
    answers.add(typeof answer === "string" ? answer : answer.kind);
  }
  expect([...answers]).toEqual(["wrong-range", "busy"]);
  expect(await payer.have(data, 0)).toMatchObject({ stored: [false, false, false] });
  const store = await openStore(provider.config);
  expect(await store.begunIncoming(data.list.pieces.at(0) as PieceEntry)).toBeUndefined();
});

it("continues with another peer of the payer, and with a provider that was stopped", async () => {
  const group = await scene.group();
  const first = await payerOf(group.address, 0);
  const data = twoPieces(31);
  await first.propose(data);
  await first.sendList(data);
  expect(await first.put(data, 0, 2)).toEqual({ kind: "stored", whole: false });
  await running.stop();
  running = await provider.start();
  expect(await first.have(data, 0)).toMatchObject({ stored: [false, false, true] });
  const second = await payerOf(group.address, 1);
  expect(await second.propose(data)).toMatchObject({ kind: "accepted", listed: 2 });
  expect(await first.have(data, 0)).toBe("unknown-request");
  expect(await second.sendMissing(data)).toBe(3);
  expect(await scene.consent(second, data, group)).toMatchObject({ kind: "consented" });
});

it("takes a list that it knows with no other number of bytes, before and after all of it is here", async () => {
  const group = await scene.group();
  const payer = await payerOf(group.address);
  const data = twoPieces(41);
  const named = (totalBytes: bigint): Pick<Parcel, "list"> => ({ list: { ...data.list, totalBytes } });
  await payer.propose(data);
  expect(await payer.propose(named(1n))).toBe("malformed");
  expect(await payer.propose(named(data.list.totalBytes + 1n))).toBe("malformed");
  await payer.sendList(data);
  await payer.sendMissing(data);
  expect(await payer.propose(named(1n))).toBe("malformed");
  expect(await scene.consent(payer, named(1n), group)).toBe("unknown-request");
  const bytes = Number(data.list.totalBytes);
  expect(await scene.consent(payer, data, group)).toMatchObject({ kind: "consented", bytes });
});
