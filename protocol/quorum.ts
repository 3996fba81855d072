/** Committee sizes and quorums (R2). */

/** The key blob of a committee has no room for more members (R2). */
export const maxCommitteeSize = 124;

/** Whether the contract accepts a committee of `n` members: n = 3f+1, f ≥ 1, at most 124. */
export function isCommitteeSize(n: number): boolean {
  return Number.isSafeInteger(n) && n >= 4 && n <= maxCommitteeSize && n % 3 === 1;
}

/**
 * f, the number of faulty keepers that a committee of `n` tolerates.
 * @throws RangeError if `n` is not a committee size; callers check with {@link isCommitteeSize} first.
 */
export function faultBound(n: number): number {
  if (!isCommitteeSize(n)) throw new RangeError(`committee size: expected 3f+1 in 4..124, actual ${n}`);
  return (n - 1) / 3;
}

/** q = 2f+1: every two quorums share an honest keeper. */
export function quorum(n: number): number {
  return 2 * faultBound(n) + 1;
}
