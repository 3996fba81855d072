/** Checks the money of each group: intervals, amounts, shares and balances (R16, R25, R30, R32, S1 to S4). */
import { bitIndices } from "../../../protocol/bitmap.ts";
import type { Certified, ChainRun, Handing, RunGroup, Settlement } from "../../support/fleet/chain-run.ts";
import { openFrom } from "./agreement.ts";
import { named, prefixed } from "./complain.ts";
import type { Complain } from "./complain.ts";
import { committed, intervalOf } from "./scope.ts";

const pricedBits = 64n;
const feeBlocks = 65_536n;
const allBps = 10_000n;

/** Whether a provider held all of its data throughout the interval that ends at block `through`. */
export type Honest = (operator: string, through: number) => boolean;

type Paid = {
  readonly group: RunGroup;
  readonly settlement: Settlement;
  readonly certificate: Certified;
  readonly handing: Handing;
};

/** S1: no block twice; blocks between two intervals have no committed data. */
function checkIntervals(group: RunGroup, complain: Complain): void {
  let through = group.entered;
  for (const settlement of group.settlements) {
    const { from } = settlement;
    if (from < through) complain(`S1: blocks from ${from} to ${through} are paid for twice`);
    for (const provider of group.providers) {
      if (committed(provider, through, from).spaceTime > 0n)
        complain(
          `S1: blocks ${through} to ${from} of provider ${provider.index} are paid for by no settlement`,
        );
    }
    through = settlement.through;
  }
  if (group.settlements.length > 0 && group.settledThrough !== through)
    complain(`S1: settled through block ${group.settledThrough}, expected ${through}`);
}

/** R30: credits of one provider, and the keepers' cut of it. */
function creditOf(
  signed: bigint,
  dues: ReturnType<typeof committed>,
  bps: number,
): { net: bigint; cut: bigint } {
  const { spaceTime, value } = dues;
  const proven = signed < spaceTime ? signed : spaceTime;
  const amount = spaceTime === 0n ? 0n : (proven * value) / (spaceTime << pricedBits);
  const cut = (amount * BigInt(bps)) / allBps;
  return { net: amount - cut, cut };
}

function checkAmounts(paid: Paid, isHonest: Honest, complain: Complain): void {
  const { group, settlement, handing } = paid;
  const { from, through, providers, cut, fee } = settlement;
  const items = handing.groups.find(({ number }) => number === group.number)?.items ?? [];
  let cuts = 0n;
  for (const { provider: index, spaceTime: signed } of items) {
    const provider = group.providers.find((one) => one.index === index);
    if (provider === undefined) {
      complain(`provider ${index} is paid, but is none of the group (R29)`);
      continue;
    }
    const dues = committed(provider, from, through);
    const expected = creditOf(signed, dues, group.config.keeperShareBps);
    cuts += expected.cut;
    const part = providers.find((one) => one.provider === index);
    if (part?.amount !== expected.net)
      complain(`provider ${index} got ${part?.amount}, expected ${expected.net} (R30)`);
    const proven = signed < dues.spaceTime ? signed : dues.spaceTime;
    if (part?.spaceTime !== proven)
      complain(`provider ${index} is paid for ${part?.spaceTime} byte·blocks, expected ${proven} (R16)`);
    if (isHonest(provider.operator, through) && signed < dues.spaceTime)
      complain(
        `S4: provider ${index} held all data: expected ${dues.spaceTime} byte·blocks, actual ${signed}`,
      );
  }
  if (providers.length !== items.length)
    complain(`${providers.length} providers were paid, expected ${items.length} (R29)`);
  if (cut !== cuts) complain(`the keepers' part is ${cut}, expected ${cuts} (R30)`);
  const reserved = BigInt(group.ceiling) * BigInt(through - from);
  const feeDue = (group.config.keeperFee * reserved) / feeBlocks;
  if (fee !== feeDue) complain(`the keepers' fee is ${fee}, expected ${feeDue} (R30)`);
}

/** R25, R30: what each member gets, by member. */
function sharesOf(run: ChainRun, { certificate, settlement, handing }: Paid): bigint[] {
  const { failed, payees, leader, te } = certificate;
  const lost = bitIndices(failed);
  const share = (settlement.cut + settlement.fee) / BigInt(run.members.length - lost.length);
  const operators = run.members.map(({ operator }) => operator.toLowerCase());
  const sender = operators.indexOf(handing.from.toLowerCase());
  const replaces = handing.block >= openFrom(run, te) && sender >= 0 && !lost.includes(sender);
  const shares = run.members.map(() => 0n);
  for (const payee of bitIndices(payees)) {
    const to = payee === leader && replaces ? sender : payee;
    shares[to] = (shares[to] ?? 0n) + share;
  }
  return shares;
}

/** What the group's event says about shares: R30's divisor, and who is unpaid. */
function checkEvent(run: ChainRun, { certificate, settlement }: Paid, complain: Complain): void {
  const divisor = run.members.length - bitIndices(certificate.failed).length;
  if (settlement.divisor !== divisor) complain(`shares are ${settlement.divisor}, expected ${divisor} (R30)`);
  const paid = run.members
    .map(({ index }) => index)
    .filter((i) => ((settlement.unpaid >> BigInt(i)) & 1n) === 0n);
  const outside = paid.filter((index) => !bitIndices(certificate.payees).includes(index));
  if (outside.length > 0) complain(`S3: keepers ${named(outside)} are paid, but are no payees`);
}

/** S2: every unit that came in is credited, withdrawn or available. */
function checkBalances(group: RunGroup, earned: readonly bigint[], complain: Complain): void {
  const equal = (what: string, expected: bigint, actual: bigint): void => {
    if (expected !== actual) complain(`${what}: expected ${expected}, actual ${actual}`);
  };
  const { escrow, token, providers, settlements, keeperBalances } = group;
  let credits = 0n;
  for (const { index, account } of providers) {
    const own = settlements.flatMap((one) => one.providers).filter(({ provider }) => provider === index);
    const sum = own.reduce((total, { amount }) => total + amount, 0n);
    credits += sum;
    equal(`S2: credit of provider ${index}`, sum, account.credit);
    equal(`R32: arrears of provider ${index}`, 0n, account.arrears);
  }
  earned.forEach((sum, index) => {
    credits += sum;
    equal(`S3: balance of keeper ${index}`, sum, keeperBalances[index] ?? 0n);
  });
  equal("S2: transfers to the group", token.in, escrow.deposited);
  equal("S2: transfers from the group", token.out, escrow.paidOut);
  equal("S2: balance of the token", escrow.deposited - escrow.paidOut, token.balance);
  equal("S2: available", token.in - token.out - credits, escrow.available);
  equal("R32: arrears of keepers", 0n, escrow.keeperArrears);
}

function paidBy(run: ChainRun, group: RunGroup, settlement: Settlement): Paid | undefined {
  const handing = run.handings.find(({ tx }) => tx === settlement.tx);
  const certificate = run.certificates.find(({ ts }) => ts === handing?.certificate.ts);
  return handing === undefined || certificate === undefined
    ? undefined
    : { group, settlement, certificate, handing };
}

export function checkMoney(run: ChainRun, isHonest: Honest, complain: Complain): void {
  for (const group of run.groups) {
    const about = prefixed(complain, `group ${group.number}`);
    checkIntervals(group, about);
    const earned = run.members.map(() => 0n);
    for (const settlement of group.settlements) {
      const through = prefixed(about, `settled through block ${settlement.through}`);
      const paid = paidBy(run, group, settlement);
      if (paid === undefined) {
        through("there is no certificate (R29)");
        continue;
      }
      const { to } = intervalOf(group, paid.certificate);
      if (settlement.through !== to) through(`expected through block ${to} (R29)`);
      checkAmounts(paid, isHonest, through);
      checkEvent(run, paid, through);
      sharesOf(run, paid).forEach((share, i) => (earned[i] = (earned[i] ?? 0n) + share));
    }
    checkBalances(group, earned, about);
  }
}
