/** Bytes of the challenge protocol between keeper and provider: big-endian integers, no optional fields. */
import { ByteWriter, decode } from "../../storage/core/bytes.ts";
import type { ByteReader, DecodeCode } from "../../storage/core/bytes.ts";
import { entryBytes, maxPieces, PieceEntries } from "../../storage/core/piece-list.ts";
import { maxProofBytes } from "../../storage/core/proof.ts";
import type { Result } from "../../storage/core/result.ts";
import type { Hex } from "../hash.ts";
import { receiptBytes, seedBytes } from "./receipt.ts";
import type { SeedScope } from "./seed.ts";

export const challengeProtocol = "/whitepay/challenge/2";
export const piecesProtocol = "/whitepay/pieces/2";
export const providerProtocolVersion = 2;

/** Reasons of a provider's refusal. The position is the code's number in messages: append only. */
export const refusalCodes = [
  "malformed",
  "unknown-committee",
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
  "not-offered",
  "price-too-low",
  "too-large",
  "no-space",
  "underfunded",
  "expired",
  "unknown-request",
  "wrong-range",
  "incomplete",
  "unknown-name",
  "revoked",
  "over-quota",
  /** R47: it costs money; `paid-retrieve.ts` says how much. */
  "unpaid",
] as const;
export type RefusalCode = (typeof refusalCodes)[number];

export type Refusal = {
  readonly kind: "refusal";
  readonly code: RefusalCode;
  /** Text for the operator, at most 200 bytes of UTF-8. */
  readonly detail: string;
};

/** One group of the challenged provider, and the provider's index there. */
export type ChallengeTarget = { readonly group: Hex; readonly provider: number };

/** R9: one message for all groups of a provider in a committee. */
export type ChallengeRequest = SeedScope & {
  /** R12: operator address of the keeper. */
  readonly keeper: Hex;
  /** R9, 48 bytes. */
  readonly seed: Uint8Array;
  /** 1 to `maxTargets`; the keeper asks about further groups in further messages with the same seed. */
  readonly targets: readonly ChallengeTarget[];
};

export type ChallengeAnswer = {
  readonly kind: "answer";
  /** `encodeReceipt` of the signed receipt. */
  readonly receipt: Uint8Array;
  /** `encodeProof` of the proof. */
  readonly proof: Uint8Array;
};

/** One answer or refusal for each target of the request, in its order; or a refusal of the whole request. */
export type ChallengeResponse =
  | { readonly kind: "answers"; readonly answers: readonly (ChallengeAnswer | Refusal)[] }
  | Refusal;

const targetBytes = 20 + 4;
/** Groups in one message: the answers to it have at most 2.5 MiB. */
export const maxTargets = 64;
/** A request without its targets. */
export const challengeHeaderBytes = 1 + 8 + 20 + 20 + 20 + 8 + 32 + seedBytes + 4;
export const maxChallengeRequestBytes = challengeHeaderBytes + maxTargets * targetBytes;
const maxDetailBytes = 200;
const maxAnswerBytes = 1 + receiptBytes + 4 + maxProofBytes;
export const maxChallengeResponseBytes = 2 + 4 + maxTargets * maxAnswerBytes;

export function encodeChallengeRequest(request: ChallengeRequest): Uint8Array {
  const w = new ByteWriter()
    .u8(providerProtocolVersion)
    .u64(request.chainId)
    .hex(request.committee, 20)
    .hex(request.operator, 20)
    .hex(request.keeper, 20)
    .u64(request.slot)
    .hex(request.blockHash, 32)
    .bytes(request.seed, seedBytes)
    .u32(request.targets.length);
  for (const { group, provider } of request.targets) w.hex(group, 20).u32(provider);
  return w.finish();
}

/** Length of a whole request by its header; that of the header alone if the number of targets is not valid. */
export function challengeRequestBytes(header: Uint8Array): number {
  const targets = new DataView(header.buffer, header.byteOffset).getUint32(challengeHeaderBytes - 4);
  return challengeHeaderBytes + (targets > maxTargets ? 0 : targets) * targetBytes;
}

export function decodeChallengeRequest(bytes: Uint8Array): Result<ChallengeRequest, DecodeCode> {
  return decode(bytes, maxChallengeRequestBytes, (reader) => {
    readVersion(reader);
    return {
      chainId: reader.u64("chain id"),
      committee: reader.hex(20, "committee"),
      operator: reader.hex(20, "provider's operator"),
      keeper: reader.hex(20, "keeper"),
      slot: reader.u64("slot"),
      blockHash: reader.hex(32, "block hash"),
      seed: reader.bytes(seedBytes, "seed"),
      targets: readTargets(reader),
    };
  });
}

function readTargets(reader: ByteReader): ChallengeTarget[] {
  const length = reader.u32("targets");
  if (length < 1 || length > maxTargets)
    reader.fail("range", `targets: expected 1 to ${maxTargets}, actual ${length}`);
  return Array.from({ length }, () => ({ group: reader.hex(20, "group"), provider: reader.u32("provider") }));
}

const answerByte = 0;
const refusedByte = 1;

export function encodeChallengeResponse(response: ChallengeResponse): Uint8Array {
  if (response.kind === "refusal") return encodeRefusal(response);
  const w = new ByteWriter().u8(providerProtocolVersion).u8(answerByte).u32(response.answers.length);
  for (const answer of response.answers) {
    if (answer.kind === "refusal") writeRefusal(w.u8(refusedByte), answer);
    else w.u8(answerByte).bytes(answer.receipt, receiptBytes).u32(answer.proof.length).bytes(answer.proof);
  }
  return w.finish();
}

/** Checks sizes and form; `verifyAnswer` checks receipts and proofs. @param targets of the request */
export function decodeChallengeResponse(
  bytes: Uint8Array,
  targets: number,
): Result<ChallengeResponse, DecodeCode> {
  return decode(bytes, maxChallengeResponseBytes, (reader): ChallengeResponse => {
    readVersion(reader);
    if (readKind(reader) === refusedByte) return readRefusal(reader);
    const length = reader.u32("answers");
    if (length !== targets) reader.fail("range", `answers: expected ${targets}, actual ${length}`);
    return { kind: "answers", answers: Array.from({ length }, () => readAnswer(reader)) };
  });
}

function readAnswer(reader: ByteReader): ChallengeAnswer | Refusal {
  if (readKind(reader) === refusedByte) return readRefusal(reader);
  const receipt = reader.bytes(receiptBytes, "receipt");
  const length = reader.u32("proof length");
  if (length > maxProofBytes) {
    reader.fail("range", `proof: expected at most ${maxProofBytes} bytes, actual ${length}`);
  }
  return { kind: "answer", receipt, proof: reader.bytes(length, "proof") };
}

export type PiecesRequest = {
  readonly chainId: number;
  readonly committee: Hex;
  readonly group: Hex;
  readonly provider: number;
  readonly listRoot: Hex;
  /** Index of the first requested piece. */
  readonly first: number;
};

export type PiecesPage = {
  readonly kind: "pieces";
  /** Pieces of the whole list. */
  readonly total: number;
  readonly first: number;
  readonly pieces: PieceEntries;
};

export type PiecesResponse = PiecesPage | Refusal;

/** Entries on a page: 640 KiB. */
export const maxPagePieces = 16_384;
export const piecesRequestBytes = 1 + 8 + 20 + 20 + 4 + 32 + 4;
export const maxPiecesResponseBytes = 2 + 4 + 4 + 4 + maxPagePieces * entryBytes;

export function encodePiecesRequest(request: PiecesRequest): Uint8Array {
  return new ByteWriter()
    .u8(providerProtocolVersion)
    .u64(request.chainId)
    .hex(request.committee, 20)
    .hex(request.group, 20)
    .u32(request.provider)
    .hex(request.listRoot, 32)
    .u32(request.first)
    .finish();
}

export function decodePiecesRequest(bytes: Uint8Array): Result<PiecesRequest, DecodeCode> {
  return decode(bytes, piecesRequestBytes, (reader) => {
    readVersion(reader);
    return {
      chainId: reader.u64("chain id"),
      committee: reader.hex(20, "committee"),
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
    .u8(providerProtocolVersion)
    .u8(answerByte)
    .u32(response.total)
    .u32(response.first)
    .u32(response.pieces.length)
    .bytes(response.pieces.bytes)
    .finish();
}

export function decodePiecesResponse(bytes: Uint8Array): Result<PiecesResponse, DecodeCode> {
  return decode(bytes, maxPiecesResponseBytes, (reader): PiecesResponse => {
    readVersion(reader);
    if (readKind(reader) === refusedByte) return readRefusal(reader);
    const total = reader.u32("total pieces");
    const first = reader.u32("first piece");
    const count = reader.u32("pieces on this page");
    if (total < 1 || total > maxPieces) {
      reader.fail("range", `total pieces: expected 1 to ${maxPieces}, actual ${total}`);
    }
    // After an empty page the keeper would ask for the same page again, without end.
    if (count < 1 || count > maxPagePieces || first + count > total) {
      reader.fail(
        "range",
        `page: expected 1 to ${maxPagePieces} of ${total} pieces, actual ${count} from ${first}`,
      );
    }
    const pieces = new PieceEntries(reader.bytes(count * entryBytes, "pieces"));
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
  return writeRefusal(new ByteWriter().u8(providerProtocolVersion).u8(refusedByte), response).finish();
}

/** Whether an encoded response of any of the provider's protocols is a refusal. */
export function isRefusal(response: Uint8Array): boolean {
  return response[1] === refusedByte;
}

function writeRefusal(w: ByteWriter, response: Refusal): ByteWriter {
  const detail = truncatedUtf8(response.detail);
  return w.u8(refusalCodes.indexOf(response.code)).u8(detail.length).bytes(detail);
}

export function readRefusal(reader: ByteReader): Refusal {
  const number = reader.u8("refusal code");
  const code = refusalCodes[number];
  if (code === undefined)
    reader.fail("range", `refusal code: expected below ${refusalCodes.length}, actual ${number}`);
  const length = reader.u8("detail length");
  if (length > maxDetailBytes) reader.fail("range", `detail: expected at most 200 bytes, actual ${length}`);
  // The text goes to logs and terminals, so it must not contain control characters.
  const detail = new TextDecoder().decode(reader.bytes(length, "detail")).replace(/\p{C}/gu, "?");
  return refusal(code, detail);
}

function truncatedUtf8(text: string): Uint8Array {
  const out = new Uint8Array(maxDetailBytes);
  return out.subarray(0, new TextEncoder().encodeInto(text, out).written);
}

export function readVersion(reader: ByteReader): void {
  const version = reader.u8("protocol version");
  if (version !== providerProtocolVersion) {
    reader.fail("version", `protocol version: expected ${providerProtocolVersion}, actual ${version}`);
  }
}

export function readKind(reader: ByteReader): number {
  const kind = reader.u8("kind of response");
  if (kind > refusedByte) reader.fail("range", `kind of response: expected 0 or 1, actual ${kind}`);
  return kind;
}
