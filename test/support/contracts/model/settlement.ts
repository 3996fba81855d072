/** Settlement of one group for one certified interval (R16, R25, R29, R30, R32). */
import { anythingIn, committedIn, providersIn } from "./commitments.ts";
import { accept, openFrom, type Sending } from "./committee.ts";
import { accountOf, availableOf, feeOf, noteArrears, payKeeperArrears, priceUnit } from "./funds.ts";
import { settleThrough } from "./course.ts";
import {
  Checks,
  committeeOf,
  groupOf,
  refuse,
  Refused,
  type Certificate,
  type Entry,
  type Group,
  type Reason,
  type World,
} from "./world.ts";

const largestAmount = (1n << 96n) - 1n;
const whole = 10_000n;

/** What happened to a group that was handed in. */
export type Handed = { group: number; number: number } & (
  | { refused: readonly Reason[] }
  | {
      from: number;
      through: number;
      available: bigint;
      /** Everything that the settlement owes. */
      due: bigint;
      /** What each provider earned in full, after the keepers' cut. */
      full: { provider: number; net: bigint }[];
      arrearsShare: bigint;
      /** Seats of the version that were to get something beside arrears. */
      paid: number[];
    }
);

type Call = {
  committee: number;
  certificate: Certificate;
  entry: Entry;
  taker: number | undefined;
  block: number;
};

/** Groups of a certificate that are handed in. `proven`: what is handed in is what was certified, with its range proof. */
export type Run = { first: number; length: number; proven: boolean };

/** R29: nothing is settled that was not certified. */
function expectProof({ proven }: Run): void {
  new Checks()
    .refuse(!proven, "Committee_BadGroupProof")
    .refuse(!proven, "Committee_BadProofLength")
    .refuse(!proven, "Committee_GroupsOutOfRange")
    .end();
}

/** The committee's next certificate, with some of its groups. */
export function certify(world: World, index: number, sending: Sending, run: Run, block: number): Handed[] {
  const committee = committeeOf(world, index);
  const { certificate } = sending;
  accept(committee, sending, block);
  expectProof(run);
  const handed = settleRun(world, index, certificate, run, sending.seat, block);
  const settled = handed.filter((result) => !("refused" in result)).length;
  if (settled < certificate.entries.length) {
    committee.remembered.set(certificate.ts, { certificate, acceptedAt: block });
  }
  return handed;
}

/** Groups of a remembered certificate, handed in by anybody. */
export function settle(
  world: World,
  index: number,
  certificate: Certificate,
  run: Run,
  seat: number | undefined,
  block: number,
): Handed[] {
  const remembered = committeeOf(world, index).remembered.get(certificate.ts);
  if (remembered?.certificate.te !== certificate.te) refuse("Committee_NotRemembered");
  expectProof(run);
  return settleRun(world, index, certificate, run, seat, block);
}

/** @param seat of the sender among the members that signed */
function settleRun(
  world: World,
  committee: number,
  certificate: Certificate,
  { first, length }: Run,
  seat: number | undefined,
  block: number,
): Handed[] {
  const { te, leader, failed, payees } = certificate;
  const late = block >= openFrom(committeeOf(world, committee), te);
  // R25: the member that settles late takes the leader's share.
  const takes =
    late && seat !== undefined && seat !== leader && payees.includes(leader) && !failed.includes(seat);
  return certificate.entries.slice(first, first + length).map((entry) => {
    const call = { committee, certificate, entry, taker: takes ? seat : undefined, block };
    try {
      return settleGroup(world, call);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      return { group: entry.group, number: entry.number, refused: error.reasons };
    }
  });
}

function checkItems(group: Group, { items }: Entry, from: number, through: number): void {
  const due = providersIn(group, from, through);
  const listedTwice = items.some(({ provider }, i) => i > 0 && provider <= (items[i - 1]?.provider ?? -1));
  new Checks()
    .refuse(items.length !== due.length, "Upkeeping_WrongItemCount")
    .refuse(listedTwice, "Upkeeping_ItemsNotAscending")
    .refuse(
      items.some(({ provider }) => !due.includes(provider)),
      "Upkeeping_ProviderNotActive",
    )
    .end();
}

function settleGroup(world: World, call: Call): Handed {
  const { committee, certificate, entry, block } = call;
  const group = groupOf(world, entry.group);
  const { service, settledThrough: settled, left } = group;
  if (service?.committee !== committee) return refuse("Upkeeping_NotMyCommittee");
  const { ts, te } = certificate;
  new Checks()
    .refuse(service.number !== entry.number, "Upkeeping_WrongNumber")
    .refuse(te <= settled, "Upkeeping_StaleInterval")
    // R29: a group settles its intervals in order, without a gap.
    .refuse(settled < ts && anythingIn(group, settled, ts), "Upkeeping_StaleInterval")
    .end();
  const from = Math.max(ts, settled);
  const through = Math.min(te, left);
  checkItems(group, entry, from, through);
  return pay(world, group, call, from, through, block);
}

type Due = { provider: number; amount: bigint; arrears: bigint };

function pay(world: World, group: Group, call: Call, from: number, through: number, block: number): Handed {
  const { certificate, entry, committee } = call;
  const account = accountOf(world, group, committee, certificate.version);
  const owed: Due[] = entry.items.map((item) => {
    const provider = group.providers[item.provider];
    if (provider === undefined) throw new Error("checked before");
    const { spaceTime, value } = committedIn(group, provider, from, through);
    const proven = item.spaceTime < spaceTime ? item.spaceTime : spaceTime;
    [provider.paid, provider.committed] = [proven, spaceTime];
    const amount = (proven * value) / (spaceTime * priceUnit);
    return {
      provider: item.provider,
      amount: amount < largestAmount ? amount : largestAmount,
      arrears: provider.arrears,
    };
  });
  const fee = feeOf(group, group.service?.ceiling ?? 0, through - from);
  const due = owed.reduce((sum, { amount, arrears }) => sum + amount + arrears, fee + account.arrears);
  const available = availableOf(group);
  const scaled = (amount: bigint): bigint => (due > available ? (amount * available) / due : amount);
  const cutOf = (amount: bigint): bigint => (amount * group.keeperShareBps) / whole;
  let [earned, paidOut] = [fee, scaled(fee)];
  for (const { provider: index, amount, arrears } of owed) {
    const provider = group.providers[index];
    if (provider === undefined) throw new Error("checked before");
    const [paid, back] = [scaled(amount), scaled(arrears)];
    const [net, fullNet] = [paid - cutOf(paid), amount - cutOf(amount)];
    provider.credit += net + back;
    provider.arrears += fullNet - net - back;
    earned += cutOf(amount);
    paidOut += cutOf(paid);
  }
  const back = scaled(account.arrears);
  const arrearsShare = back / BigInt(account.earned.length);
  payKeeperArrears(account, back);
  account.arrears += earned - paidOut;
  const paid = payMembers(account.earned, call, paidOut);
  noteArrears(group, block);
  const passed = group.providers.filter((_, index) => entry.items.some(({ provider }) => provider === index));
  settleThrough(group, through, block, passed);
  const full = owed.map(({ provider, amount }) => ({ provider, net: amount - cutOf(amount) }));
  return {
    group: entry.group,
    number: entry.number,
    from,
    through,
    available,
    due,
    full,
    arrearsShare,
    paid,
  };
}

/** R7, R25, R30: failed leaders are out, the others divide; what keepers did not earn stays in the escrow. */
function payMembers(earned: bigint[], { certificate, taker }: Call, amount: bigint): number[] {
  const { failed, payees, leader } = certificate;
  const share = amount / BigInt(earned.length - failed.length);
  const paid = payees.map((payee) => (payee === leader && taker !== undefined ? taker : payee));
  for (const seat of paid) earned[seat] = (earned[seat] ?? 0n) + share;
  return paid;
}
