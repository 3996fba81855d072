/** R42, R43: signatures and limits of offers and of messages of storing. */
import { TypedDataEncoder, Wallet, keccak256, toUtf8Bytes } from "ethers";
import { describe, expect, it } from "vitest";
import { maxPagePieces, refusal } from "../../../../protocol/codec/challenge.ts";
import {
  decodeOfferResponse,
  encodeOfferResponse,
  maxOfferPrices,
  maxOfferResponseBytes,
  maxPrice,
  offerDigest,
} from "../../../../protocol/codec/offer.ts";
import { digestSigner } from "../../../../protocol/codec/receipt.ts";
import type { RegistryScope } from "../../../../protocol/codec/identity.ts";
import type { Offer, OfferResponse } from "../../../../protocol/codec/offer.ts";
import {
  decodeStoreMessage,
  encodeStoreMessage,
  maxStoreBody,
  maxStoreMessageBytes,
  storeHeaderBytes,
  storeKinds,
  storeMessageBytes,
} from "../../../../protocol/codec/store.ts";
import { storeDigest, storeSigner } from "../../../../protocol/codec/store-request.ts";
import type { StoreKind, StoreMessage } from "../../../../protocol/codec/store.ts";
import type { StoreRequest } from "../../../../protocol/codec/store-request.ts";
import {
  decodeStoreResponse,
  encodeStoreResponse,
  maxHaveRanges,
  maxStoreResponseBytes,
} from "../../../../protocol/codec/store-response.ts";
import { fromHex, toHex } from "../../../../protocol/hash.ts";
import type { Hex } from "../../../../protocol/hash.ts";
import { makePieceList, maxPieces } from "../../../../storage/core/piece-list.ts";
import { maxRangeNodes, rangeBytes } from "../../../../storage/core/range.ts";
import { seededBytes } from "../../../support/files.ts";
import { requestTypes } from "../../../support/store-payer.ts";

const scope: RegistryScope = { chainId: 31_337, registry: `0x${"ee".repeat(20)}` };
const domain = { name: "WhitePay", version: "2", chainId: 31_337, verifyingContract: scope.registry };
const address = (byte: number): Hex => `0x${byte.toString(16).padStart(2, "0").repeat(20)}`;
const digest: Hex = toHex(seededBytes(32, 7));
const list = makePieceList(
  Array.from({ length: maxPagePieces }, (_, i) => ({ root: seededBytes(32, 1), size: i + 1 })),
);

const offer: Offer = {
  operator: address(1),
  peerId: toHex(seededBytes(38, 3)),
  prices: [
    { token: address(0), price: maxPrice },
    { token: address(2), price: 0n },
  ],
  freeBytes: 2 ** 44,
  largestPiece: 2 ** 40,
  regions: ["eu-west", "asia"],
  minLockup: 100,
  minRunway: 7_200,
  maxKeeperShareBps: 1_000,
  takesPublic: true,
  validUntil: 123_456,
};
const request: StoreRequest = {
  payer: address(3),
  provider: address(1),
  group: address(4),
  listRoot: toHex(list.root),
  bytes: Number(list.totalBytes),
  pieces: maxPagePieces,
  price: 77n,
  isPublic: true,
  deadline: 4_321,
};
const permission = {
  forAnybody: true,
  root: digest,
  until: 9,
  bytesPerDay: 10,
  sequence: 11,
  signature: seededBytes(65, 2),
};

/** The longest request of each kind. */
const longest: { readonly [K in StoreKind]: Extract<StoreMessage, { kind: K }> } = {
  propose: {
    kind: "propose",
    request,
    signature: seededBytes(1024, 5),
    birth: {
      factory: address(5),
      token: address(2),
      lockup: 100,
      keeperShareBps: 1_000,
      keeperFee: 2n ** 96n - 1n,
      committee: address(6),
    },
  },
  list: { kind: "list", digest, first: maxPieces - maxPagePieces, pieces: list.pieces },
  have: { kind: "have", digest, piece: maxPieces - 1, firstRange: 5 },
  put: {
    kind: "put",
    digest,
    piece: 0,
    range: 4,
    siblings: Array.from({ length: maxRangeNodes }, (_, i) => seededBytes(32, i)),
    bytes: seededBytes(rangeBytes, 6),
  },
  consent: { kind: "consent", digest, committee: address(6), sequence: 3, deadline: 99 },
  fetch: { kind: "fetch", digest, piece: 1, operator: address(7), group: address(8), ...permission },
  name: { kind: "name", digest, piece: 2, name: "n".repeat(64) },
  find: { kind: "find", chainId: 1, group: address(4), name: "ü".repeat(32), ...permission },
  publish: { kind: "publish", chainId: 1, group: address(4), ...permission },
  revoke: { kind: "revoke", chainId: 1, group: address(4), first: 1, last: 9, signature: seededBytes(65, 3) },
  about: { kind: "about", chainId: 1, root: digest },
  volunteered: { kind: "volunteered", chainId: 1, group: address(4) },
};

/** Long byte arrays as hex: they are compared thousands of times faster. */
function fieldsOf(message: StoreMessage): string {
  return JSON.stringify(message, (_, value: unknown) =>
    value instanceof Uint8Array ? toHex(value) : typeof value === "bigint" ? String(value) : value,
  );
}

describe("an offer", () => {
  it("has the EIP-712 digest that other libraries compute, over every field", async () => {
    const types = {
      Price: [
        { name: "token", type: "address" },
        { name: "price", type: "uint80" },
      ],
      Offer: [
        { name: "operator", type: "address" },
        { name: "peerId", type: "bytes" },
        { name: "prices", type: "Price[]" },
        { name: "freeBytes", type: "uint64" },
        { name: "largestPiece", type: "uint64" },
        { name: "regions", type: "string[]" },
        { name: "minLockup", type: "uint64" },
        { name: "minRunway", type: "uint64" },
        { name: "maxKeeperShareBps", type: "uint16" },
        { name: "takesPublic", type: "bool" },
        { name: "validUntil", type: "uint64" },
      ],
    };
    expect(offerDigest(scope, offer)).toBe(TypedDataEncoder.hash(domain, types, offer));
    const wallet = Wallet.createRandom();
    const signature = fromHex(await wallet.signTypedData(domain, types, offer));
    const signer = wallet.address.toLowerCase();
    const signerOf = (at: RegistryScope, signed: Offer): unknown =>
      digestSigner(fromHex(offerDigest(at, signed)), signature);
    expect(signerOf(scope, offer)).toBe(signer);
    expect(signerOf({ ...scope, chainId: 1 }, offer)).not.toBe(signer);
    const changes: Partial<Offer>[] = [
      { operator: address(9) },
      { peerId: toHex(seededBytes(38, 4)) },
      { prices: [] },
      { freeBytes: 1 },
      { largestPiece: 1 },
      { regions: ["eu-westasia"] },
      { minLockup: 1 },
      { minRunway: 1 },
      { maxKeeperShareBps: 1 },
      { takesPublic: false },
      { validUntil: 1 },
    ];
    expect(changes.map((change) => Object.keys(change)[0])).toEqual(Object.keys(offer));
    for (const change of changes) {
      expect(signerOf(scope, { ...offer, ...change })).not.toBe(signer);
    }
  });

  it("decodes to the encoded fields, as does a refusal; the longest one fits the limit", () => {
    const longestOffer: OfferResponse = {
      kind: "offer",
      offer: {
        ...offer,
        prices: Array.from({ length: maxOfferPrices }, (_, i) => ({ token: address(i), price: 1n })),
        regions: Array.from({ length: 8 }, () => "r".repeat(32)),
      },
      signature: seededBytes(65, 1),
    };
    const bytes = encodeOfferResponse(longestOffer);
    expect(bytes).toHaveLength(maxOfferResponseBytes);
    expect(decodeOfferResponse(bytes)).toEqual({ ok: true, value: longestOffer });
    const refused = refusal("not-offered", "nothing is offered here");
    expect(decodeOfferResponse(encodeOfferResponse(refused))).toEqual({ ok: true, value: refused });
  });
});

describe("a request to store", () => {
  it("has the EIP-712 digest that other libraries compute, over every field and the sending peer", async () => {
    const peer = "12D3KooWpeer";
    const { listRoot: root, bytes: size, ...rest } = request;
    const value = { ...rest, root, size, peer: keccak256(toUtf8Bytes(peer)) };
    const found = storeDigest(scope, request, peer);
    expect(found).toBe(TypedDataEncoder.hash(domain, requestTypes, value));
    const wallet = Wallet.createRandom();
    const signature = fromHex(await wallet.signTypedData(domain, requestTypes, value));
    expect(storeSigner(found, signature)).toBe(wallet.address.toLowerCase());
    const changes: Partial<StoreRequest>[] = [
      { payer: address(9) },
      { provider: address(9) },
      { group: address(9) },
      { listRoot: digest },
      { bytes: 1 },
      { pieces: 1 },
      { price: 1n },
      { isPublic: false },
      { deadline: 1 },
    ];
    expect(changes.map((change) => Object.keys(change)[0])).toEqual(Object.keys(request));
    const others = changes.map((change) => storeDigest(scope, { ...request, ...change }, peer));
    expect(new Set([found, storeDigest(scope, request, "12D3KooWother"), ...others]).size).toBe(11);
  });

  it.each(storeKinds)(
    "decodes a longest %s to the encoded fields; more bytes are refused by the header",
    (kind) => {
      const message = longest[kind];
      const bytes = encodeStoreMessage(message);
      expect(bytes).toHaveLength(storeHeaderBytes + maxStoreBody[kind]);
      expect(storeMessageBytes(bytes.subarray(0, storeHeaderBytes))).toBe(bytes.length);
      const decoded = decodeStoreMessage(bytes);
      expect(decoded.ok && fieldsOf(decoded.value)).toEqual(fieldsOf(message));
      expect(decodeStoreMessage(bytes.subarray(0, bytes.length - 1))).toMatchObject({ code: "truncated" });
      const header = Uint8Array.from(bytes.subarray(0, storeHeaderBytes));
      new DataView(header.buffer).setUint32(2, maxStoreBody[kind] + 1);
      expect(storeMessageBytes(header)).toBe(storeHeaderBytes);
      expect(decodeStoreMessage(header)).toMatchObject({ ok: false, code: "range" });
    },
  );

  it("is refused by the header if version or kind is unknown", () => {
    const bytes = encodeStoreMessage(longest.have);
    for (const [at, value, code] of [
      [0, 9, "version"],
      [1, 0, "range"],
      [1, storeKinds.length + 1, "range"],
    ] as const) {
      const changed = Uint8Array.from(bytes);
      changed[at] = value;
      expect(storeMessageBytes(changed.subarray(0, storeHeaderBytes))).toBe(storeHeaderBytes);
      expect(decodeStoreMessage(changed)).toMatchObject({ ok: false, code });
    }
    expect(maxStoreMessageBytes).toBe(storeHeaderBytes + maxStoreBody.put);
  });

  it("refuses names that are empty, too long, not UTF-8, or have control characters", () => {
    for (const name of ["", "n".repeat(65), "a\u0000b", "a\nb", "\uD800"]) {
      expect(() => encodeStoreMessage({ ...longest.name, name })).toThrow(RangeError);
    }
    const bytes = encodeStoreMessage({ ...longest.name, name: "ab" });
    for (const value of [0x0a, 0xff, 0xc3]) {
      const changed = Uint8Array.from(bytes);
      changed[bytes.length - 1] = value;
      expect(decodeStoreMessage(changed)).toMatchObject({ ok: false, code: "range" });
    }
  });

  it("revokes sequences from 1 on, in ascending order (R44)", () => {
    const revoked = (first: number, last: number) =>
      decodeStoreMessage(encodeStoreMessage({ ...longest.revoke, first, last }));
    expect(revoked(1, 1).ok).toBe(true);
    expect(revoked(0, 9)).toMatchObject({ ok: false, code: "range" });
    expect(revoked(9, 8)).toMatchObject({ ok: false, code: "range" });
  });

  it("keeps a byte order mark, so that a name has one encoding", () => {
    const message = { ...longest.name, name: "\uFEFFa" };
    // The mark is a format character, which a terminal does not show.
    expect(() => encodeStoreMessage(message)).toThrow(/control/);
  });
});

describe("a response to a request to store", () => {
  it("has a bitmap of at most 65,536 ranges, and fits the limit", () => {
    const ranges = {
      kind: "ranges",
      firstRange: 0,
      stored: Array.from({ length: maxHaveRanges }, (_, i) => i % 3 === 0),
      whole: false,
      fetching: true,
      fault: "f".repeat(200),
    } as const;
    const bytes = encodeStoreResponse(ranges);
    expect(bytes).toHaveLength(maxStoreResponseBytes);
    expect(decodeStoreResponse(bytes, "have")).toEqual({ ok: true, value: ranges });
    expect(() => encodeStoreResponse({ ...ranges, stored: [...ranges.stored, true] })).toThrow(RangeError);
  });

  it("decodes a refusal for every kind, and no answer to another kind", () => {
    const refused = refusal("underfunded", "expected 5, actual 4");
    for (const kind of storeKinds) {
      expect(decodeStoreResponse(encodeStoreResponse(refused), kind)).toEqual({ ok: true, value: refused });
    }
    const consented = encodeStoreResponse({ kind: "accepted", until: 5, listed: 3 });
    expect(decodeStoreResponse(consented, "put").ok).toBe(false);
  });
});
