/**
 * Prices of the contracts and of people (R4). A contract's price is in token units per 2^64 byte·blocks; people say "4 USD a TiB and
 * month". A month is 30 days. The block time is rounded to the nanosecond; everything after that is exact:
 *
 *     price   = ⌊a × 2^64 × block time / (bytes × month)⌋       for a token units a month for so many bytes
 *     a       = ⌈price × bytes × month / (2^64 × block time)⌉
 *
 * The price is rounded down, so nobody pays more than was said; the way back is rounded up. Both ways together give the same amount
 * wherever one unit a month makes a difference of one in the price: for 1 TiB, with blocks of 0.155 s or more.
 */
import { counted } from "../protocol/counted.ts";
import { priceOfMonth } from "../protocol/month-price.ts";
import { inputError } from "./errors.ts";
import { month_s, TiB } from "./units.ts";

/** A price is per 2^64 byte·blocks. */
export const priceScale = 1n << 64n;
/** The largest price that a contract stores: 80 bits. */
const maxPrice = (1n << 80n) - 1n;
const second_ns = 1_000_000_000n;
const month_ns = BigInt(month_s) * second_ns;

/** @throws WhitePayError `input` unless it is at least one nanosecond */
function nanoseconds(blockTime_s: number): bigint {
  const time_ns = Math.round(blockTime_s * 1e9);
  if (Number.isSafeInteger(time_ns) && time_ns > 0) return BigInt(time_ns);
  throw inputError("the block time is not valid", {
    expected: "seconds, from 0.000000001 to 9,000,000",
    actual: String(blockTime_s),
  });
}

export type MonthlyPrice = {
  /** Token units for a month of 30 days. */
  readonly perMonth: bigint;
  /** Bytes that it is for; default 1 TiB. */
  readonly bytes?: bigint;
  /** Seconds of one block. */
  readonly blockTime_s: number;
};

/**
 * The contract's price for an amount a month, rounded down.
 * @throws WhitePayError `input` if an amount above 0 becomes a price of 0, or one that no contract stores
 */
export function priceFor({ perMonth, bytes = TiB, blockTime_s }: MonthlyPrice): bigint {
  const price = priceOfMonth(perMonth, bytes, nanoseconds(blockTime_s));
  if (perMonth >= 0n && price <= maxPrice && (price > 0n || perMonth === 0n)) return price;
  throw inputError("the price does not fit the contract", {
    expected: `units per 2^64 byte·blocks from 1 to ${maxPrice}, or exactly 0`,
    actual: `${counted(perMonth, "unit")} a month for ${bytes} bytes, which is ${price}`,
    hint: priceRemedy(perMonth, price),
  });
}

function priceRemedy(perMonth: bigint, price: bigint): string {
  if (perMonth < 0n) return "name a price from 0 up";
  return price > maxPrice
    ? "use a token with fewer decimals, or a lower price"
    : "use a token with more decimals, or a higher price";
}

/** Token units a month of 30 days for `bytes` (default 1 TiB) at a contract's price, rounded up. */
export function perMonthOf(price: bigint, blockTime_s: number, bytes: bigint = TiB): bigint {
  const divisor = priceScale * nanoseconds(blockTime_s);
  return (price * bytes * month_ns + divisor - 1n) / divisor;
}

/** ⌊bytes × blocks × price / 2^64⌋: what a settlement pays for it at full proof (R30), before the keepers' share. */
export function paidFor(bytes: bigint, blocks: bigint, price: bigint): bigint {
  return (bytes * blocks * price) / priceScale;
}

/** ⌈value / 2^64⌉ units: what the escrow needs for Σ bytes × price × blocks (R32). */
export function costOfValue(value: bigint): bigint {
  return (value + priceScale - 1n) / priceScale;
}

/** ⌈bytes × blocks × price / 2^64⌉ units. */
export function costOf(bytes: bigint, blocks: bigint, price: bigint): bigint {
  return costOfValue(bytes * blocks * price);
}

/** The fee is per 65,536 blocks. */
export const feeBlocks = 65_536n;

/** ⌊keeperFee × ceiling × blocks / 65536⌋: the keepers' fee of a settlement (R30). */
export function feeFor(keeperFee: bigint, ceiling: bigint, blocks: bigint): bigint {
  return (keeperFee * ceiling * blocks) / feeBlocks;
}

/** The same rounded up: what the escrow needs for it (R32). */
export function feeNeeded(keeperFee: bigint, ceiling: bigint, blocks: bigint): bigint {
  return (keeperFee * ceiling * blocks + feeBlocks - 1n) / feeBlocks;
}

/**
 * The smallest keeperFee that earns at least `perMonth` units a month for one reserved provider.
 * @throws WhitePayError `input` if no contract stores it
 */
export function keeperFeeFor(perMonth: bigint, blockTime_s: number): bigint {
  const dividend = perMonth * feeBlocks * nanoseconds(blockTime_s);
  const fee = (dividend + month_ns - 1n) / month_ns;
  if (perMonth >= 0n && fee < 1n << 96n) return fee;
  throw inputError("the keepers' fee does not fit the contract", {
    expected: "0 to 2^96 − 1 units per provider and 65,536 blocks",
    actual: String(fee),
  });
}
