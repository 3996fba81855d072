/** Committee sizes and quorums (R2). */

/** More members would not fit the key blob of a committee (R2). */
export const maxCommitteeSize = 124;

/** True if `n` is a committee the contract accepts: n = 3f+1 with f ≥ 1, at most 124 members. */
export function isCommitteeSize(n: number): boolean {
  return Number.isSafeInteger(n) && n >= 4 && n <= maxCommitteeSize && n % 3 === 1;
}

/**
 * f, the number of faulty keepers that a committee of `n` bears.
 * @throws RangeError if `n` is no committee size; callers check with {@link isCommitteeSize} first.
 */
export function faultBound(n: number): number {
  if (!isCommitteeSize(n)) throw new RangeError(`committee size: expected 3f+1 in 4..124, actual ${n}`);
  return (n - 1) / 3;
}

/** q = 2f+1: any two quorums share an honest keeper. */
export function quorum(n: number): number {
  return 2 * faultBound(n) + 1;
}
