/**
 * A model of the group's contract, written from R2 and R30 to R34 without the contract's code. It computes every sum from its parts,
 * packs nothing, and each step returns a new state or the name of the error.
 */
import {
  committedIn,
  largestSize,
  paidPart,
  scaled,
  spaceTimeAtRate,
  unitsFor,
  unsettledChanges,
  type ProviderModel,
} from "./contract-rules.ts";
import { min, newCommittee, refuse, Refusal } from "./contract-state.ts";
import type { Account, CommitteeModel, ModelConfig, SettleInput } from "./contract-state.ts";

export type Outcome = { next: Model; refused?: string };

/** R33. */
const mostUnsettledChanges = 16;

export class Model {
  readonly config: ModelConfig;
  ts: number;
  free = 0n;
  deposited = 0n;
  paidOut = 0n;
  /** R34: the part, of 2^64, of the cost of abandoned intervals that the escrow could pay. */
  partThere = 2n ** 64n;
  terminatedAt = 0;
  endBlock = 0;
  providers: ProviderModel[] = [];
  committees = new Map<number, CommitteeModel>();
  active = 1;
  pending = 0;
  lastVersion = 1;

  constructor(config: ModelConfig, members: number[]) {
    this.config = config;
    this.ts = config.origin;
    this.committees.set(1, newCommittee(members));
  }

  /** The state after a step, or the error of a refused step; this state does not change. */
  after(step: (next: Model) => void): Outcome {
    const next = Object.assign(new Model(this.config, []), structuredClone({ ...this }));
    try {
      step(next);
      return { next };
    } catch (error) {
      if (error instanceof Refusal) return { next: this, refused: error.message };
      throw error;
    }
  }

  get committee(): CommitteeModel {
    return this.committees.get(this.active) as CommitteeModel;
  }

  get n(): number {
    return this.committee.members.length;
  }

  get f(): number {
    return (this.n - 1) / 3;
  }

  get ended(): boolean {
    return this.terminatedAt !== 0 && this.ts >= this.endBlock;
  }

  /** Byte·blocks a provider committed in [from, to); after a terminate bytes end with the lockup (R33). */
  committed(provider: ProviderModel, from: number, to: number): bigint {
    return committedIn(provider, from, this.terminatedAt === 0 ? to : Math.min(to, this.endBlock));
  }

  /** R30, rounded down. */
  amount(spaceTime: bigint): bigint {
    return unitsFor(spaceTime, this.config.price);
  }

  effectiveBlock(block: number): number {
    const { origin, slot, confirmations } = this.config;
    let start = origin;
    while (start <= block + confirmations) start += slot;
    return start;
  }

  #sum(of: (provider: ProviderModel) => bigint): bigint {
    return this.providers.reduce((total, provider) => total + of(provider), 0n);
  }

  get #untouched(): bigint {
    return this.#sum(({ abandoned }) => abandoned.committed);
  }

  get arrears(): bigint {
    return this.#sum(({ arrears, uncutArrears }) => arrears + uncutArrears);
  }

  /** Blocks after `block` that R32 keeps money for: the lockup, or until a provider leaves, as all do at the end. */
  #blocksAhead({ removedAt }: ProviderModel, block: number): bigint {
    if (removedAt !== 0) return BigInt(Math.max(0, removedAt - block));
    return BigInt(this.terminatedAt === 0 ? this.config.lockup : Math.max(0, this.endBlock - block));
  }

  /** The most that unsettled and future blocks may cost (R32), rounded up. */
  reserve(block: number): bigint {
    const spaceTime = this.#sum(
      (provider) =>
        provider.abandoned.committed +
        (this.ended ? 0n : this.committed(provider, this.ts, block)) +
        (this.ended ? 0n : this.#blocksAhead(provider, block) * largestSize(provider)),
    );
    return (spaceTime * this.config.price + 2n ** 30n - 1n) / 2n ** 30n;
  }

  /** R32: what the escrow has to hold at a block. */
  required(block: number): bigint {
    return this.reserve(block) + this.arrears;
  }

  withdrawable(block: number): bigint {
    const required = this.required(block);
    return this.free > required ? this.free - required : 0n;
  }

  #checkFunds(block: number): void {
    if (this.free < this.required(block)) refuse("Underfunded");
  }

  deposit(amount: bigint): void {
    if (amount === 0n) refuse("NothingToMove");
    this.deposited += amount;
    this.free += amount;
  }

  withdrawPayer(block: number, amount: bigint): void {
    if (amount === 0n) refuse("NothingToMove");
    if (amount > this.withdrawable(block)) refuse("NotWithdrawable");
    this.free -= amount;
    this.paidOut += amount;
  }

  addProvider(block: number, operator: string, size: bigint): void {
    if (this.terminatedAt !== 0) refuse("Terminated");
    if (this.providers.some((one) => one.operator === operator && one.removedAt === 0))
      refuse("ProviderExists");
    const from = this.effectiveBlock(block);
    this.providers.push({
      operator,
      activeFrom: from,
      removedAt: 0,
      closed: false,
      changes: [{ from, size }],
      credit: 0n,
      withdrawn: 0n,
      arrears: 0n,
      uncutArrears: 0n,
      rate: undefined,
      paidThrough: from - 1,
      abandoned: { committed: 0n, to: 0 },
    });
    this.#checkFunds(block);
  }

  /** A change of a provider's size; 0 removes it. */
  changeSize(block: number, index: number, size: bigint): void {
    if (this.terminatedAt !== 0) refuse("Terminated");
    const provider = this.#provider(index);
    if (provider.removedAt !== 0) refuse("ProviderGone");
    const from = this.effectiveBlock(block);
    if (size === 0n && from === provider.activeFrom) refuse("NotActiveYet");
    const before = provider.changes.at(-1)?.size ?? 0n;
    const others = provider.changes.filter((change) => change.from !== from);
    const waiting = unsettledChanges({ ...provider, changes: others }) + 1;
    // R33: a removal always has room.
    if (waiting > mostUnsettledChanges && size !== 0n) refuse("TooManyChanges");
    provider.changes = [...others, { from, size }];
    if (size === 0n) provider.removedAt = from;
    // R32: a change to less data needs no money.
    if (size > before) this.#checkFunds(block);
  }

  #provider(index: number): ProviderModel {
    return this.providers[index] ?? refuse("NoSuchProvider");
  }

  /** Providers with an item in a settlement through te. */
  due(te: number): number[] {
    return this.providers.flatMap(({ closed, activeFrom }, i) => (!closed && activeFrom < te ? [i] : []));
  }

  /** R34: credits a provider for abandoned intervals, when a call first uses its account. */
  touch(index: number): void {
    const provider = this.#provider(index);
    const { committed, to } = provider.abandoned;
    const amount = this.amount(spaceTimeAtRate(committed, provider.rate));
    const paid = scaled(amount, this.partThere);
    this.free -= paid;
    provider.credit += paid;
    provider.uncutArrears += amount - paid;
    provider.paidThrough = Math.max(provider.paidThrough, to);
    provider.abandoned = { committed: 0n, to };
  }

  /** `signed` verifies the signature; as in the contract, only the items are checked after it. */
  settle(block: number, input: SettleInput, signed: () => boolean = () => true): void {
    if (this.ended) refuse("Ended");
    const { turn, leader, sender, failed, payees, values, providers = [] } = input;
    const te = this.ts + this.config.interval + (turn - 1) * this.config.turn;
    if (block < te) refuse("TooEarly");
    if (block >= te + this.config.turn) refuse("TooLate");
    if (failed.length !== Math.min(turn - 1, this.f)) refuse("WrongFailedCount");
    if (payees.some((payee) => failed.includes(payee))) refuse("FailedPayee");
    if (failed.includes(leader)) refuse("LeaderFailed");
    if (sender !== leader && block < te + Math.ceil((2 * this.config.turn) / 3)) refuse("NotLeader");
    if (sender < 0) refuse("NotMember");
    if (!signed()) refuse("BadSignature");
    const due = this.due(te);
    if (values.length !== due.length) refuse("WrongItemCount");
    providers.forEach((provider, i) => {
      if (provider <= (providers[i - 1] ?? -1)) refuse("ItemsNotAscending");
      if (!due.includes(provider)) refuse("ProviderNotActive");
    });
    this.#payKeepers(this.#payProviders(due, te, values), input);
    this.#moveOn(te, te);
  }

  /** R30, R32. @returns the keepers' cut */
  #payProviders(due: number[], te: number, values: readonly bigint[]): bigint {
    for (const index of due) this.touch(index);
    const amounts = due.map((index, i) => {
      const provider = this.#provider(index);
      const committed = this.committed(provider, this.ts, te);
      const spaceTime = min(values[i] as bigint, committed);
      provider.rate = paidPart(spaceTime, committed);
      provider.paidThrough = te;
      return this.amount(spaceTime) + provider.arrears;
    });
    const available = this.free;
    const total = due.reduce(
      (sum, index, i) => sum + (amounts[i] as bigint) + this.#provider(index).uncutArrears,
      0n,
    );
    // R32: if the escrow is short, one ratio scales all amounts.
    const paidOf = (amount: bigint): bigint => (total > available ? (amount * available) / total : amount);
    let cuts = 0n;
    due.forEach((index, i) => {
      const provider = this.#provider(index);
      const amount = amounts[i] as bigint;
      const paid = paidOf(amount);
      const uncut = paidOf(provider.uncutArrears);
      const cut = this.#cutOf(paid);
      provider.arrears = amount - paid;
      provider.uncutArrears -= uncut;
      provider.credit += paid - cut + uncut;
      provider.closed = provider.removedAt !== 0 && provider.removedAt <= te;
      this.free -= paid - cut + uncut;
      cuts += cut;
    });
    return cuts;
  }

  #cutOf(amount: bigint): bigint {
    return (amount * this.config.keeperShareBps) / 10_000n;
  }

  #payKeepers(cut: bigint, { leader, sender, failed, payees }: SettleInput): void {
    const share = cut / BigInt(this.n - failed.length);
    for (const payee of payees) {
      const replaced = payee === leader && sender !== leader && !failed.includes(sender);
      (this.committee.accounts[replaced ? sender : payee] as Account).earned += share;
      this.free -= share;
    }
  }

  #moveOn(to: number, deadline: number): void {
    this.ts = to;
    const pending = this.committees.get(this.pending);
    if (pending === undefined || pending.readyAt === 0 || pending.readyAt >= deadline) return;
    this.active = this.pending;
    this.pending = 0;
  }

  /** A provider that may call `abandon`: it has unsettled blocks or will have some. */
  get unsettled(): ProviderModel | undefined {
    return this.providers.find(({ removedAt }) => removedAt === 0 || removedAt > this.ts);
  }

  abandon(block: number, byProvider: boolean): void {
    const { interval, lockup, origin, slot } = this.config;
    if (byProvider && this.unsettled === undefined) refuse("NotPayerOrProvider");
    if (this.ended) refuse("Ended");
    if (block < this.ts + interval + lockup) refuse("NotAbandonable");
    const to = block - ((block - origin) % slot);
    for (const provider of this.providers) {
      provider.abandoned.committed += this.committed(provider, this.ts, to);
      provider.abandoned.to = to;
    }
    // One ratio for all providers, in any order of credits. It counts committed bytes, so some money may remain.
    const most = this.amount(this.#untouched);
    this.partThere = paidPart(min(most, this.free), most, 64n);
    this.#moveOn(to, Number.MAX_SAFE_INTEGER);
  }

  terminate(block: number): void {
    if (this.terminatedAt !== 0) refuse("Terminated");
    this.terminatedAt = block;
    this.endBlock = block + this.config.lockup;
  }

  withdrawProvider(index: number): void {
    this.touch(index);
    const provider = this.#provider(index);
    if (provider.credit === 0n) refuse("NothingToMove");
    this.paidOut += provider.credit;
    provider.withdrawn += provider.credit;
    provider.credit = 0n;
  }

  withdrawKeeper(version: number, index: number): void {
    const account = this.committees.get(version)?.accounts[index] as Account;
    const amount = account.earned - account.withdrawn;
    if (amount === 0n) refuse("NothingToMove");
    account.withdrawn += amount;
    this.paidOut += amount;
  }

  /** R32: pays arrears less the keepers' cut; the active committee gets the cut of arrears that a settlement left. */
  collectArrears(block: number, index: number): void {
    this.touch(index);
    const provider = this.#provider(index);
    const gone = provider.removedAt !== 0 && provider.removedAt <= this.ts;
    if (!gone && !this.ended) refuse("NotClosed");
    if (!this.ended) this.#checkFunds(block);
    const available = this.free - min(this.free, this.amount(this.#untouched));
    const uncut = min(provider.uncutArrears, available);
    const gross = min(provider.arrears, available - uncut);
    if (uncut + gross === 0n) refuse("NothingToMove");
    const cut = this.#cutOf(gross);
    const share = cut / BigInt(this.n);
    provider.uncutArrears -= uncut;
    provider.arrears -= gross;
    provider.credit += uncut + gross - cut;
    for (const account of this.committee.accounts) account.earned += share;
    this.free -= uncut + gross - cut + share * BigInt(this.n);
  }

  proposeCommittee(members: number[]): void {
    if (this.terminatedAt !== 0) refuse("Terminated");
    if (this.pending !== 0) refuse("CommitteePending");
    if (members.length !== this.n) refuse("OtherCommitteeSize"); // R2
    this.lastVersion += 1;
    this.pending = this.lastVersion;
    this.committees.set(this.pending, newCommittee(members));
  }

  acceptNext(block: number): void {
    const pending = this.committees.get(this.pending);
    if (pending === undefined) refuse("NoSuchProposal");
    pending.accepted += 1;
    if (pending.accepted === pending.members.length) pending.readyAt = block;
  }

  cancelCommittee(): void {
    if (this.pending === 0) refuse("NoSuchProposal");
    this.pending = 0;
  }
}
