/** A contract's price (R4: token units per 2^64 byte·blocks) for an amount a month of 30 days. */

const priceScale = 1n << 64n;
const month_ns = 30n * 24n * 3_600n * 1_000_000_000n;

/** ⌊a × 2^64 × block time / (bytes × month)⌋ for a token units a month for so many bytes. */
export function priceOfMonth(perMonth: bigint, bytes: bigint, blockTime_ns: bigint): bigint {
  return (perMonth * priceScale * blockTime_ns) / (bytes * month_ns);
}
