/** Upper bounds of the gas of certificates and settlements, from docs/figures/gas-committees.md and gas-groups.md; a test compares them. */

/** Certificate of one group with one provider, f members neither sign nor are paid, no slot is new. */
const oneGroup = 188_100;
const perMember = 460;
/** A further group in the same transaction, f members are not paid. */
const perGroup = 25_700;
/** A further provider of a group; it proves everything. */
const perProvider = 6_560;

export type CertifiedScope = {
  /** Groups with at least one provider each. */
  readonly groups: number;
  /** Providers of all of these groups together. */
  readonly providers: number;
};

/** Gas of one certificate of n members whose groups all settle at once. An empty scope costs no more than one group. */
export function certificateGas(members: number, { groups, providers }: CertifiedScope): bigint {
  const further = Math.max(0, groups - 1);
  const others = Math.max(0, providers - Math.max(1, groups));
  return BigInt(oneGroup + perMember * members + perGroup * further + perProvider * others);
}

/**
 * A group's part of it, rounded up: its equal part of what one signature costs, and its own settlement.
 * @param shared number of groups that the committee certifies together; 1 for a private committee
 */
export function groupGas(members: number, providers: number, shared: number): bigint {
  const whole = BigInt(oneGroup + perMember * members - perGroup);
  const count = BigInt(shared);
  const own = BigInt(perGroup + perProvider * Math.max(0, providers - 1));
  return (whole + count - 1n) / count + own;
}
