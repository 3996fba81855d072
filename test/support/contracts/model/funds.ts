/** Money of a group (R30-R32): deposits, credits, what must stay, arrears. */
import { committedIn, dataAt, endOf, listed } from "./commitments.ts";
import { passIdle } from "./course.ts";
import {
  Checks,
  committeeOf,
  never,
  refuse,
  Refused,
  type Account,
  type Group,
  type Provider,
  type World,
} from "./world.ts";

/** Prices are token units for so many byte·blocks (R4). */
export const priceUnit = 1n << 64n;
const feeUnit = 65_536n;
const mostMoney = (1n << 96n) - 1n;

function ceilDiv(value: bigint, by: bigint): bigint {
  return (value + by - 1n) / by;
}

/** The account of a committee version in a group. */
export function accountOf(world: World, group: Group, committee: number, version: number): Account {
  const key = `${committee}/${version}`;
  let account = group.accounts.get(key);
  if (account === undefined) {
    const { n } = committeeOf(world, committee);
    account = { earned: Array(n).fill(0n), withdrawn: Array(n).fill(0n), arrears: 0n };
    group.accounts.set(key, account);
  }
  return account;
}

function total(values: Iterable<bigint>): bigint {
  let sum = 0n;
  for (const value of values) sum += value;
  return sum;
}

/** What providers and keepers may withdraw. */
function creditsOf({ providers, accounts }: Group): bigint {
  let sum = total(providers.map(({ credit }) => credit));
  for (const { earned, withdrawn } of accounts.values()) sum += total(earned) - total(withdrawn);
  return sum;
}

/** R32: booked balance − credits. */
export function availableOf(group: Group): bigint {
  return group.deposited - group.paidOut - creditsOf(group);
}

export function providerArrears({ providers }: Group): bigint {
  return total(providers.map(({ arrears }) => arrears));
}

export function keeperArrears({ accounts }: Group): bigint {
  return total([...accounts.values()].map(({ arrears }) => arrears));
}

/** The largest product of bytes and price since settledThrough or ahead. */
export function largestProduct(group: Group, provider: Provider): bigint {
  let largest = 0n;
  const until = endOf(group, provider);
  const changes = provider.data.map(({ from }) => Math.max(from, group.settledThrough));
  for (const block of changes) {
    if (block >= until) continue;
    const data = dataAt(group, provider, block);
    if (data !== undefined && data.size * data.price > largest) largest = data.size * data.price;
  }
  return largest;
}

/** The first block that this group's fee is not due for any more; `never` if none is known. */
function feeEnds({ endBlock, left, next }: Group): number {
  return next === undefined ? Math.min(endBlock, left) : endBlock;
}

/** While no provider is listed, settledThrough counts as the present block. */
function settledAt(group: Group, block: number): number {
  return listed(group).length === 0 ? Math.max(group.settledThrough, block) : group.settledThrough;
}

export function hasEnded(group: Group, block: number): boolean {
  return settledAt(group, block) >= group.endBlock;
}

/** R32, at a block. */
export function requiredOf(group: Group, block: number): bigint {
  const owed = providerArrears(group) + keeperArrears(group);
  if (hasEnded(group, block)) return owed;
  const settled = settledAt(group, block);
  const present = Math.max(block, settled);
  let value = 0n;
  for (const provider of listed(group)) {
    const end = endOf(group, provider);
    value += committedIn(group, provider, settled, Math.min(block, end)).value;
    const ahead = end === never ? group.lockup : Math.max(0, end - present);
    value += BigInt(ahead) * largestProduct(group, provider);
  }
  return owed + ceilDiv(value, priceUnit) + ceilDiv(feeAhead(group, settled, block), feeUnit);
}

/** keeperFee × reserved providers × blocks, for the blocks that R32 asks for. */
function feeAhead(group: Group, settled: number, block: number): bigint {
  const ceiling = Math.max(group.service?.ceiling ?? 0, group.next?.ceiling ?? 0);
  const ends = feeEnds(group);
  const unsettled = Math.max(0, Math.min(block, ends) - settled);
  const ahead = ends === never ? group.lockup : Math.max(0, ends - Math.max(block, settled));
  return group.keeperFee * BigInt(ceiling) * BigInt(unsettled + ahead);
}

/** ⌊keeperFee × reserved providers × blocks / 65536⌋ (R30). */
export function feeOf(group: Group, ceiling: number, blocks: number): bigint {
  return (group.keeperFee * BigInt(ceiling) * BigInt(blocks)) / feeUnit;
}

/** @throws Refused unless what is available covers what is required (R32) */
export function expectFunded(group: Group, block: number): void {
  refuseUnderfunded(new Checks(), group, block).end();
}

/** R32, beside other reasons for which a call may be refused. */
export function refuseUnderfunded(checks: Checks, group: Group, block: number): Checks {
  const [required, available] = [requiredOf(group, block), availableOf(group)];
  return checks.refuse(available < required, "Upkeeping_Underfunded", [required, available]);
}

/** Notes since when something is owed without a break (R38). */
export function noteArrears(group: Group, block: number): void {
  if (providerArrears(group) + keeperArrears(group) === 0n) group.arrearsSince = 0;
  else if (group.arrearsSince === 0) group.arrearsSince = block;
}

export function deposit(group: Group, amount: bigint): void {
  new Checks()
    .refuse(amount === 0n, "Upkeeping_NothingToMove")
    .refuse(group.deposited + amount > mostMoney, "Upkeeping_TooMuchMoney")
    .end();
  group.deposited += amount;
}

export function withdrawPayer(group: Group, block: number, amount: bigint): void {
  if (amount === 0n) refuse("Upkeeping_NothingToMove");
  passIdle(group, block);
  const [required, available] = [requiredOf(group, block), availableOf(group)];
  if (amount > available)
    new Checks().refuse(true, "Upkeeping_Underfunded", [required + amount, available]).end();
  group.paidOut += amount;
  expectFunded(group, block);
}

export function providerOf(group: Group, index: number): Provider {
  return group.providers[index] ?? refuse("Upkeeping_NoSuchProvider");
}

/** There is nothing to move for a provider that does not exist, either. */
function owedProvider(group: Group, index: number): Provider {
  const provider = group.providers[index];
  if (provider !== undefined) return provider;
  throw new Refused([{ error: "Upkeeping_NoSuchProvider" }, { error: "Upkeeping_NothingToMove" }]);
}

/** @returns what is paid to the provider's payee */
export function withdrawProvider(group: Group, index: number): bigint {
  const provider = owedProvider(group, index);
  const { credit } = provider;
  if (credit === 0n) refuse("Upkeeping_NothingToMove");
  provider.credit = 0n;
  provider.withdrawn += credit;
  group.paidOut += credit;
  return credit;
}

/** @returns what is paid to the keeper's payee */
export function withdrawKeeper(
  world: World,
  group: Group,
  claim: { committee: number; version: number; seat: number },
): bigint {
  const { earned, withdrawn } = accountOf(world, group, claim.committee, claim.version);
  const amount = (earned[claim.seat] ?? 0n) - (withdrawn[claim.seat] ?? 0n);
  if (amount === 0n) refuse("Upkeeping_NothingToMove");
  withdrawn[claim.seat] = (withdrawn[claim.seat] ?? 0n) + amount;
  group.paidOut += amount;
  return amount;
}

/** R32: arrears of a version go to its members in equal parts; what the last division leaves is owed no more (R30). */
export function payKeeperArrears(account: Account, amount: bigint): void {
  const n = BigInt(account.earned.length);
  const share = amount / n;
  account.earned = account.earned.map((earned) => earned + share);
  account.arrears = amount === account.arrears ? 0n : account.arrears - share * n;
}

export function collectArrears(group: Group, block: number, index: number): void {
  const provider = owedProvider(group, index);
  if (provider.arrears === 0n) refuse("Upkeeping_NothingToMove");
  passIdle(group, block);
  expectFunded(group, block);
  provider.credit += provider.arrears;
  provider.arrears = 0n;
  noteArrears(group, block);
}

export function collectKeeperArrears(
  world: World,
  group: Group,
  block: number,
  claim: { committee: number; version: number },
): void {
  const account = accountOf(world, group, claim.committee, claim.version);
  if (account.arrears === 0n) refuse("Upkeeping_NothingToMove");
  passIdle(group, block);
  expectFunded(group, block);
  payKeeperArrears(account, account.arrears);
  noteArrears(group, block);
}

/** After the end: all arrears at one ratio (R32). */
export function collectAllArrears(group: Group, block: number): void {
  passIdle(group, block);
  if (!hasEnded(group, block)) refuse("Upkeeping_NotEnded");
  const owed = providerArrears(group) + keeperArrears(group);
  const available = availableOf(group);
  const money = available < owed ? available : owed;
  if (owed === 0n || money === 0n) refuse("Upkeeping_NothingToMove");
  for (const provider of group.providers) {
    const part = (provider.arrears * money) / owed;
    provider.credit += part;
    provider.arrears -= part;
  }
  for (const account of group.accounts.values()) payKeeperArrears(account, (account.arrears * money) / owed);
  noteArrears(group, block);
}
