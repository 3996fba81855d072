/** The challenge protocol on the wire, shared by keeper and provider: all integers big-endian, no optional fields. */
import { ByteWriter, decode } from "../../storage/core/bytes.ts";
import type { ByteReader, DecodeCode } from "../../storage/core/bytes.ts";
import { ENTRY_BYTES, MAX_PIECES, PieceEntries } from "../../storage/core/piece-list.ts";
import { MAX_PROOF_BYTES } from "../../storage/core/proof.ts";
import type { Result } from "../../storage/core/result.ts";
import type { Hex } from "../hash.ts";
import { RECEIPT_BYTES, SEED_BYTES } from "./receipt.ts";
import type { SeedScope } from "./seed.ts";

export const CHALLENGE_PROTOCOL = "/whitepay/challenge/1";
export const PIECES_PROTOCOL = "/whitepay/pieces/1";
export const WIRE_VERSION = 1;

/** Why a provider does not answer. The order is the number on the wire: append only. */
export const REFUSALS = [
  "malformed",
  "unknown-group",
  "unknown-provider",
  "not-a-member",
  "wrong-peer",
  "slot-too-old",
  "slot-in-future",
  "wrong-block",
  "wrong-seed",
  "already-answered",
  "no-data",
  "busy",
  "unknown-list",
  "internal",
  "not-the-payer",
  "unknown-piece",
  "damaged",
] as const;
export type RefusalCode = (typeof REFUSALS)[number];

export interface Refusal {
  readonly kind: "refusal";
  readonly code: RefusalCode;
  /** For people; at most 200 bytes of UTF-8. */
  readonly detail: string;
}

export interface ChallengeRequest extends SeedScope {
  /** R12: operator address of the keeper. */
  readonly keeper: Hex;
  /** R9, 48 bytes. */
  readonly seed: Uint8Array;
}

export interface ChallengeAnswer {
  readonly kind: "answer";
  /** `encodeReceipt` of the signed receipt. */
  readonly receipt: Uint8Array;
  /** `encodeProof` of the proof. */
  readonly proof: Uint8Array;
}

export type ChallengeResponse = ChallengeAnswer | Refusal;

export const CHALLENGE_REQUEST_BYTES = 1 + 8 + 20 + 20 + 4 + 8 + 32 + SEED_BYTES;
const MAX_DETAIL_BYTES = 200;
export const MAX_CHALLENGE_RESPONSE_BYTES = 2 + RECEIPT_BYTES + 4 + MAX_PROOF_BYTES;

export function encodeChallengeRequest(request: ChallengeRequest): Uint8Array {
  return new ByteWriter()
    .u8(WIRE_VERSION)
    .u64(request.chainId)
    .hex(request.group, 20)
    .hex(request.keeper, 20)
    .u32(request.provider)
    .u64(request.slot)
    .hex(request.blockHash, 32)
    .bytes(request.seed, SEED_BYTES)
    .finish();
}

export function decodeChallengeRequest(bytes: Uint8Array): Result<ChallengeRequest, DecodeCode> {
  return decode(bytes, CHALLENGE_REQUEST_BYTES, (reader) => {
    readVersion(reader);
    return {
      chainId: reader.u64("chain id"),
      group: reader.hex(20, "group"),
      keeper: reader.hex(20, "keeper"),
      provider: reader.u32("provider"),
      slot: reader.u64("slot"),
      blockHash: reader.hex(32, "block hash"),
      seed: reader.bytes(SEED_BYTES, "seed"),
    };
  });
}

const ANSWER = 0;
const REFUSED = 1;

export function encodeChallengeResponse(response: ChallengeResponse): Uint8Array {
  if (response.kind === "refusal") return encodeRefusal(response);
  return new ByteWriter()
    .u8(WIRE_VERSION)
    .u8(ANSWER)
    .bytes(response.receipt, RECEIPT_BYTES)
    .u32(response.proof.length)
    .bytes(response.proof)
    .finish();
}

/** Sizes and form only: `verifyAnswer` checks receipt and proof. */
export function decodeChallengeResponse(bytes: Uint8Array): Result<ChallengeResponse, DecodeCode> {
  return decode(bytes, MAX_CHALLENGE_RESPONSE_BYTES, (reader): ChallengeResponse => {
    readVersion(reader);
    if (readKind(reader) === REFUSED) return readRefusal(reader);
    const receipt = reader.bytes(RECEIPT_BYTES, "receipt");
    const length = reader.u32("proof length");
    if (length > MAX_PROOF_BYTES) {
      reader.fail("range", `proof: expected at most ${MAX_PROOF_BYTES} bytes, actual ${length}`);
    }
    return { kind: "answer", receipt, proof: reader.bytes(length, "proof") };
  });
}

export interface PiecesRequest {
  readonly chainId: number;
  readonly group: Hex;
  readonly provider: number;
  readonly listRoot: Hex;
  /** Index of the first piece wanted. */
  readonly first: number;
}

export interface PiecesPage {
  readonly kind: "pieces";
  /** Pieces of the whole list. */
  readonly total: number;
  readonly first: number;
  readonly pieces: PieceEntries;
}

export type PiecesResponse = PiecesPage | Refusal;

/** Entries on a page: 640 KiB. */
export const MAX_PAGE_PIECES = 16_384;
export const PIECES_REQUEST_BYTES = 1 + 8 + 20 + 4 + 32 + 4;
export const MAX_PIECES_RESPONSE_BYTES = 2 + 4 + 4 + 4 + MAX_PAGE_PIECES * ENTRY_BYTES;

export function encodePiecesRequest(request: PiecesRequest): Uint8Array {
  return new ByteWriter()
    .u8(WIRE_VERSION)
    .u64(request.chainId)
    .hex(request.group, 20)
    .u32(request.provider)
    .hex(request.listRoot, 32)
    .u32(request.first)
    .finish();
}

export function decodePiecesRequest(bytes: Uint8Array): Result<PiecesRequest, DecodeCode> {
  return decode(bytes, PIECES_REQUEST_BYTES, (reader) => {
    readVersion(reader);
    return {
      chainId: reader.u64("chain id"),
      group: reader.hex(20, "group"),
      provider: reader.u32("provider"),
      listRoot: reader.hex(32, "list root"),
      first: reader.u32("first piece"),
    };
  });
}

export function encodePiecesResponse(response: PiecesResponse): Uint8Array {
  if (response.kind === "refusal") return encodeRefusal(response);
  return new ByteWriter()
    .u8(WIRE_VERSION)
    .u8(ANSWER)
    .u32(response.total)
    .u32(response.first)
    .u32(response.pieces.length)
    .bytes(response.pieces.bytes)
    .finish();
}

export function decodePiecesResponse(bytes: Uint8Array): Result<PiecesResponse, DecodeCode> {
  return decode(bytes, MAX_PIECES_RESPONSE_BYTES, (reader): PiecesResponse => {
    readVersion(reader);
    if (readKind(reader) === REFUSED) return readRefusal(reader);
    const total = reader.u32("total pieces");
    const first = reader.u32("first piece");
    const count = reader.u32("pieces on this page");
    if (total < 1 || total > MAX_PIECES) {
      reader.fail("range", `total pieces: expected 1 to ${MAX_PIECES}, actual ${total}`);
    }
    // An empty page would let a provider keep a keeper asking for ever.
    if (count < 1 || count > MAX_PAGE_PIECES || first + count > total) {
      reader.fail(
        "range",
        `page: expected 1 to ${MAX_PAGE_PIECES} of ${total} pieces, actual ${count} from ${first}`,
      );
    }
    const pieces = new PieceEntries(reader.bytes(count * ENTRY_BYTES, "pieces"));
    for (const { size } of pieces) {
      if (size >= 1 && Number.isSafeInteger(size)) continue;
      const most = Number.MAX_SAFE_INTEGER;
      reader.fail("range", `piece size: expected 1 to ${most}, actual ${size}`);
    }
    return { kind: "pieces", total, first, pieces };
  });
}

export function refusal(code: RefusalCode, detail: string): Refusal {
  return { kind: "refusal", code, detail };
}

export function encodeRefusal(response: Refusal): Uint8Array {
  const detail = truncatedUtf8(response.detail);
  return new ByteWriter()
    .u8(WIRE_VERSION)
    .u8(REFUSED)
    .u8(REFUSALS.indexOf(response.code))
    .u8(detail.length)
    .bytes(detail)
    .finish();
}

export function readRefusal(reader: ByteReader): Refusal {
  const number = reader.u8("refusal code");
  const code = REFUSALS[number];
  if (code === undefined)
    reader.fail("range", `refusal code: expected below ${REFUSALS.length}, actual ${number}`);
  const length = reader.u8("detail length");
  if (length > MAX_DETAIL_BYTES) reader.fail("range", `detail: expected at most 200 bytes, actual ${length}`);
  // A peer's text ends up in logs and on terminals: control characters must not.
  const detail = new TextDecoder().decode(reader.bytes(length, "detail")).replace(/\p{C}/gu, "?");
  return refusal(code, detail);
}

function truncatedUtf8(text: string): Uint8Array {
  const out = new Uint8Array(MAX_DETAIL_BYTES);
  return out.subarray(0, new TextEncoder().encodeInto(text, out).written);
}

export function readVersion(reader: ByteReader): void {
  const version = reader.u8("protocol version");
  if (version !== WIRE_VERSION) {
    reader.fail("version", `protocol version: expected ${WIRE_VERSION}, actual ${version}`);
  }
}

export function readKind(reader: ByteReader): number {
  const kind = reader.u8("kind of response");
  if (kind > REFUSED) reader.fail("range", `kind of response: expected 0 or 1, actual ${kind}`);
  return kind;
}
