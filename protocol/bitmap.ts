/** Sets of committee indices as the contracts encode them: bit i of a uint256 is set for keeper i. */

export function bitmap(indices: Iterable<number>): bigint {
  let bits = 0n;
  for (const index of indices) bits |= 1n << BigInt(index);
  return bits;
}

/** Indices of the set bits, ascending. */
export function bitIndices(bits: bigint): number[] {
  const indices: number[] = [];
  for (let i = 0, rest = bits; rest > 0n; i++, rest >>= 1n) if (rest & 1n) indices.push(i);
  return indices;
}
