/** Arithmetic of a group's money by R30 and R32 to R34, for the contract's model. */
export type Change = { from: number; size: bigint };

export type ProviderModel = {
  operator: string;
  activeFrom: number;
  removedAt: number;
  closed: boolean;
  changes: Change[];
  credit: bigint;
  withdrawn: bigint;
  /** Left by settlements, the keepers' cut included. */
  arrears: bigint;
  /** Left by abandoned intervals, of which keepers have no cut (R34). */
  uncutArrears: bigint;
  /** Paid of committed space-time in its last settled interval, if it had one, as a part of 2^55. */
  rate: bigint | undefined;
  /** Block through which it was settled, or credited for an abandoned interval. */
  paidThrough: number;
  /** Byte·blocks it committed in abandoned blocks that it was not credited for yet, and the block at which those end. */
  abandoned: { committed: bigint; to: number };
};

/** R30: token units for byte·blocks, rounded down. */
export function unitsFor(spaceTime: bigint, price: bigint): bigint {
  return (spaceTime * price) / 2n ** 30n;
}

/** Byte·blocks committed in [from, to): each size counts from its first block to that of the next. */
export function committedIn({ changes }: ProviderModel, from: number, to: number): bigint {
  return changes.reduce((sum, { from: start, size }, i) => {
    const next = changes[i + 1]?.from ?? Number.MAX_SAFE_INTEGER;
    const blocks = Math.min(next, to) - Math.max(start, from);
    return blocks > 0 ? sum + size * BigInt(blocks) : sum;
  }, 0n);
}

/** R32: the largest size since a provider's last settlement or ahead: in force in the block it was paid through, or later. */
export function largestSize({ changes, paidThrough }: ProviderModel): bigint {
  return changes
    .filter((_, i) => (changes[i + 1]?.from ?? Number.MAX_SAFE_INTEGER) > paidThrough)
    .reduce((largest, { size }) => (size > largest ? size : largest), 0n);
}

/** R33: changes whose first block was not settled yet. */
export function unsettledChanges({ changes, paidThrough }: ProviderModel): number {
  return changes.filter(({ from }) => from > paidThrough).length;
}

/** x of y as a part of 2^bits, rounded down; all of it if y is 0. */
export function paidPart(x: bigint, y: bigint, bits = 55n): bigint {
  return y === 0n ? 2n ** bits : (x * 2n ** bits) / y;
}

/** R34: what of committed space-time is credited without a committee: the part that the last settled interval paid, or all. */
export function spaceTimeAtRate(committed: bigint, rate: bigint | undefined): bigint {
  return rate === undefined ? committed : (committed * rate) / 2n ** 55n;
}

export function scaled(amount: bigint, part: bigint): bigint {
  return (amount * part) / 2n ** 64n;
}
