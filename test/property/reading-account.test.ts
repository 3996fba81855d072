/** Paid reading: whatever one side does, the other one loses at most the price of one range (R47). */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  accountOf,
  amountToSign,
  decideRange,
  priceOfBytes,
  tabOf,
  voucherGain,
  withVoucher,
  type ReadAccount,
  type ReadChannel,
  type ReadTab,
  type ReadTime,
} from "../../protocol/reading-account.ts";

const dearest = 50n;
const margin = 10;

/** The contract's channel, and a head. */
class Channel {
  state: ReadChannel = { deposited: 0n, spent: 0n, expiry: 0 };
  head = 1;
  /** What the provider ever got. */
  paid = 0n;

  deposit(amount: bigint, ahead: number): void {
    const { deposited, spent, expiry } = this.state;
    this.state = { deposited: deposited + amount, spent, expiry: Math.max(expiry, this.head + ahead) };
  }

  redeem(amount: bigint): void {
    const gain = voucherGain(this.state, amount, this.head);
    this.paid += gain;
    this.state = { ...this.state, spent: this.state.spent + gain };
  }

  /** A withdrawal of the reader, or a release by the provider. */
  giveBack(): void {
    this.state = { ...this.state, spent: this.state.deposited };
  }
}

const amounts = fc.bigInt(0n, 200n);
const step = fc.oneof(
  fc.record({ kind: fc.constant("deposit" as const), amount: amounts, ahead: fc.nat(60) }),
  fc.record({ kind: fc.constant("voucher" as const), amount: fc.bigInt(0n, 2_000n) }),
  fc.record({ kind: fc.constant("pay" as const) }),
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("range" as const), price: fc.bigInt(1n, dearest) }) },
  fc.record({ kind: fc.constant("wait" as const), blocks: fc.integer({ min: 1, max: 40 }) }),
  fc.record({ kind: fc.constant("withdraw" as const) }),
  fc.record({ kind: fc.constant("release" as const) }),
);
const steps = fc.array(step, { minLength: 20, maxLength: 80 });
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

describe("a provider that decides by its account", () => {
  /** The reader does anything: signs too much or too little, deposits late, withdraws as soon as it can. */
  class Provider {
    readonly channel = new Channel();
    account: ReadAccount = accountOf(this.channel.state);
    newest = 0n;
    sent = 0n;
    ranges = 0;

    get time(): ReadTime {
      return { head: this.channel.head, margin };
    }

    play(one: Step): void {
      const { channel } = this;
      if (one.kind === "deposit") channel.deposit(one.amount, one.ahead);
      if (one.kind === "voucher") this.accept(one.amount);
      if (one.kind === "pay") this.accept(this.account.owed);
      if (one.kind === "wait") this.wait(one.blocks);
      if (one.kind === "withdraw" && channel.head >= channel.state.expiry) channel.giveBack();
      if (one.kind === "range") this.range(one.price);
    }

    accept(amount: bigint): void {
      const before = accountOf(this.channel.state, this.account);
      this.account = withVoucher(before, this.channel.state, amount, this.time);
      if (this.account.promised > before.promised) this.newest = amount;
    }

    /** It redeems in the last block of the margin before the expiry. */
    wait(blocks: number): void {
      const { channel } = this;
      for (let i = 0; i < blocks; i += 1) {
        if (channel.head === channel.state.expiry - 1) channel.redeem(this.newest);
        channel.head += 1;
      }
    }

    range(price: bigint): void {
      const decision = decideRange(this.account, this.channel.state, price, this.time);
      if (decision.kind !== "serve") return;
      this.account = decision.account;
      this.sent += price;
      this.ranges += 1;
    }

    lost(): bigint {
      const { paid, state, head } = this.channel;
      return this.sent - paid - voucherGain(state, this.newest, head);
    }
  }

  it("loses at most one range to any reader, over all channels that this one opens", () => {
    let [served, most] = [0, 0n];
    const property = fc.property(steps, (list) => {
      const provider = new Provider();
      for (const one of list) {
        provider.play(one);
        const lost = provider.lost();
        expect(lost <= dearest).toBe(true);
        if (lost > most) most = lost;
      }
      served += provider.ranges;
    });
    fc.assert(property, { numRuns: 1_000, seed: 47 });
    expect(served).toBeGreaterThan(1_000);
    // The bound is reached.
    expect(most).toBeGreaterThan(dearest - 5n);
  });

  it("gains what the deposit covers beyond what was spent, up to the block before the expiry", () => {
    const channel = { deposited: 100n, spent: 20n, expiry: 50 };
    const gains = [20n, 21n, 100n, 101n].map((amount) => voucherGain(channel, amount, 49));
    expect(gains).toEqual([0n, 1n, 80n, 80n]);
    expect([voucherGain(channel, 60n, 50), voucherGain(channel, 60n, 51)]).toEqual([0n, 0n]);
  });

  it("asks for what is missing", () => {
    const channel = { deposited: 100n, spent: 20n, expiry: 50 };
    const time = { head: 30, margin };
    const first = decideRange(accountOf(channel), channel, 30n, time);
    expect(first).toEqual({ kind: "serve", account: { owed: 50n, promised: 20n } });
    const owing = { owed: 50n, promised: 20n };
    expect(decideRange(owing, channel, 30n, time)).toEqual({ kind: "voucher", needed: 50n });
    const paid = withVoucher(owing, channel, 50n, time);
    expect(decideRange(paid, channel, 51n, time)).toEqual({ kind: "deposit", needed: 101n });
    expect(decideRange(paid, channel, 50n, time).kind).toBe("serve");
    const late = { head: 40, margin };
    expect(decideRange(paid, channel, 30n, late)).toEqual({ kind: "expiry", needed: 50 });
    expect(withVoucher(owing, channel, 50n, late)).toEqual(owing);
    // The debt of 30 outlasts a return.
    const returned = { ...channel, deposited: 200n, spent: 100n };
    expect(decideRange(owing, returned, 30n, time)).toEqual({ kind: "voucher", needed: 130n });
  });
});

describe("a reader that signs by its account", () => {
  /** The provider does anything: asks for any amount, sends or does not, redeems and releases when it likes. */
  class Reader {
    readonly channel = new Channel();
    tab: ReadTab = tabOf(this.channel.state);
    /** Highest voucher that the provider has. */
    highest = 0n;
    received = 0n;

    play(one: Step): void {
      const { channel } = this;
      if (one.kind === "deposit") channel.deposit(one.amount, one.ahead);
      if (one.kind === "voucher") this.sign(one.amount);
      if (one.kind === "pay") this.sign(this.tab.received + dearest);
      if (one.kind === "wait") channel.head += one.blocks;
      if (one.kind === "withdraw" && channel.head >= channel.state.expiry) channel.giveBack();
      if (one.kind === "release") {
        channel.redeem(this.highest);
        channel.giveBack();
      }
      if (one.kind === "range") this.receive(one.price);
    }

    sign(needed: bigint): void {
      this.tab = tabOf(this.channel.state, this.tab);
      const limit = this.channel.state.deposited;
      const amount = amountToSign(this.tab, { needed, price: dearest, limit });
      if (amount === undefined) return;
      this.tab = { ...this.tab, signed: amount };
      if (amount > this.highest) this.highest = amount;
    }

    receive(price: bigint): void {
      this.tab = tabOf(this.channel.state, this.tab);
      this.tab = { ...this.tab, received: this.tab.received + price };
      this.received += price;
    }

    lost(): bigint {
      const { paid, state, head } = this.channel;
      return paid + voucherGain(state, this.highest, head) - this.received;
    }
  }

  it("loses at most one range to any provider, over all channels that it opens", () => {
    let [paid, most] = [0n, 0n];
    const property = fc.property(steps, (list) => {
      const reader = new Reader();
      for (const one of list) {
        reader.play(one);
        const lost = reader.lost();
        expect(lost <= dearest).toBe(true);
        if (lost > most) most = lost;
      }
      paid += reader.channel.paid;
    });
    fc.assert(property, { numRuns: 1_000, seed: 48 });
    expect(paid).toBeGreaterThan(10_000n);
    expect(most).toBe(dearest);
  });

  it("pays what arrived and one range more, within its limit, and never less than it signed", () => {
    const tab = { signed: 40n, received: 50n };
    const asked = { price: 10n, limit: 1_000n };
    expect(amountToSign(tab, { ...asked, needed: 50n })).toBe(50n);
    expect(amountToSign(tab, { ...asked, needed: 60n })).toBe(60n);
    expect(amountToSign(tab, { ...asked, needed: 61n })).toBeUndefined();
    expect(amountToSign(tab, { ...asked, needed: 50n, limit: 49n })).toBeUndefined();
    expect(amountToSign(tab, { ...asked, needed: 50n, limit: 50n })).toBe(50n);
    expect(amountToSign(tab, { ...asked, needed: 10n })).toBe(40n);
  });
});

describe("the price of bytes", () => {
  it("is rounded up, and never less in parts than for the whole", () => {
    expect(priceOfBytes(1n << 30n, 5)).toBe(5n);
    expect(priceOfBytes(1n, 1)).toBe(1n);
    expect(priceOfBytes(0n, 1)).toBe(0n);
    const property = fc.property(
      fc.bigInt(0n, 10n ** 18n),
      fc.nat(2 ** 30),
      fc.nat(2 ** 30),
      (price, a, b) => {
        const [parts, whole] = [priceOfBytes(price, a) + priceOfBytes(price, b), priceOfBytes(price, a + b)];
        expect(parts >= whole && parts <= whole + 1n).toBe(true);
      },
    );
    fc.assert(property, { numRuns: 500, seed: 49 });
  });
});
