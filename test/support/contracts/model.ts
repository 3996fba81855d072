/**
 * The rules of money (R16, R29–R34) as plain arithmetic over lists: what the contract packs, caches and defers, this
 * model recomputes from its whole history each time. Item-by-item groups; the chain only supplies block numbers.
 */
export type ModelConfig = {
  price: bigint;
  interval: number;
  turn: number;
  slot: number;
  confirmations: number;
  lockup: number;
  shareBps: bigint;
  n: number;
};

type Provider = {
  /** Committed bytes from a block on, ascending. */
  changes: { from: number; size: bigint }[];
  removedAt: number;
  closed: boolean;
  credited: bigint;
  withdrawn: bigint;
  arrears: bigint;
  rate: bigint | undefined;
};

export type ModelItem = { provider: number; spaceTime: bigint };

const min = (a: bigint, b: bigint): bigint => (a < b ? a : b);

export class Model {
  readonly config: ModelConfig;
  readonly origin: number;
  ts: number;
  free = 0n;
  deposited = 0n;
  paidOut = 0n;
  endBlock = 0;
  readonly providers: Provider[] = [];
  readonly earned: bigint[];
  readonly withdrawn: bigint[];
  /** Abandoned blocks and the providers not yet credited for them. */
  readonly pending: { provider: number; from: number; to: number }[] = [];

  constructor(config: ModelConfig, origin: number) {
    this.config = config;
    this.origin = origin;
    this.ts = origin;
    this.earned = Array.from({ length: config.n }, () => 0n);
    this.withdrawn = Array.from({ length: config.n }, () => 0n);
  }

  get ended(): boolean {
    return this.endBlock !== 0 && this.ts >= this.endBlock;
  }

  amount(spaceTime: bigint): bigint {
    return (spaceTime * this.config.price) / (1n << 30n);
  }

  /** Committed space-time, block by block boundaries summed from the list of changes (R16). */
  committed(provider: number, from: number, to: number): bigint {
    const end = this.endBlock === 0 ? to : Math.min(to, this.endBlock);
    const { changes } = this.providers[provider] as Provider;
    let sum = 0n;
    changes.forEach(({ from: start, size }, i) => {
      const stop = Math.min(changes[i + 1]?.from ?? end, end);
      const first = Math.max(start, from);
      if (stop > first) sum += size * BigInt(stop - first);
    });
    return sum;
  }

  effective(block: number): number {
    const { slot, confirmations } = this.config;
    for (let boundary = this.origin; ; boundary += slot)
      if (boundary > block + confirmations) return boundary;
  }

  deposit(amount: bigint): void {
    this.deposited += amount;
    this.free += amount;
  }

  add(block: number, size: bigint): void {
    const changes = [{ from: this.effective(block), size }];
    const money = { credited: 0n, withdrawn: 0n, arrears: 0n };
    this.providers.push({ changes, removedAt: 0, closed: false, rate: undefined, ...money });
  }

  change(block: number, provider: number, size: bigint): void {
    const from = this.effective(block);
    const { changes } = this.providers[provider] as Provider;
    if (changes.at(-1)?.from === from) changes.pop();
    changes.push({ from, size });
  }

  remove(block: number, provider: number): boolean {
    const found = this.providers[provider] as Provider;
    const from = this.effective(block);
    if (found.changes[0]?.from === from) return false;
    this.change(block, provider, 0n);
    found.removedAt = from;
    return true;
  }

  listed(te: number): number[] {
    return [...this.providers.keys()].filter((i) => {
      const { changes, closed } = this.providers[i] as Provider;
      return !closed && (changes[0]?.from as number) < te;
    });
  }

  /** R30, R32. */
  settle(
    te: number,
    items: ModelItem[],
    payees: number[],
    failedCount: number,
    leader: number,
    sender: number,
  ): void {
    for (const { provider } of items) this.touch(provider);
    const due = items.map(({ provider, spaceTime }) => {
      const found = this.providers[provider] as Provider;
      const paid = min(spaceTime, this.committed(provider, this.ts, te));
      found.rate = paid / BigInt(te - this.ts);
      return this.amount(paid) + found.arrears;
    });
    const total = due.reduce((a, b) => a + b, 0n);
    const available = this.free;
    let cut = 0n;
    items.forEach(({ provider }, i) => {
      const found = this.providers[provider] as Provider;
      const full = due[i] as bigint;
      const scaled = total > available ? (full * available) / total : full;
      const part = (scaled * this.config.shareBps) / 10_000n;
      found.arrears = full - scaled;
      found.credited += scaled - part;
      this.free -= scaled - part;
      cut += part;
      if (
        found.removedAt !== 0 &&
        found.removedAt <= (this.endBlock === 0 ? te : Math.min(te, this.endBlock))
      ) {
        found.closed = true;
      }
    });
    const share = cut / BigInt(this.config.n - failedCount);
    for (const payee of payees) {
      const receiver = payee === leader ? sender : payee;
      this.earned[receiver] = (this.earned[receiver] as bigint) + share;
      this.free -= share;
    }
    this.ts = te;
  }

  abandon(block: number): void {
    const { slot } = this.config;
    const through = this.origin + Math.floor((block - this.origin) / slot) * slot;
    for (const provider of this.providers.keys()) this.pending.push({ provider, from: this.ts, to: through });
    this.ts = through;
  }

  /** R34: adjacent runs are one. */
  touch(provider: number): void {
    const found = this.providers[provider] as Provider;
    const runs = this.pending.filter((run) => run.provider === provider);
    const joined: { from: number; to: number }[] = [];
    for (const run of runs) {
      const last = joined.at(-1);
      if (last?.to === run.from) last.to = run.to;
      else joined.push({ from: run.from, to: run.to });
      this.pending.splice(this.pending.indexOf(run), 1);
    }
    for (const { from, to } of joined) {
      const all = this.committed(provider, from, to);
      const spaceTime = found.rate === undefined ? all : min(found.rate * BigInt(to - from), all);
      const due = this.amount(spaceTime);
      const paid = min(due, this.free);
      this.free -= paid;
      found.credited += paid;
      found.arrears += due - paid;
    }
  }

  collect(provider: number): bigint {
    this.touch(provider);
    const found = this.providers[provider] as Provider;
    const gone = found.removedAt !== 0 && found.removedAt <= this.ts;
    if (!gone && !this.ended) return 0n;
    const paid = min(found.arrears, this.free);
    this.free -= paid;
    found.arrears -= paid;
    found.credited += paid;
    return paid;
  }

  /** R32. */
  withdrawable(block: number): bigint {
    let reserved = 0n;
    for (const run of this.pending) reserved += this.committed(run.provider, run.from, run.to);
    for (const provider of this.providers.keys()) {
      reserved += this.committed(
        provider,
        this.ts,
        this.endBlock === 0 ? block : Math.max(this.endBlock, this.ts),
      );
    }
    if (this.endBlock === 0) reserved += BigInt(this.config.lockup) * this.mostBytes(block);
    const reserve = (reserved * this.config.price + (1n << 30n) - 1n) / (1n << 30n);
    const arrears = this.providers.reduce((sum, provider) => sum + provider.arrears, 0n);
    const left = this.free - arrears - reserve;
    return left > 0n ? left : 0n;
  }

  /** Most bytes committed at this block or at one to which a change is pending. */
  private mostBytes(block: number): bigint {
    const blocks = [block, ...this.providers.flatMap(({ changes }) => changes.map(({ from }) => from))];
    const totals = blocks
      .filter((at) => at >= block)
      .map((at) =>
        this.providers.reduce(
          (sum, { changes }) => sum + (changes.findLast(({ from }) => from <= at)?.size ?? 0n),
          0n,
        ),
      );
    return totals.reduce((a, b) => (a > b ? a : b), 0n);
  }
}
