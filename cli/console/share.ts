/** Formats shares in per cent. */

/** Per cent with one decimal, rounded down, so that "100.0 %" means all. "–" if the whole is 0. */
export function formatShare(part: bigint, whole: bigint): string {
  if (whole === 0n) return "–";
  const tenths = (part * 1_000n) / whole;
  return `${tenths / 10n}.${tenths % 10n} %`;
}
