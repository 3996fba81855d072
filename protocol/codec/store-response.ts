/** R43: responses of `/whitepay/store/1`. Each kind of request has one kind of answer; every request may be refused. */
import { ByteWriter, decode } from "../../storage/core/bytes.ts";
import type { ByteReader, DecodeCode } from "../../storage/core/bytes.ts";
import { maxPieces } from "../../storage/core/piece-list.ts";
import type { Result } from "../../storage/core/result.ts";
import type { Hex } from "../hash.ts";
import { encodeRefusal, providerProtocolVersion, readRefusal, readVersion } from "./challenge.ts";
import type { Refusal } from "./challenge.ts";
import { readFlag, readPrice } from "./offer.ts";
import { readText, writeText } from "./typed-text.ts";
import type { StoreKind } from "./store.ts";

/** Ranges in the bitmap of one answer: those of 127 GB. */
export const maxHaveRanges = 65_536;
const maxFaultBytes = 200;
/** Bytes of the address of a piece: one byte holds the length. */
export const maxUrlBytes = 255;

/** Answer to a proposal. */
export type Accepted = {
  readonly kind: "accepted";
  /** Last block until which the data waits for its escrow or its adding. */
  readonly until: number;
  /** Entries of the list that are here already: the next page begins with this index. */
  readonly listed: number;
};
export type Listed = {
  readonly kind: "listed";
  /** Index of the first entry that is missing. */
  readonly next: number;
};
export type Ranges = {
  readonly kind: "ranges";
  readonly firstRange: number;
  /** Whether each range from `firstRange` on is stored, at most `maxHaveRanges`. */
  readonly stored: readonly boolean[];
  /** The whole piece is stored and durable. */
  readonly whole: boolean;
  /** A fetch from another provider is under way. */
  readonly fetching: boolean;
  /** Why the last fetch ended without the piece. */
  readonly fault: string | undefined;
};
export type Stored = {
  readonly kind: "stored";
  /** The whole piece is stored and durable. */
  readonly whole: boolean;
};
/** R33: the provider's consent to the list of the request. */
export type ConsentGiven = {
  readonly kind: "consented";
  readonly operator: Hex;
  readonly committee: Hex;
  readonly listRoot: Hex;
  readonly bytes: number;
  readonly price: bigint;
  readonly receiptKey: Hex;
  readonly sequence: number;
  readonly deadline: number;
  /** 65 bytes, by the operator key. */
  readonly signature: Uint8Array;
};
/** The fetch has begun, or the piece is stored already. */
export type Fetching = { readonly kind: "fetching"; readonly whole: boolean };
export type Named = { readonly kind: "named" };
export type Found = { readonly kind: "found"; readonly root: Uint8Array; readonly size: number };

export type Published = { readonly kind: "published" };
export type Revoked = { readonly kind: "revoked" };
/** A piece that the provider serves to anybody. */
export type PublicPiece = {
  readonly kind: "piece";
  readonly size: number;
  /** Where it is served. */
  readonly url: string;
};

export type StoreAnswer =
  | Accepted
  | Listed
  | Ranges
  | Stored
  | ConsentGiven
  | Fetching
  | Named
  | Found
  | Published
  | Revoked
  | PublicPiece;
export type StoreResponse = StoreAnswer | Refusal;

/** The kind of answer to each kind of request. */
export const answerKinds = {
  propose: "accepted",
  list: "listed",
  have: "ranges",
  put: "stored",
  consent: "consented",
  fetch: "fetching",
  name: "named",
  find: "found",
  publish: "published",
  revoke: "revoked",
  about: "piece",
  volunteered: "consented",
} as const satisfies { readonly [K in StoreKind]: StoreAnswer["kind"] };

/** In messages 0 is the kind of an answer to the request, and 1 that of a refusal. */
const answerByte = 0;
const refusedByte = 1;

export const maxStoreResponseBytes = 2 + 8 + 4 + maxHaveRanges / 8 + 3 + 1 + maxFaultBytes;

export function encodeStoreResponse(response: StoreResponse): Uint8Array {
  if (response.kind === "refusal") return encodeRefusal(response);
  const w = new ByteWriter().u8(providerProtocolVersion).u8(answerByte);
  switch (response.kind) {
    case "accepted":
      w.u64(response.until).u32(response.listed);
      break;
    case "listed":
      w.u32(response.next);
      break;
    case "ranges":
      writeRanges(w, response);
      break;
    case "stored":
    case "fetching":
      w.u8(response.whole ? 1 : 0);
      break;
    case "consented":
      writeConsent(w, response);
      break;
    case "named":
    case "published":
    case "revoked":
      break;
    case "piece":
      writeText(w.u64(response.size), response.url, maxUrlBytes);
      break;
    case "found":
      w.bytes(response.root, 32).u64(response.size);
      break;
  }
  return w.finish();
}

/** Checks sizes and form. @param kind of the request */
export function decodeStoreResponse<K extends StoreKind>(
  bytes: Uint8Array,
  kind: K,
): Result<Extract<StoreAnswer, { kind: (typeof answerKinds)[K] }> | Refusal, DecodeCode> {
  type Answer = Extract<StoreAnswer, { kind: (typeof answerKinds)[K] }>;
  return decode(bytes, maxStoreResponseBytes, (reader) => {
    readVersion(reader);
    const form = reader.u8("kind of response");
    if (form === refusedByte) return readRefusal(reader);
    if (form !== answerByte) reader.fail("range", `kind of response: expected 0 or 1, actual ${form}`);
    return readAnswer[answerKinds[kind]](reader) as Answer;
  });
}

const readAnswer: { readonly [K in StoreAnswer["kind"]]: (reader: ByteReader) => StoreAnswer } = {
  accepted: (reader) => ({
    kind: "accepted",
    until: reader.u64("last block"),
    listed: readCount(reader, "entries"),
  }),
  listed: (reader) => ({ kind: "listed", next: readCount(reader, "entries") }),
  ranges: readRanges,
  stored: (reader) => ({ kind: "stored", whole: readFlag(reader, "whole") }),
  consented: readConsent,
  fetching: (reader) => ({ kind: "fetching", whole: readFlag(reader, "whole") }),
  named: () => ({ kind: "named" }),
  found: readFound,
  published: () => ({ kind: "published" }),
  revoked: () => ({ kind: "revoked" }),
  piece: (reader) => ({
    kind: "piece",
    size: readSize(reader),
    url: readText(reader, maxUrlBytes, "address"),
  }),
};

function readCount(reader: ByteReader, what: string): number {
  const count = reader.u32(what);
  return count <= maxPieces
    ? count
    : reader.fail("range", `${what}: expected at most ${maxPieces}, actual ${count}`);
}

/** Bit i of a byte, from the lowest, is range 8·byte + i; bits beyond the last range are zero. */
function writeRanges(w: ByteWriter, { firstRange, stored, whole, fetching, fault }: Ranges): void {
  if (stored.length > maxHaveRanges) {
    throw new RangeError(`ranges: expected at most ${maxHaveRanges}, actual ${stored.length}`);
  }
  const bits = new Uint8Array(Math.ceil(stored.length / 8));
  for (const [i, here] of stored.entries()) if (here) bits[i >> 3] = (bits[i >> 3] ?? 0) | (1 << (i & 7));
  w.u64(firstRange).u32(stored.length).bytes(bits);
  w.u8(whole ? 1 : 0)
    .u8(fetching ? 1 : 0)
    .u8(fault === undefined ? 0 : 1);
  if (fault !== undefined) writeText(w, fault, maxFaultBytes);
}

function readRanges(reader: ByteReader): Ranges {
  const firstRange = reader.u64("first range");
  const length = reader.u32("ranges");
  if (length > maxHaveRanges) {
    reader.fail("range", `ranges: expected at most ${maxHaveRanges}, actual ${length}`);
  }
  const bits = reader.bytes(Math.ceil(length / 8), "bitmap");
  if (length % 8 !== 0 && (bits.at(-1) ?? 0) >> (length % 8) !== 0) {
    reader.fail("range", "bitmap: expected zeros beyond the last range, actual ones");
  }
  const stored = Array.from({ length }, (_, i) => (((bits[i >> 3] ?? 0) >> (i & 7)) & 1) === 1);
  const whole = readFlag(reader, "whole");
  const fetching = readFlag(reader, "fetching");
  const fault = readFlag(reader, "fault") ? readText(reader, maxFaultBytes, "fault") : undefined;
  return { kind: "ranges", firstRange, stored, whole, fetching, fault };
}

function writeConsent(w: ByteWriter, consent: ConsentGiven): void {
  w.hex(consent.operator, 20)
    .hex(consent.committee, 20)
    .hex(consent.listRoot, 32)
    .u64(consent.bytes)
    .u128(consent.price)
    .hex(consent.receiptKey, 20)
    .u64(consent.sequence)
    .u64(consent.deadline)
    .bytes(consent.signature, 65);
}

function readConsent(reader: ByteReader): ConsentGiven {
  return {
    kind: "consented",
    operator: reader.hex(20, "operator"),
    committee: reader.hex(20, "committee"),
    listRoot: reader.hex(32, "list root"),
    bytes: reader.u64("bytes"),
    price: readPrice(reader),
    receiptKey: reader.hex(20, "receipt key"),
    sequence: reader.u64("sequence"),
    deadline: reader.u64("deadline"),
    signature: reader.bytes(65, "signature"),
  };
}

function readFound(reader: ByteReader): Found {
  const root = reader.bytes(32, "root");
  return { kind: "found", root, size: readSize(reader) };
}

function readSize(reader: ByteReader): number {
  const size = reader.u64("size");
  return size >= 1 ? size : reader.fail("range", `size: expected at least 1, actual ${size}`);
}
