/**
 * R41: which groups of certificates go into which transaction. A transaction holds a run of groups that follow each other in the order of
 * their numbers, because one range proof covers a run (R29).
 */
import type { CertifiedGroup } from "./certificate.ts";
import { membershipWithin } from "./committee.ts";
import type { GroupEntry } from "./committee.ts";
import { transactionGasCap } from "./fees.ts";

/** Positions [first, first + length) among a certificate's groups. */
export type Run = { readonly first: number; readonly length: number };

/**
 * Gas of a transaction as measured in docs/figures/gas-committees.md with slots written before, rounded up: a certificate with its
 * signature check, a group with one provider, each further provider, and a member that is neither signer nor payee. A word of calldata costs at most `word`.
 */
const gas = { certificate: 180_000, member: 1_100, group: 32_000, item: 8_500, word: 512 } as const;
/** Words of a group's calldata besides its items: offsets, number, address and length. */
const groupWords = 5;

/**
 * Gas that a transaction must have left before a committee calls a group (R29): `SettlementGas.worst` and the committee's reserve. Twice
 * a 64th part stays behind: the committee's proxy calls its code, and the code calls the group.
 */
export function worstGas(items: number, n: number): number {
  const worst = 300_000 + 23_000 * n + 47_500 * items;
  const reserve = 10_000;
  return Math.ceil(((worst + reserve) * 64 * 64) / (63 * 63));
}

function likelyGas(items: number): number {
  return gas.group + gas.item * Math.max(0, items - 1);
}

/** R41: half of the cap. The other half covers what a group may need at worst. */
const budget = Number(transactionGasCap / 2n);

/**
 * Whether a group of a certificate over [ts, te) can be settled now: no block before its interval is left, and one of its interval is
 * (R29). `done`: it is settled or credited; `later`: an earlier certificate comes first, or the group has not been read yet.
 */
export function standingOf(
  membership: GroupEntry | undefined,
  ts: number,
  te: number,
): "open" | "done" | "later" {
  if (membership === undefined) return "done";
  const { from, to } = membershipWithin(membership, ts, te);
  if (membership.settledThrough >= to || from >= to) return "done";
  // A group without a provider is settled through the block in which it gets one, which may lie behind the begin of the interval.
  return membership.settledThrough >= from ? "open" : "later";
}

/**
 * The next run of open groups from position `from` on that fits half of the gas cap; undefined: there is none. A group that does not fit
 * beside others goes alone.
 * @param certifies whether the transaction also has the certificate's signature
 */
export function nextRun(
  groups: readonly CertifiedGroup[],
  isOpen: (group: CertifiedGroup) => boolean,
  { from, n, certifies }: { readonly from: number; readonly n: number; readonly certifies: boolean },
): Run | undefined {
  const first = groups.findIndex((group, i) => i >= from && isOpen(group));
  if (first < 0) return undefined;
  const before = certifies ? gas.certificate + gas.member * n : 0;
  let used = before;
  let length = 0;
  for (const group of groups.slice(first)) {
    if (!isOpen(group)) break;
    const items = group.items.length;
    const alone = length === 0 && !certifies;
    // Its calldata is paid for before it is called.
    const called = used + gas.word * (groupWords + items) + worstGas(items, n);
    const fits = used + likelyGas(items) <= budget && called <= Number(transactionGasCap);
    if (!fits && !alone) break;
    used += likelyGas(items);
    length++;
    if (!fits) break;
  }
  return length === 0 ? undefined : { first, length };
}
