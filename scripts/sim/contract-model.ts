/**
 * What a group that settles item by item must do, written a second time from the rules R30 to R34, plainly: sums are
 * walked, nothing is packed, and every step takes the whole state to a new one or refuses by the error's name.
 */
type Change = { from: number; size: bigint };
export type ProviderModel = {
  operator: string;
  activeFrom: number;
  removedAt: number;
  closed: boolean;
  changes: Change[];
  credit: bigint;
  withdrawn: bigint;
  arrears: bigint;
  /** Bytes per block of its last settlement, if it had one. */
  rate: bigint | undefined;
  /** Abandoned blocks before this one have been credited. */
  touchedThrough: number;
};
type Account = { earned: bigint; withdrawn: bigint };
/** Which keepers of the world sit in a version, and what each has there. */
type CommitteeModel = { members: number[]; accounts: Account[]; readyAt: number; accepted: number };

export type ModelConfig = {
  origin: number;
  interval: number;
  turn: number;
  slot: number;
  confirmations: number;
  lockup: number;
  price: bigint;
  keeperShareBps: bigint;
};

export type SettleInput = {
  turn: number;
  leader: number;
  /** −1: nobody of the committee. */
  sender: number;
  failed: number[];
  payees: number[];
  /** Signed space-time of each provider that is due. */
  values: bigint[];
  /** Providers that the values are said to be of; those that are due if nothing is said. */
  providers?: number[];
};

export type Outcome = { next: Model; refused?: string };

const min = (a: bigint, b: bigint): bigint => (a < b ? a : b);

class Refusal extends Error {}

function refuse(error: string): never {
  throw new Refusal(`Upkeeping_${error}`);
}

export class Model {
  readonly config: ModelConfig;
  ts: number;
  free = 0n;
  deposited = 0n;
  paidOut = 0n;
  terminatedAt = 0;
  endBlock = 0;
  providers: ProviderModel[] = [];
  runs: { from: number; to: number }[] = [];
  committees = new Map<number, CommitteeModel>();
  active = 1;
  pending = 0;
  lastVersion = 1;

  constructor(config: ModelConfig, members: number[]) {
    this.config = config;
    this.ts = config.origin;
    this.committees.set(1, newCommittee(members));
  }

  /** The state after a step, or the error it is refused with; this state stays as it is. */
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

  /** Byte·blocks a provider committed in [from, to). */
  committed(provider: ProviderModel, from: number, to: number): bigint {
    const end = this.terminatedAt === 0 ? to : Math.min(to, this.endBlock);
    return provider.changes.reduce((sum, { from: start, size }, i) => {
      const next = provider.changes[i + 1]?.from ?? Number.MAX_SAFE_INTEGER;
      const blocks = Math.min(next, end) - Math.max(start, from);
      return blocks > 0 ? sum + size * BigInt(blocks) : sum;
    }, 0n);
  }

  /** R30. */
  amount(spaceTime: bigint): bigint {
    return (spaceTime * this.config.price) / 2n ** 30n;
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

  get arrears(): bigint {
    return this.#sum(({ arrears }) => arrears);
  }

  #untouched(provider: ProviderModel): bigint {
    return this.runs.reduce(
      (sum, { from, to }) => sum + this.committed(provider, Math.max(from, provider.touchedThrough), to),
      0n,
    );
  }

  /** R32, rounded up. */
  reserve(block: number): bigint {
    let spaceTime = this.#sum((provider) => this.#untouched(provider));
    if (this.terminatedAt !== 0) {
      spaceTime += this.#sum((provider) => this.committed(provider, this.ts, this.endBlock));
    } else {
      spaceTime += this.#sum((provider) => this.committed(provider, this.ts, block));
      const changes = this.providers.flatMap((provider) => provider.changes.map(({ from }) => from));
      const sizes = [block, ...changes.filter((from) => from > block)].map((from) =>
        this.#sum((provider) => this.committed(provider, from, from + 1)),
      );
      spaceTime += BigInt(this.config.lockup) * sizes.reduce((a, b) => (a > b ? a : b));
    }
    return (spaceTime * this.config.price + 2n ** 30n - 1n) / 2n ** 30n;
  }

  withdrawable(block: number): bigint {
    const kept = this.arrears + this.reserve(block);
    return this.free > kept ? this.free - kept : 0n;
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
      rate: undefined,
      touchedThrough: 0,
    });
  }

  /** A change of a provider's size; 0 removes it. */
  changeSize(block: number, index: number, size: bigint): void {
    if (this.terminatedAt !== 0) refuse("Terminated");
    const provider = this.#provider(index);
    if (provider.removedAt !== 0) refuse("ProviderGone");
    const from = this.effectiveBlock(block);
    if (size === 0n && from === provider.activeFrom) refuse("NotActiveYet");
    provider.changes = [...provider.changes.filter((change) => change.from !== from), { from, size }];
    if (size === 0n) provider.removedAt = from;
  }

  #provider(index: number): ProviderModel {
    return this.providers[index] ?? refuse("NoSuchProvider");
  }

  /** Providers with an item in a settlement through te. */
  due(te: number): number[] {
    return this.providers.flatMap(({ closed, activeFrom }, i) => (!closed && activeFrom < te ? [i] : []));
  }

  /** R34: credit for abandoned runs, when the provider is first touched after them. */
  touch(index: number): void {
    const provider = this.#provider(index);
    for (const { from, to } of this.runs) {
      const start = Math.max(from, provider.touchedThrough);
      if (start >= to) continue;
      let spaceTime = this.committed(provider, start, to);
      if (provider.rate !== undefined) spaceTime = min(spaceTime, provider.rate * BigInt(to - start));
      const amount = this.amount(spaceTime);
      const paid = min(amount, this.free);
      this.free -= paid;
      provider.credit += paid;
      provider.arrears += amount - paid;
      provider.touchedThrough = to;
    }
  }

  /** `signed` is asked last but for the items, as the contract does: whether the signature is one. */
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

  #payProviders(due: number[], te: number, values: readonly bigint[]): bigint {
    const amounts = due.map((index, i) => {
      this.touch(index);
      const provider = this.#provider(index);
      const spaceTime = min(values[i] as bigint, this.committed(provider, this.ts, te));
      provider.rate = spaceTime / BigInt(te - Math.max(this.ts, provider.activeFrom));
      return this.amount(spaceTime) + provider.arrears;
    });
    const total = amounts.reduce((a, b) => a + b, 0n);
    const available = this.free;
    let cuts = 0n;
    due.forEach((index, i) => {
      const amount = amounts[i] as bigint;
      const paid = total > available ? (amount * available) / total : amount;
      const cut = (paid * this.config.keeperShareBps) / 10_000n;
      const provider = this.#provider(index);
      provider.arrears = amount - paid;
      provider.credit += paid - cut;
      provider.closed = provider.removedAt !== 0 && provider.removedAt <= te;
      this.free -= paid - cut;
      cuts += cut;
    });
    return cuts;
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

  /** A provider that may abandon: it has blocks that are not settled, or will have. */
  get unsettled(): ProviderModel | undefined {
    return this.providers.find(({ removedAt }) => removedAt === 0 || removedAt > this.ts);
  }

  abandon(block: number, byProvider: boolean): void {
    const { interval, lockup, origin, slot } = this.config;
    if (byProvider && this.unsettled === undefined) refuse("NotPayerOrProvider");
    if (this.ended) refuse("Ended");
    if (block < this.ts + interval + lockup) refuse("NotAbandonable");
    const to = block - ((block - origin) % slot);
    const last = this.runs.at(-1);
    if (last?.to === this.ts) last.to = to;
    else this.runs.push({ from: this.ts, to });
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

  collectArrears(index: number): void {
    this.touch(index);
    const provider = this.#provider(index);
    const gone = provider.removedAt !== 0 && provider.removedAt <= this.ts;
    if (!gone && !this.ended) refuse("NotClosed");
    const amount = min(provider.arrears, this.free);
    if (amount === 0n) refuse("NothingToMove");
    this.free -= amount;
    provider.arrears -= amount;
    provider.credit += amount;
  }

  proposeCommittee(members: number[]): void {
    if (this.terminatedAt !== 0) refuse("Terminated");
    if (this.pending !== 0) refuse("CommitteePending");
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

function newCommittee(members: number[]): CommitteeModel {
  return { members, accounts: members.map(() => ({ earned: 0n, withdrawn: 0n })), readyAt: 0, accepted: 0 };
}
