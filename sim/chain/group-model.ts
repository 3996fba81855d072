/**
 * A model of a group (`Upkeeping`), written from R16, R29, R30, R32, R33 and R38 without the contract's code. It computes every sum from
 * its parts and packs nothing.
 */
import { copyOf, min, priceUnit, refuse } from "./rules.ts";

export type GroupTerms = { lockup: number; keeperShareBps: bigint; keeperFee: bigint; ceiling: number };

export type Change = { from: number; size: bigint; price: bigint };

export type ProviderModel = {
  operator: string;
  /** First block after a notice; 0: none. */
  leavesAt: number;
  changes: Change[];
  credit: bigint;
  withdrawn: bigint;
  /** Net (R32). */
  arrears: bigint;
  /** Changes from this block on are not settled. */
  paidThrough: number;
};

/** A service of the group: its membership in a committee. */
export type Service = { committee: number; number: number; from: number; left: number };

export type SettleInput = {
  /** The certificate's interval, cut to the membership: [from, to). */
  from: number;
  to: number;
  service: { committee: number; number: number };
  version: number;
  n: number;
  failed: number[];
  payees: number[];
  leader: number;
  /** Seat that takes the leader's share (R25); −1: the leader keeps it. */
  instead: number;
  items: { provider: number; spaceTime: bigint }[];
};

/** Shares and arrears of the members of one version of one committee. */
export type KeepersModel = { earned: bigint[]; arrears: bigint };

/** R33. */
const mostUnsettledChanges = 16;
const feeBlocks = 65_536n;
/** The end of what has no known end. */
const never = Number.MAX_SAFE_INTEGER;

export class GroupModel {
  readonly index: number;
  readonly terms: GroupTerms;
  settledThrough: number;
  services: Service[] = [];
  endBlock = 0;
  free = 0n;
  deposited = 0n;
  paidOut = 0n;
  providers: ProviderModel[] = [];
  /** By "committee/version". */
  keepers = new Map<string, KeepersModel>();
  /** Block since which something is owed; 0: nothing. */
  arrearsSince = 0;

  constructor(index: number, terms: GroupTerms, created: number) {
    this.index = index;
    this.terms = terms;
    this.settledThrough = created;
  }

  clone(): GroupModel {
    const copy = new GroupModel(this.index, this.terms, 0);
    return Object.assign(copy, copyOf({ ...this, terms: undefined }), { terms: this.terms });
  }

  /** While no provider is there, nothing is left to settle: settledThrough counts as the present block. */
  settledAt(block: number): number {
    const { providers, settledThrough } = this;
    const idle = providers.every(({ leavesAt }) => leavesAt !== 0 && leavesAt <= settledThrough);
    return idle ? Math.max(settledThrough, block) : settledThrough;
  }

  passIdle(block: number): void {
    this.settledThrough = this.settledAt(block);
  }

  endedAt(block: number): boolean {
    return this.endBlock !== 0 && this.settledAt(block) >= this.endBlock;
  }

  /** The service under which a block lies, or that begins last. */
  get service(): Service | undefined {
    return this.services.at(-1);
  }

  /** The service whose blocks are settled next; none after the last one. */
  get serving(): Service | undefined {
    return this.services.find(({ left }) => left === 0 || left > this.settledThrough);
  }

  bytesAt({ changes }: ProviderModel, block: number): bigint {
    if (this.endBlock !== 0 && block >= this.endBlock) return 0n;
    return changes.findLast(({ from }) => from <= block)?.size ?? 0n;
  }

  #sumOf(provider: ProviderModel, from: number, to: number, of: (change: Change) => bigint): bigint {
    const end = this.endBlock === 0 ? to : Math.min(to, this.endBlock);
    const { changes } = provider;
    return changes.reduce((sum, change, i) => {
      const next = changes[i + 1]?.from ?? never;
      const blocks = Math.min(next, end) - Math.max(change.from, from);
      return blocks > 0 ? sum + of(change) * BigInt(blocks) : sum;
    }, 0n);
  }

  /** Byte·blocks that a provider committed in [from, to). */
  committed(provider: ProviderModel, from: number, to: number): bigint {
    return this.#sumOf(provider, from, to, ({ size }) => size);
  }

  /** Σ bytes × price × blocks. */
  value(provider: ProviderModel, from: number, to: number): bigint {
    return this.#sumOf(provider, from, to, ({ size, price }) => size * price);
  }

  /** R30: the amount for signed space-time over [from, to). */
  amount(provider: ProviderModel, signed: bigint, from: number, to: number): bigint {
    const committed = this.committed(provider, from, to);
    if (committed === 0n) return 0n;
    return (min(signed, committed) * this.value(provider, from, to)) / (committed * priceUnit);
  }

  fee(blocks: number): bigint {
    return (this.terms.keeperFee * BigInt(this.terms.ceiling) * BigInt(Math.max(0, blocks))) / feeBlocks;
  }

  get arrears(): bigint {
    const keepers = [...this.keepers.values()].reduce((sum, one) => sum + one.arrears, 0n);
    return this.providers.reduce((sum, one) => sum + one.arrears, keepers);
  }

  /** R32: what the escrow has to hold at a block, rounded up. */
  required(block: number): bigint {
    if (this.endedAt(block)) return this.arrears;
    const settled = this.settledAt(block);
    const present = Math.max(block, settled);
    // The lockup, or the blocks until an end that is known.
    const aheadTo = (end: number): number => (end === never ? this.terms.lockup : Math.max(0, end - present));
    const end = this.endBlock === 0 ? never : this.endBlock;
    let value = 0n;
    for (const provider of this.providers) {
      const { changes, leavesAt, paidThrough } = provider;
      const largest = changes
        .filter((_, i) => (changes[i + 1]?.from ?? never) > paidThrough)
        .reduce((most, { size, price }) => (size * price > most ? size * price : most), 0n);
      const own = aheadTo(leavesAt === 0 ? end : Math.min(end, leavesAt));
      value += this.value(provider, settled, block) + BigInt(own) * largest;
    }
    const left = this.service?.left ?? 0;
    const feeEnd = left === 0 ? end : Math.min(end, left);
    const unsettled = Math.max(0, Math.min(block, feeEnd) - settled);
    const { keeperFee, ceiling } = this.terms;
    const fee = keeperFee * BigInt(ceiling) * BigInt(unsettled + aheadTo(feeEnd));
    return (value + priceUnit - 1n) / priceUnit + (fee + feeBlocks - 1n) / feeBlocks + this.arrears;
  }

  checkFunds(block: number): void {
    if (this.free < this.required(block)) refuse("Upkeeping_Underfunded");
  }

  deposit(amount: bigint): void {
    if (amount <= 0n) refuse("Upkeeping_NothingToMove");
    this.deposited += amount;
    this.free += amount;
  }

  withdrawPayer(block: number): void {
    this.passIdle(block);
    const required = this.required(block);
    if (this.free <= required) refuse("Upkeeping_NothingToMove");
    this.paidOut += this.free - required;
    this.free = required;
  }

  addProvider(operator: string, from: number, size: bigint, price: bigint): void {
    const changes = [{ from, size, price }];
    this.providers.push({
      operator,
      leavesAt: 0,
      changes,
      credit: 0n,
      withdrawn: 0n,
      arrears: 0n,
      paidThrough: from - 1,
    });
  }

  /** R33: the provider's data from `from` on. */
  changeData(block: number, index: number, from: number, size: bigint): void {
    const provider = this.providers[index] ?? refuse("Upkeeping_NoSuchProvider");
    if (this.endBlock !== 0) refuse("Upkeeping_Terminated");
    if (provider.leavesAt !== 0) refuse("Upkeeping_ProviderLeaves");
    const last = provider.changes.at(-1) as Change;
    const others = provider.changes.filter((change) => change.from !== from);
    if (others.filter((change) => change.from > provider.paidThrough).length >= mostUnsettledChanges)
      refuse("Upkeeping_TooManyChanges");
    provider.changes = [...others, { from, size, price: last.price }];
    if (size > last.size) this.checkFunds(block);
  }

  /** R33: the provider leaves at `at`; nothing takes effect after that. */
  leave(index: number, at: number): void {
    const provider = this.providers[index] ?? refuse("Upkeeping_NoSuchProvider");
    if (this.endBlock !== 0) refuse("Upkeeping_Terminated");
    if (provider.leavesAt !== 0 && provider.leavesAt <= at) refuse("Upkeeping_NoticeGiven");
    this.#endAt(provider, at);
  }

  /** R38: a provider that was to leave later leaves when the group moves. */
  leaveBy(at: number): void {
    for (const provider of this.providers) if (provider.leavesAt > at) this.#endAt(provider, at);
  }

  #endAt(provider: ProviderModel, at: number): void {
    provider.leavesAt = at;
    const { price } = provider.changes.at(-1) as Change;
    provider.changes = [...provider.changes.filter(({ from }) => from < at), { from: at, size: 0n, price }];
  }

  keepersOf(committee: number, version: number, n: number): KeepersModel {
    const key = `${committee}/${version}`;
    const known = this.keepers.get(key) ?? { earned: Array.from({ length: n }, () => 0n), arrears: 0n };
    this.keepers.set(key, known);
    return known;
  }

  /** R29, R30, R32. */
  settle(block: number, input: SettleInput): void {
    const { from, to, service, version, n, items } = input;
    const { serving } = this;
    if (serving?.committee !== service.committee) refuse("Upkeeping_NotMyCommittee");
    if (serving.number !== service.number) refuse("Upkeeping_WrongNumber");
    if (from !== this.settledThrough || to <= from) refuse("Upkeeping_StaleInterval");
    const parts = items.map(({ provider: index, spaceTime }) => {
      const provider = this.providers[index] ?? refuse("Upkeeping_NoSuchProvider");
      return { provider, amount: this.amount(provider, spaceTime, from, to) };
    });
    const fee = this.fee(to - from);
    const keepers = this.keepersOf(service.committee, version, n);
    const owed = parts.reduce(
      (sum, { amount, provider }) => sum + amount + provider.arrears,
      fee + keepers.arrears,
    );
    const available = this.free;
    // R32: if the escrow is short, one ratio scales everything that the settlement owes before the split.
    const paidOf = (amount: bigint): bigint => (owed > available ? (amount * available) / owed : amount);
    const cutOf = (amount: bigint): bigint => (amount * this.terms.keeperShareBps) / 10_000n;
    let [due, paid] = [fee, paidOf(fee)];
    for (const { provider, amount } of parts) {
      const part = paidOf(amount);
      const old = paidOf(provider.arrears);
      const net = part - cutOf(part) + old;
      due += cutOf(amount);
      paid += cutOf(part);
      provider.arrears += amount - cutOf(amount) - net;
      provider.credit += net;
      provider.paidThrough = to;
      this.free -= net;
    }
    this.#payArrears(keepers, paidOf(keepers.arrears));
    keepers.arrears += due - paid;
    this.#payKeepers(keepers, paid, input);
    this.settledThrough = to;
    this.arrearsSince = this.arrears === 0n ? 0 : this.arrearsSince || block;
  }

  /** R32: arrears go to all members of the version in equal parts. What does not divide is owed no longer once all is paid. */
  #payArrears(keepers: KeepersModel, amount: bigint): void {
    const equal = amount / BigInt(keepers.earned.length);
    const credited = equal * BigInt(keepers.earned.length);
    keepers.arrears = amount === keepers.arrears ? 0n : keepers.arrears - credited;
    keepers.earned = keepers.earned.map((earned) => earned + equal);
    this.free -= credited;
  }

  /** R30: a payee gets ⌊K / (n − |failed|)⌋; the rest stays in the escrow. */
  #payKeepers(keepers: KeepersModel, part: bigint, input: SettleInput): void {
    const { n, failed, payees, leader, instead } = input;
    const share = part / BigInt(n - failed.length);
    const takes = payees.map((payee) => (payee === leader && instead >= 0 ? instead : payee));
    for (const seat of takes) keepers.earned[seat] = (keepers.earned[seat] ?? 0n) + share;
    this.free -= share * BigInt(takes.length);
  }
}
