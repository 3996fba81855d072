/** Offers and messages of storing: each has one encoding, and decoding never throws (R42, R43, D3). */
import fc from "fast-check";
import {
  decodeOfferRequest,
  decodeOfferResponse,
  encodeOfferRequest,
  encodeOfferResponse,
  maxPrice,
} from "../../protocol/codec/offer.ts";
import type { OfferResponse } from "../../protocol/codec/offer.ts";
import { decodeStoreMessage, encodeStoreMessage, storeKinds } from "../../protocol/codec/store.ts";
import type { StoreKind, StoreMessage } from "../../protocol/codec/store.ts";
import {
  answerKinds,
  decodeStoreResponse,
  encodeStoreResponse,
} from "../../protocol/codec/store-response.ts";
import type { StoreAnswer, StoreResponse } from "../../protocol/codec/store-response.ts";
import { toHex } from "../../protocol/hash.ts";
import type { Hex } from "../../protocol/hash.ts";
import { entriesOf, maxPieces } from "../../storage/core/piece-list.ts";
import type { DecodeCode } from "../../storage/core/bytes.ts";
import { reject } from "../../storage/core/result.ts";
import type { Result } from "../../storage/core/result.ts";
import { checkForms } from "../support/codec-forms.ts";
import type { CodecForm } from "../support/codec-forms.ts";

const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const hex = (length: number): fc.Arbitrary<Hex> => bytes(length).map(toHex);
const u64 = fc.oneof(fc.nat(), fc.maxSafeNat());
const u16 = fc.integer({ min: 0, max: 2 ** 16 - 1 });
const price = fc.bigInt({ min: 0n, max: maxPrice });
const piece = fc.integer({ min: 0, max: maxPieces - 1 });
const size = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER });
const flag = fc.boolean();
const letters = fc.constantFrom("a", "Z", "-", ".", "ü", "相", "😀", " ");
const text = (maxLength: number): fc.Arbitrary<string> =>
  fc.array(letters, { minLength: 1, maxLength }).map((parts) => parts.join(""));
const signature = bytes(65);
const permission = {
  forAnybody: flag,
  root: hex(32),
  until: u64,
  bytesPerDay: u64,
  sequence: u64,
  signature,
};
const sequence = fc.integer({ min: 1, max: 2 ** 52 });

const offer: fc.Arbitrary<OfferResponse> = fc.record({
  kind: fc.constant("offer"),
  offer: fc.record({
    operator: hex(20),
    peerId: hex(38),
    prices: fc.array(fc.record({ token: hex(20), price }), { maxLength: 3 }),
    freeBytes: u64,
    largestPiece: u64,
    regions: fc.array(text(8), { maxLength: 3 }),
    minLockup: u64,
    minRunway: u64,
    maxKeeperShareBps: u16,
    takesPublic: flag,
    validUntil: u64,
  }),
  signature,
});
/** The text of a refusal is cleaned when it is read, so another encoding may have the same value. */
function withoutRefusal(decoded: Result<{ kind: string }, DecodeCode>): Result<unknown, DecodeCode> {
  return decoded.ok && decoded.value.kind === "refusal" ? reject("range", "a refusal") : decoded;
}

const messages: { readonly [K in StoreKind]: fc.Arbitrary<Extract<StoreMessage, { kind: K }>> } = {
  propose: fc.record({
    kind: fc.constant("propose"),
    request: fc.record({
      payer: hex(20),
      provider: hex(20),
      group: hex(20),
      listRoot: hex(32),
      bytes: size,
      pieces: fc.integer({ min: 1, max: maxPieces }),
      price,
      isPublic: flag,
      deadline: u64,
    }),
    signature: fc.uint8Array({ maxLength: 80 }),
    birth: fc.option(
      fc.record({
        factory: hex(20),
        token: hex(20),
        lockup: u64,
        keeperShareBps: u16,
        keeperFee: fc.bigInt({ min: 0n, max: 2n ** 96n - 1n }),
        committee: hex(20),
      }),
      { nil: undefined },
    ),
  }),
  list: fc.record({
    kind: fc.constant("list"),
    digest: hex(32),
    first: fc.integer({ min: 0, max: maxPieces - 12 }),
    pieces: fc
      .array(fc.record({ root: bytes(32), size }), { minLength: 1, maxLength: 4 })
      .map((entries) => entriesOf(entries)),
  }),
  have: fc.record({ kind: fc.constant("have"), digest: hex(32), piece, firstRange: u64 }),
  put: fc.record({
    kind: fc.constant("put"),
    digest: hex(32),
    piece,
    range: u64,
    siblings: fc.array(bytes(32), { maxLength: 3 }),
    bytes: fc.uint8Array({ minLength: 1, maxLength: 200 }),
  }),
  consent: fc.record({
    kind: fc.constant("consent"),
    digest: hex(32),
    committee: hex(20),
    sequence: u64,
    deadline: u64,
  }),
  fetch: fc.record({
    kind: fc.constant("fetch"),
    digest: hex(32),
    piece,
    operator: hex(20),
    group: hex(20),
    ...permission,
  }),
  name: fc.record({ kind: fc.constant("name"), digest: hex(32), piece, name: text(16) }),
  find: fc.record({
    kind: fc.constant("find"),
    chainId: u64,
    group: hex(20),
    name: text(16),
    ...permission,
  }),
  publish: fc.record({ kind: fc.constant("publish"), chainId: u64, group: hex(20), ...permission }),
  revoke: fc
    .record({
      kind: fc.constant("revoke" as const),
      chainId: u64,
      group: hex(20),
      first: sequence,
      signature,
    })
    .chain((message) => sequence.map((more) => ({ ...message, last: message.first + more - 1 }))),
  about: fc.record({ kind: fc.constant("about"), chainId: u64, root: hex(32) }),
  volunteered: fc.record({ kind: fc.constant("volunteered"), chainId: u64, group: hex(20) }),
};

const answers: { readonly [K in StoreAnswer["kind"]]: fc.Arbitrary<Extract<StoreAnswer, { kind: K }>> } = {
  accepted: fc.record({
    kind: fc.constant("accepted"),
    until: u64,
    listed: fc.integer({ min: 0, max: maxPieces }),
  }),
  listed: fc.record({ kind: fc.constant("listed"), next: fc.integer({ min: 0, max: maxPieces }) }),
  ranges: fc.record({
    kind: fc.constant("ranges"),
    firstRange: u64,
    stored: fc.array(flag, { maxLength: 100 }),
    whole: flag,
    fetching: flag,
    fault: fc.option(text(20), { nil: undefined }),
  }),
  stored: fc.record({ kind: fc.constant("stored"), whole: flag }),
  consented: fc.record({
    kind: fc.constant("consented"),
    operator: hex(20),
    committee: hex(20),
    listRoot: hex(32),
    bytes: u64,
    price,
    receiptKey: hex(20),
    sequence: u64,
    deadline: u64,
    signature,
  }),
  fetching: fc.record({ kind: fc.constant("fetching"), whole: flag }),
  named: fc.constant({ kind: "named" }),
  found: fc.record({ kind: fc.constant("found"), root: bytes(32), size }),
  published: fc.constant({ kind: "published" }),
  revoked: fc.constant({ kind: "revoked" }),
  piece: fc.record({ kind: fc.constant("piece"), size, url: text(40) }),
};

const forms: readonly CodecForm[] = [
  {
    name: "question for an offer",
    encoded: fc.record({ chainId: u64, registry: hex(20) }).map(encodeOfferRequest),
    decode: decodeOfferRequest,
    encodeAgain: encodeOfferRequest,
  },
  {
    name: "offer",
    encoded: offer.map(encodeOfferResponse),
    decode: (input) => withoutRefusal(decodeOfferResponse(input)),
    encodeAgain: encodeOfferResponse,
  },
  ...storeKinds.map((kind) => ({
    name: `request to store: ${kind}`,
    encoded: (messages[kind] as fc.Arbitrary<StoreMessage>).map(encodeStoreMessage),
    decode: decodeStoreMessage,
    encodeAgain: encodeStoreMessage,
  })),
  ...storeKinds.map((kind) => ({
    name: `response to the request: ${kind}`,
    encoded: (answers[answerKinds[kind]] as fc.Arbitrary<StoreResponse>).map(encodeStoreResponse),
    decode: (input: Uint8Array) => withoutRefusal(decodeStoreResponse(input, kind)),
    encodeAgain: encodeStoreResponse,
  })),
];

checkForms(forms);
