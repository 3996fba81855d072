/** R22: what a committee decides from the values it revealed. */

export type Decision = {
  /** The lower median. */
  readonly value: bigint;
  /** False: fewer than f+1 values lie within tolerance of it, so records are exchanged first (R24). */
  readonly agreed: boolean;
};

const basisPoints = 10_000n;

/**
 * The value at position ⌊(k−1)/2⌋ of k ascending values: always one that was really given.
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
