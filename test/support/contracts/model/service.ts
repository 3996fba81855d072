/** Which committee serves a group, and its end (R33, R34, R38). */
import { anythingIn, committedIn, listed, slotAt, slotFrom } from "./commitments.ts";
import { admit, certificateBeyond, endMembership, type Named } from "./committee.ts";
import { passIdle, settleThrough } from "./course.ts";
import { availableOf, expectFunded, hasEnded, noteArrears, priceUnit, refuseUnderfunded } from "./funds.ts";
import { Checks, committeeOf, groupOf, never, refuse, type Group, type World } from "./world.ts";

/** R34: credits what each provider committed in [settledThrough, through), as far as it proved in its last settled interval. */
function credit(group: Group, through: number, block: number): void {
  const providers = listed(group);
  const amounts = providers.map((provider) => {
    const { value } = committedIn(group, provider, group.settledThrough, through);
    return (value * provider.paid) / (provider.committed * priceUnit);
  });
  const due = amounts.reduce((sum, amount) => sum + amount, 0n);
  const available = availableOf(group);
  providers.forEach((provider, i) => {
    const amount = amounts[i] ?? 0n;
    const paid = due > available ? (amount * available) / due : amount;
    provider.credit += paid;
    provider.arrears += amount - paid;
  });
  noteArrears(group, block);
  if (through > group.settledThrough) settleThrough(group, through, block);
}

export function enter(world: World, index: number, block: number, to: number, ceiling: number): void {
  const group = groupOf(world, index);
  passIdle(group, block);
  if (
    group.service !== undefined &&
    !anythingIn(group, group.settledThrough, Math.min(group.left, block)) &&
    block >= group.left
  )
    settleThrough(group, group.left, block);
  new Checks()
    .refuse(group.endBlock !== never, "Upkeeping_Terminated")
    .refuse(group.left !== never, "Upkeeping_ServiceEnds")
    .refuse(ceiling < listed(group).length || ceiling > 256, "Upkeeping_BadCeiling")
    .refuse(group.service?.committee === to, "Upkeeping_SameCommittee")
    .end();
  if (group.service === undefined) {
    const { number, entered } = admit(world, to, { group: index, ceiling, earliest: 0 }, block);
    credit(group, entered, block);
    group.service = { committee: to, number, ceiling, from: entered };
  } else {
    const { number, entered } = admit(
      world,
      to,
      { group: index, ceiling, earliest: Math.max(block + group.lockup, group.settledThrough + 1) },
      block,
    );
    endMembership(committeeOf(world, group.service.committee), group.service.number, entered);
    group.next = { committee: to, number, ceiling, from: entered };
    group.left = entered;
    // R38: whoever was to leave later leaves when the next committee begins.
    for (const provider of listed(group)) {
      if (provider.leavesAt !== never) provider.leavesAt = Math.min(provider.leavesAt, entered);
    }
  }
  expectFunded(group, block);
}

export function raiseCeiling(world: World, index: number, block: number, ceiling: number): void {
  const group = groupOf(world, index);
  passIdle(group, block);
  const { service } = group;
  if (group.endBlock !== never) refuse("Upkeeping_Terminated");
  if (service === undefined) return refuse("Upkeeping_NoCommittee");
  const committee = committeeOf(world, service.committee);
  const reserved = [...committee.memberships.values()].reduce((sum, m) => sum + (m.freed ? 0 : m.ceiling), 0);
  const checks = new Checks()
    .refuse(group.left !== never, "Upkeeping_ServiceEnds")
    .refuse(ceiling <= service.ceiling || ceiling > 256, "Upkeeping_BadCeiling")
    .refuse(reserved - service.ceiling + ceiling > committee.mostProviders, "Committee_TooManyProviders");
  service.ceiling = ceiling;
  const membership = committee.memberships.get(service.number);
  if (membership !== undefined) membership.ceiling = ceiling;
  refuseUnderfunded(checks, group, block).end();
}

/** R33: nothing is committed from the first slot boundary at or after block + lockup on. */
export function terminate(world: World, index: number, block: number): void {
  const group = groupOf(world, index);
  if (group.endBlock !== never) refuse("Upkeeping_Terminated");
  passIdle(group, block);
  const { service, next, left } = group;
  const notice = block + group.lockup;
  if (service === undefined) {
    group.endBlock = notice;
    return;
  }
  const present = committeeOf(world, service.committee);
  const within = slotFrom(present, notice);
  if (within <= left) group.endBlock = within;
  else if (next === undefined) group.endBlock = Math.max(left, notice);
  else group.endBlock = Math.max(left, slotFrom(committeeOf(world, next.committee), notice));
  if (next === undefined) {
    group.left = Math.min(left, group.endBlock);
    endMembership(present, service.number, group.left);
  } else if (next.from < group.endBlock) {
    endMembership(committeeOf(world, next.committee), next.number, group.endBlock);
  } else {
    // The move is void: its membership has no block.
    endMembership(committeeOf(world, next.committee), next.number, next.from);
    group.next = undefined;
    group.left = group.endBlock;
    endMembership(present, service.number, group.left);
  }
}

/**
 * R38: a member releases a group that has no provider, or is in arrears for longer than its lockup. The number of any membership of the
 * group in this committee names the group.
 */
export function release(world: World, committee: number, number: number, block: number): void {
  const from = committeeOf(world, committee);
  const membership = from.memberships.get(number);
  if (membership === undefined) return refuse("Committee_NoSuchGroup");
  const group = groupOf(world, membership.group);
  passIdle(group, block);
  if (group.service?.committee !== committee) return refuse("Upkeeping_NotMyCommittee");
  const owing = group.arrearsSince !== 0 && block > group.arrearsSince + group.lockup;
  new Checks()
    .refuse(listed(group).length > 0 && !owing, "Upkeeping_NotReleasable")
    .refuse(group.left !== never, "Upkeeping_ServiceEnds")
    .end();
  group.left = slotFrom(from, block + group.lockup);
  endMembership(from, group.service.number, group.left);
}

/** The first unsettled block in which a provider has committed bytes. */
function firstCommitted(group: Group): number {
  const begins = listed(group).map(({ data }) => Math.max(group.settledThrough, data[0]?.from ?? 0));
  return begins.length === 0 ? group.settledThrough : Math.min(...begins);
}

/** The first block in which a group may be abandoned (R34). */
export function abandonableFrom(world: World, group: Group, named: Named): number {
  const { service, lockup } = group;
  if (service === undefined) return group.settledThrough + lockup;
  const committee = committeeOf(world, service.committee);
  // A certificate of blocks in which nothing was committed concerns nobody here.
  const settled = firstCommitted(group);
  if (committee.certifiedThrough <= settled) return settled + committee.rhythm.interval + lockup;
  const acceptedAt = certificateBeyond(committee, named, settled);
  return acceptedAt === undefined ? never : Math.max(acceptedAt, group.movedAt) + lockup;
}

export type Abandoning = {
  group: number;
  /** The account that calls: an operator's index, or the payer. */
  by: number | "payer" | "stranger";
  /** Start of the certificate that shows that the committee goes on. */
  named: Named;
};

export function abandon(world: World, { group: index, by, named }: Abandoning, block: number): void {
  const group = groupOf(world, index);
  passIdle(group, block);
  const { service, next } = group;
  const isProvider = listed(group).some(({ operator }) => operator === by);
  new Checks()
    .refuse(by !== "payer" && !isProvider, "Upkeeping_NotPayerOrProvider")
    .refuse(hasEnded(group, block), "Upkeeping_Ended")
    .refuse(block < abandonableFrom(world, group, named), "Upkeeping_NotAbandonable")
    .end();
  if (service === undefined) {
    credit(group, Math.min(block, group.endBlock), block);
    return;
  }
  const committee = committeeOf(world, service.committee);
  const through = next === undefined ? Math.min(slotAt(committee, block), group.endBlock) : next.from;
  // In a move, and after a release, the membership ends where it was to end.
  if (through < group.left) endMembership(committee, service.number, Math.max(through, service.from));
  group.left = through;
  credit(group, through, block);
}
