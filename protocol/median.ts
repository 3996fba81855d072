/** R22: the decision on one provider from the revealed values. */

export type Decision = {
  /** The lower median. */
  readonly value: bigint;
  /** False if fewer than f+1 values are within the tolerance of the median; then keepers exchange records (R24). */
  readonly agreed: boolean;
};

const basisPoints = 10_000n;

/**
 * The value at position ⌊(k−1)/2⌋ of k ascending values; always one of the inputs.
 * @throws RangeError on an empty list
 */
export function lowerMedian(values: readonly bigint[]): bigint {
  const ascending = [...values].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
  const median = ascending[Math.floor((ascending.length - 1) / 2)];
  if (median === undefined) throw new RangeError("lower median: expected at least one value, actual none");
  return median;
}

/** R22 for one provider: |v − m| · 10000 ≤ tolerance · m must hold for at least f+1 of the values. */
export function decideValue(values: readonly bigint[], f: number, toleranceBps: number): Decision {
  const value = lowerMedian(values);
  const bound = BigInt(toleranceBps) * value;
  const near = values.filter((v) => (v < value ? value - v : v - value) * basisPoints <= bound);
  return { value, agreed: near.length >= f + 1 };
}
