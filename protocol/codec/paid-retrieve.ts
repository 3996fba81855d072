/**
 * R47: bytes of the protocol for ranges that cost something. A request is that of `retrieve.ts` with a voucher; the first one may have none, and
 * learns the price. `settle` pays for what was sent before.
 */
import { ByteWriter, concatBytes, decode } from "../../storage/core/bytes.ts";
import type { ByteReader, DecodeCode } from "../../storage/core/bytes.ts";
import { maxRangeNodes, rangeBytes } from "../../storage/core/range.ts";
import { reject } from "../../storage/core/result.ts";
import type { Result } from "../../storage/core/result.ts";
import { encodeRefusal, providerProtocolVersion, readRefusal, readVersion } from "./challenge.ts";
import type { Refusal } from "./challenge.ts";
import {
  dueCodes,
  maxDetailBytes,
  readShownVoucher,
  shownVoucherBytes,
  writeShownVoucher,
} from "./paid-reading.ts";
import type { PaymentDue, ShownVoucher } from "./paid-reading.ts";
import { decodeRetrieveRequest, encodeRetrieveRequest, retrieveRequestBytes } from "./retrieve.ts";
import type { RetrievedRange, RetrieveRequest } from "./retrieve.ts";

export const paidRetrieveProtocol = "/whitepay/paid-retrieve/1";

export type PaidRetrieveRequest =
  | { readonly kind: "ask"; readonly wanted: RetrieveRequest; readonly voucher?: undefined }
  | { readonly kind: "pay" | "settle"; readonly wanted: RetrieveRequest; readonly voucher: ShownVoucher };

export type PaidRange = RetrievedRange & { readonly charged: bigint };
export type PaidRetrieveResponse = PaidRange | PaymentDue | { readonly kind: "settled" } | Refusal;

/** The position is the kind's number. */
const kinds = ["ask", "pay", "settle"] as const;
/** From which the length of a request follows. */
export const paidRetrieveHeaderBytes = 1;
export const maxPaidRetrieveRequestBytes = paidRetrieveHeaderBytes + retrieveRequestBytes + shownVoucherBytes;
export const maxPaidRetrieveResponseBytes = 2 + 16 + 1 + maxRangeNodes * 32 + 4 + rangeBytes;

export function paidRetrieveRequestBytes(header: Uint8Array): number {
  return header[0] === kinds.indexOf("ask")
    ? paidRetrieveHeaderBytes + retrieveRequestBytes
    : maxPaidRetrieveRequestBytes;
}

export function encodePaidRetrieveRequest({ kind, wanted, voucher }: PaidRetrieveRequest): Uint8Array {
  const head = Uint8Array.of(kinds.indexOf(kind));
  const shown = voucher && writeShownVoucher(new ByteWriter(), voucher).finish();
  return concatBytes(head, encodeRetrieveRequest(wanted), shown ?? new Uint8Array());
}

export function decodePaidRetrieveRequest(bytes: Uint8Array): Result<PaidRetrieveRequest, DecodeCode> {
  const kind = kinds[bytes[0] ?? kinds.length];
  if (kind === undefined) return reject("range", `kind of request: expected 0 to 2, actual ${bytes[0]}`);
  const end = paidRetrieveHeaderBytes + retrieveRequestBytes;
  const wanted = decodeRetrieveRequest(bytes.subarray(paidRetrieveHeaderBytes, end));
  if (!wanted.ok) return wanted;
  if (kind === "ask") {
    return bytes.length === end
      ? { ok: true, value: { kind, wanted: wanted.value } }
      : reject("trailing", `expected ${end} bytes, actual ${bytes.length}`);
  }
  return decode(bytes.subarray(end), shownVoucherBytes, (reader) => {
    return { kind, wanted: wanted.value, voucher: readShownVoucher(reader) };
  });
}

const rangeKind = 0;
const refusalKind = 1;
const dueKind = 2;
const settledKind = 3;

export function encodePaidRetrieveResponse(response: PaidRetrieveResponse): Uint8Array {
  if (response.kind === "refusal") return encodeRefusal(response);
  if (response.kind === "settled") return Uint8Array.of(providerProtocolVersion, settledKind);
  if (response.kind === "due") return encodeDue(response);
  const { siblings, bytes, charged } = response;
  const out = new ByteWriter(2 + 16 + 1 + 32 * siblings.length + 4 + bytes.length);
  out.u8(providerProtocolVersion).u8(rangeKind).u128(charged).u8(siblings.length);
  for (const node of siblings) out.bytes(node, 32);
  return out.u32(bytes.length).bytes(bytes).finish();
}

function encodeDue(due: PaymentDue): Uint8Array {
  const room = new Uint8Array(maxDetailBytes);
  const detail = room.subarray(0, new TextEncoder().encodeInto(due.detail, room).written);
  return new ByteWriter()
    .u8(providerProtocolVersion)
    .u8(dueKind)
    .u8(dueCodes.indexOf(due.code))
    .u64(due.chainId)
    .hex(due.vouchers, 20)
    .hex(due.provider, 20)
    .hex(due.token, 20)
    .u128(due.pricePerGiB)
    .u128(due.owed)
    .u128(due.needed)
    .u8(detail.length)
    .bytes(detail)
    .finish();
}

function readDue(reader: ByteReader): PaymentDue {
  const number = reader.u8("payment code");
  const code = dueCodes[number];
  if (code === undefined)
    reader.fail("range", `payment code: expected below ${dueCodes.length}, actual ${number}`);
  const terms = {
    chainId: reader.u64("chain id"),
    vouchers: reader.hex(20, "contract"),
    provider: reader.hex(20, "provider"),
    token: reader.hex(20, "token"),
    pricePerGiB: reader.u128("price"),
    owed: reader.u128("owed"),
    needed: reader.u128("needed"),
  };
  const length = reader.u8("detail length");
  if (length > maxDetailBytes)
    reader.fail("range", `detail: expected at most ${maxDetailBytes} bytes, actual ${length}`);
  // The text goes to terminals, so it must not contain control characters.
  const detail = new TextDecoder().decode(reader.bytes(length, "detail")).replace(/\p{C}/gu, "?");
  return { kind: "due", code, ...terms, detail };
}

/** Whether an encoded response asks for payment. */
export function isDue(response: Uint8Array): boolean {
  return response[1] === dueKind;
}

/** Checks sizes and form; the range's bytes are a view of `bytes`. */
export function decodePaidRetrieveResponse(bytes: Uint8Array): Result<PaidRetrieveResponse, DecodeCode> {
  return decode(bytes, maxPaidRetrieveResponseBytes, (reader): PaidRetrieveResponse => {
    readVersion(reader);
    const kind = reader.u8("kind of response");
    if (kind === refusalKind) return readRefusal(reader);
    if (kind === dueKind) return readDue(reader);
    if (kind === settledKind) return { kind: "settled" };
    if (kind !== rangeKind) reader.fail("range", `kind of response: expected 0 to 3, actual ${kind}`);
    const charged = reader.u128("charged");
    const count = reader.u8("node count");
    if (count > maxRangeNodes)
      reader.fail("range", `nodes: expected at most ${maxRangeNodes}, actual ${count}`);
    const siblings = Array.from({ length: count }, () => reader.bytes(32, "node"));
    const length = reader.u32("length");
    if (length > rangeBytes)
      reader.fail("range", `range: expected at most ${rangeBytes} bytes, actual ${length}`);
    return { kind: "range", charged, siblings, bytes: reader.view(length, "bytes") };
  });
}
