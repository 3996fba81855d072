/** Sequences of calls of readers and providers, and a model of channels written from the rule (R47). */
import fc from "fast-check";
import { ZeroAddress, type Wallet } from "ethers";
import { deepEqual, equal, ok } from "node:assert/strict";
import { range } from "./basics.ts";
import { VouchersWorld, leastBlocks, type ClaimValue, type Named } from "./vouchers-world.ts";

type Model = { deposited: bigint; spent: bigint; expiry: bigint; highest: bigint; paid: bigint };
type Voucher = { channel: number; amount: bigint; claim: ClaimValue };
export type Step =
  | { kind: "deposit"; channel: number; amount: bigint; by: number; ahead: number | undefined }
  | { kind: "sign"; channel: number; amount: bigint }
  | { kind: "redeem"; provider: number; chosen: number[] }
  | { kind: "withdraw" | "release"; channel: number }
  | { kind: "wait"; blocks: number };

const channelCount = 4;
const channel = fc.nat(channelCount - 1);
const amount = fc.bigInt(0n, 100n);
export const steps = fc.array(
  fc.oneof(
    fc.record({
      kind: fc.constant("deposit" as const),
      channel,
      amount,
      by: fc.nat(1),
      // The present expiry, or one so many blocks ahead.
      ahead: fc.option(fc.integer({ min: leastBlocks - 2, max: leastBlocks + 40 }), { nil: undefined }),
    }),
    fc.record({ kind: fc.constant("sign" as const), channel, amount: fc.bigInt(0n, 300n) }),
    fc.record({
      kind: fc.constant("redeem" as const),
      provider: fc.nat(1),
      chosen: fc.array(fc.nat(1_000), { maxLength: 6 }),
    }),
    fc.record({
      kind: fc.constantFrom(
        "withdraw" as const,
        "withdraw" as const,
        "withdraw" as const,
        "release" as const,
      ),
      channel,
    }),
    fc.record({ kind: fc.constant("wait" as const), blocks: fc.integer({ min: 1, max: leastBlocks }) }),
  ),
  { minLength: 70, maxLength: 90 },
);

/** Two readers and two providers; each of them has a channel in coin and one in a token. */
export class Cast {
  readonly world: VouchersWorld;
  readonly readers: readonly Wallet[];
  readonly providers: readonly Wallet[];

  private constructor(world: VouchersWorld, readers: readonly Wallet[], providers: readonly Wallet[]) {
    this.world = world;
    this.readers = readers;
    this.providers = providers;
  }

  static async open(): Promise<Cast> {
    const world = await VouchersWorld.open();
    const accounts = async (role: string): Promise<Wallet[]> =>
      Promise.all(range(2).map((i) => world.account(`model ${role} ${i}`)));
    return new Cast(world, await accounts("reader"), await accounts("provider"));
  }

  get channels(): Required<Named>[] {
    return range(channelCount).map((i) => ({
      reader: this.readers[i & 1] as Wallet,
      provider: this.providers[(i >> 1) & 1] as Wallet,
      token: i === 0 || i === 3 ? this.world.tokenAddress : ZeroAddress,
    }));
  }
}

/** One run: the channels as the rule has them, and every voucher that was signed. */
export class Run {
  readonly cast: Cast;
  readonly world: VouchersWorld;
  readonly named: readonly Required<Named>[];
  readonly channels: Model[] = range(channelCount).map(() => ({
    deposited: 0n,
    spent: 0n,
    expiry: 0n,
    highest: 0n,
    paid: 0n,
  }));
  readonly vouchers: Voucher[] = [];
  readonly outcomes: Map<string, number>;

  constructor(cast: Cast, outcomes: Map<string, number>) {
    this.cast = cast;
    this.world = cast.world;
    this.named = cast.channels;
    this.outcomes = outcomes;
  }

  model(index: number): Model {
    return this.channels[index] as Model;
  }

  gain({ deposited, spent, expiry }: Model, amount: bigint, block: bigint): bigint {
    if (block >= expiry) return 0n;
    const covered = amount < deposited ? amount : deposited;
    return covered > spent ? covered - spent : 0n;
  }

  /** Carries out a call, which must end as the model says. */
  async call(name: string, expected: string | undefined, call: Promise<unknown>): Promise<boolean> {
    const actual = expected === undefined ? undefined : (await this.world.failing(call)).error;
    if (expected === undefined) await call;
    equal(actual, expected, `${name}: the contract's error and the model's`);
    const outcome = `${name} ${expected ?? "done"}`;
    this.outcomes.set(outcome, (this.outcomes.get(outcome) ?? 0) + 1);
    return expected === undefined;
  }

  async deposit({ channel, amount, by, ahead }: Extract<Step, { kind: "deposit" }>): Promise<void> {
    const [model, pair] = [this.model(channel), this.named[channel] as Named];
    const block = BigInt((await this.world.chain.block()) + 1);
    const from = this.cast.readers[by] as Wallet;
    const expiry = ahead === undefined ? model.expiry : block + BigInt(ahead);
    const stays = expiry === model.expiry && block < expiry;
    const least = model.expiry > block + BigInt(leastBlocks) ? model.expiry : block + BigInt(leastBlocks);
    const expected = ((): string | undefined => {
      if (!stays && from !== pair.reader) return "ReadVouchers_NotReader";
      if (!stays && expiry < least) return "ReadVouchers_BadExpiry";
      return stays && amount === 0n ? "ReadVouchers_NothingToMove" : undefined;
    })();
    if (!(await this.call("deposit", expected, this.world.deposit(pair, amount, { from, expiry })))) return;
    model.deposited += amount;
    model.expiry = expiry;
  }

  async sign(channel: number, amount: bigint): Promise<void> {
    const model = this.model(channel);
    if (amount > model.highest) model.highest = amount;
    this.vouchers.push({
      channel,
      amount,
      claim: await this.world.claim(this.named[channel] as Named, amount),
    });
  }

  async redeem(provider: number, chosen: readonly number[]): Promise<void> {
    const account = this.cast.providers[provider] as Wallet;
    const own = this.vouchers.filter((voucher) => this.named[voucher.channel]?.provider === account);
    const picked = own.length === 0 ? [] : chosen.map((i) => own[i % own.length] as Voucher);
    const block = BigInt((await this.world.chain.block()) + 1);
    // What the call would leave.
    const after = new Map<Model, bigint>();
    for (const { channel, amount } of picked) {
      const model = this.model(channel);
      const spent = after.get(model) ?? model.spent;
      after.set(model, spent + this.gain({ ...model, spent }, amount, block));
    }
    const moves = [...after].some(([model, spent]) => spent > model.spent);
    const call = this.world.redeem(
      account,
      picked.map(({ claim }) => claim),
    );
    if (!(await this.call("redeem", moves ? undefined : "ReadVouchers_NothingToMove", call))) return;
    for (const [model, spent] of after) {
      model.paid += spent - model.spent;
      model.spent = spent;
    }
  }

  async giveBack(kind: "withdraw" | "release", channel: number): Promise<void> {
    const model = this.model(channel);
    const block = BigInt((await this.world.chain.block()) + 1);
    const early = kind === "withdraw" && block < model.expiry ? "ReadVouchers_NotExpired" : undefined;
    const none = model.deposited === model.spent ? "ReadVouchers_NothingToMove" : undefined;
    if (await this.call(kind, early ?? none, this.world[kind](this.named[channel] as Named)))
      model.spent = model.deposited;
  }

  async step(step: Step): Promise<void> {
    if (step.kind === "deposit") return this.deposit(step);
    if (step.kind === "sign") return this.sign(step.channel, step.amount);
    if (step.kind === "redeem") return this.redeem(step.provider, step.chosen);
    if (step.kind === "wait")
      return this.world.chain.before((await this.world.chain.block()) + 1 + step.blocks);
    return this.giveBack(step.kind, step.channel);
  }

  /** The contract's books are the model's, and it holds what it owes. */
  async check(): Promise<void> {
    const keys = this.named.map(({ reader, provider, token }) => [reader.address, provider.address, token]);
    const states: bigint[][] = await this.world.contract.getFunction("channels")(keys);
    deepEqual(
      states.map((state) => [...state]),
      this.channels.map(({ deposited, spent, expiry }) => [deposited, spent, expiry]),
    );
    const owed = (token: string): bigint =>
      this.channels
        .filter((_, i) => this.named[i]?.token === token)
        .reduce((sum, { deposited, spent }) => sum + deposited - spent, 0n);
    equal(await this.world.balanceOf(this.world.address), owed(this.world.tokenAddress));
    equal(await this.world.chain.provider.getBalance(this.world.address), owed(ZeroAddress));
    for (const { paid, highest } of this.channels)
      ok(paid <= highest, `paid ${paid}, signed at most ${highest}`);
  }
}
