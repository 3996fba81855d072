/** Parts of a whole, as people read them. */

/** In per cent with one decimal, rounded down: only what is whole reads as 100 %. "–" where there is nothing to share. */
export function formatShare(part: bigint, whole: bigint): string {
  if (whole === 0n) return "–";
  const tenths = (part * 1_000n) / whole;
  return `${tenths / 10n}.${tenths % 10n} %`;
}
