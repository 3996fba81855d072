/**
 * R47 on the wire: the voucher that a reader shows with a request, and what a provider says that is owed. Over HTTP the voucher is in the header
 * `WhitePay-Voucher`, and status 402 has `PaymentDue` as JSON; over libp2p both are fields of `paid-retrieve.ts`.
 */
import { ByteWriter, decode } from "../../storage/core/bytes.ts";
import type { ByteReader, DecodeCode } from "../../storage/core/bytes.ts";
import { accept, reject } from "../../storage/core/result.ts";
import type { Result } from "../../storage/core/result.ts";
import type { Hex } from "../hash.ts";
import { fromBase64url, toBase64url } from "./piece-http.ts";
import type { Voucher, VouchersDomain } from "./voucher.ts";

export const voucherHeader = "WhitePay-Voucher";
/** Units that the first range of the answer costs; absent if it is free. */
export const chargedHeader = "WhitePay-Charged";

/** A voucher with the contract for which it was signed, so that a provider can say what is wrong with it. */
export type ShownVoucher = VouchersDomain & Voucher;

const voucherVersion = 1;
export const shownVoucherBytes = 1 + 8 + 20 + 20 + 20 + 20 + 16 + 65;

export function writeShownVoucher(w: ByteWriter, voucher: ShownVoucher): ByteWriter {
  return w
    .u8(voucherVersion)
    .u64(voucher.chainId)
    .hex(voucher.vouchers, 20)
    .hex(voucher.reader, 20)
    .hex(voucher.provider, 20)
    .hex(voucher.token, 20)
    .u128(voucher.amount)
    .bytes(voucher.signature, 65);
}

export function readShownVoucher(reader: ByteReader): ShownVoucher {
  const version = reader.u8("voucher version");
  if (version !== voucherVersion) {
    reader.fail("version", `voucher version: expected ${voucherVersion}, actual ${version}`);
  }
  return {
    chainId: reader.u64("chain id"),
    vouchers: reader.hex(20, "contract"),
    reader: reader.hex(20, "reader"),
    provider: reader.hex(20, "provider"),
    token: reader.hex(20, "token"),
    amount: reader.u128("amount"),
    signature: reader.bytes(65, "signature"),
  };
}

/** The text form: base64url without padding. */
export function encodeVoucher(voucher: ShownVoucher): string {
  return toBase64url(writeShownVoucher(new ByteWriter(), voucher).finish());
}

/** Checks the form; `isVoucherSigned` checks the signature. */
export function decodeVoucher(text: string): Result<ShownVoucher, DecodeCode> {
  const chars = Math.ceil((shownVoucherBytes * 8) / 6);
  const bytes = text.length === chars ? fromBase64url(text) : undefined;
  if (bytes === undefined) {
    return reject(
      "range",
      `voucher: expected ${chars} characters of base64url, actual ${text.length} characters`,
    );
  }
  return decode(bytes, shownVoucherBytes, readShownVoucher);
}

/** Why a provider asks for payment. The position is the code's number over libp2p: append only. */
export const dueCodes = [
  /** The free bytes of the day are used, and no voucher was shown. */
  "no-voucher",
  "wrong-chain",
  "wrong-contract",
  "wrong-provider",
  "wrong-token",
  "wrong-signer",
  /** The provider has a voucher of a higher amount. */
  "superseded",
  /** `needed`: the voucher must cover all that is owed. */
  "underpaid",
  "over-deposit",
  /** `needed`: units that must have been deposited in all. */
  "deposit",
  /** `needed`: the channel's expiry must be after this block. */
  "expiry",
  /** The provider keeps accounts of as many readers as it can. */
  "too-many-readers",
] as const;
export type DueCode = (typeof dueCodes)[number];

/** What a provider says instead of bytes that are not paid for. */
export type PaymentDue = VouchersDomain & {
  readonly kind: "due";
  readonly code: DueCode;
  /** The account that redeems. */
  readonly provider: Hex;
  /** Zero: the chain's own coin. */
  readonly token: Hex;
  /** Units of the token a GiB; each range is rounded up. */
  readonly pricePerGiB: bigint;
  /** Cumulative amount that a voucher of this reader must have now; 0 without a valid voucher. */
  readonly owed: bigint;
  /** By `code`: an amount or a block; else 0. */
  readonly needed: bigint;
  /** Expected and actual value, at most `maxDetailBytes` of UTF-8. */
  readonly detail: string;
};

export const maxDetailBytes = 200;
/** Most bytes of the JSON that a reader takes. */
export const maxDueBytes = 2_048;
const largest = 1n << 128n;

const how =
  "deposit into the contract's channel for this provider and token, then show a voucher of at least `owed` with each request in the header WhitePay-Voucher";

export function dueDocument(due: PaymentDue): Record<string, string | number> {
  return {
    due: due.code,
    chainId: due.chainId,
    contract: due.vouchers,
    provider: due.provider,
    token: due.token,
    pricePerGiB: String(due.pricePerGiB),
    owed: String(due.owed),
    needed: String(due.needed),
    detail: due.detail,
    how,
  };
}

/** What another party's JSON says; never throws. */
export function readDueDocument(text: string): Result<PaymentDue, "json" | "field"> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return reject("json", "payment: expected JSON, actual other text");
  }
  const fields = (typeof value === "object" && value !== null ? value : {}) as Record<string, unknown>;
  const code = dueCodes.find((one) => one === fields["due"]);
  const [vouchers, provider, token] = [fields["contract"], fields["provider"], fields["token"]].map(
    addressOf,
  );
  const [pricePerGiB, owed, needed] = [fields["pricePerGiB"], fields["owed"], fields["needed"]].map(amountOf);
  const { chainId, detail } = fields;
  if (
    code === undefined ||
    vouchers === undefined ||
    provider === undefined ||
    token === undefined ||
    pricePerGiB === undefined ||
    owed === undefined ||
    needed === undefined ||
    typeof chainId !== "number" ||
    !Number.isSafeInteger(chainId) ||
    chainId < 0 ||
    typeof detail !== "string"
  ) {
    const names = "due, chainId, contract, provider, token, pricePerGiB, owed, needed, detail";
    return reject("field", `payment: expected the fields ${names}, actual other ones`);
  }
  const terms = { vouchers, provider, token, pricePerGiB, owed, needed };
  return accept({ kind: "due", code, chainId, ...terms, detail: detail.slice(0, maxDetailBytes) });
}

function addressOf(value: unknown): Hex | undefined {
  return typeof value === "string" && /^0x[0-9a-f]{40}$/i.test(value)
    ? (value.toLowerCase() as Hex)
    : undefined;
}

function amountOf(value: unknown): bigint | undefined {
  if (typeof value !== "string" || !/^\d{1,39}$/.test(value)) return undefined;
  const amount = BigInt(value);
  return amount < largest ? amount : undefined;
}
