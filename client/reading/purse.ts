/**
 * R47: what a reader pays. A purse signs vouchers for verified ranges, within one limit over all providers, and never more than one range ahead of
 * what it got from a provider. What it signed is kept before it leaves, so that it goes on from there in the next run.
 */
import type { Signer } from "ethers";
import type { PaymentDue, ShownVoucher } from "../../protocol/codec/paid-reading.ts";
import type { ChannelName, VouchersDomain } from "../../protocol/codec/voucher.ts";
import type { Hex } from "../../protocol/hash.ts";
import { amountToSign, priceOfBytes, tabOf } from "../../protocol/reading-account.ts";
import type { ReadChannel, ReadTab } from "../../protocol/reading-account.ts";
import { rangeBytes } from "../../storage/core/range.ts";
import { chainOf } from "../signer.ts";
import { SourceError } from "./source.ts";
import { readChannel, signVoucher, vouchersDomain } from "./vouchers.ts";

/** Where a reader keeps its accounts: what it signed for each channel, and what it got. Without it a reader may pay one range twice. */
export type ReadTabs = {
  get(name: string): Promise<ReadTab | undefined>;
  /** Durable when it resolves. */
  put(name: string, tab: ReadTab): Promise<void>;
};

/** Accounts that end with the program: for a single reading. */
export function memoryTabs(): ReadTabs {
  const tabs = new Map<string, ReadTab>();
  return {
    get: async (name) => tabs.get(name),
    async put(name, tab) {
      tabs.set(name, tab);
    },
  };
}

export type PurseTerms = {
  /** Address of the contract of paid reading. */
  readonly vouchers: string;
  /** The token in which it pays; zero: the chain's own coin. */
  readonly token: string;
  /** Most units that it signs, over all providers. */
  readonly payUpTo: bigint;
  /** Highest price in units a GiB. Default: the first one that each provider names. */
  readonly maxPricePerGiB?: bigint;
  readonly tabs: ReadTabs;
};

/** Names a channel in `ReadTabs`. */
export function tabName(
  { chainId, vouchers }: VouchersDomain,
  { reader, provider, token }: ChannelName,
): string {
  return [chainId, vouchers, reader, provider, token].join("/");
}

type Payment = {
  readonly name: ChannelName;
  /** The price that the provider named first. */
  readonly pricePerGiB: bigint;
  readonly key: string;
  /** What was signed when the purse was opened. */
  readonly base: bigint;
  channel: ReadChannel;
  tab: ReadTab;
  voucher: ShownVoucher | undefined;
  /** Price of the range that is asked for. */
  pending: bigint;
};

const lower = (address: string): Hex => address.toLowerCase() as Hex;
/** After a deposit or an expiry that the provider does not see yet. */
const untilFinal_s = 5;

export class ReadPurse {
  readonly #signer: Signer;
  readonly #terms: PurseTerms;
  readonly #payments = new Map<Hex, Promise<Payment>>();
  readonly #turns = new Map<Hex, Promise<unknown>>();
  readonly #open = new Set<Payment>();

  /** @param signer the reader's account, with a chain */
  constructor(signer: Signer, terms: PurseTerms) {
    this.#signer = signer;
    this.#terms = terms;
  }

  /** Units signed since the purse was opened, by provider. */
  get signed(): ReadonlyMap<Hex, bigint> {
    return new Map([...this.#open].map(({ name, tab, base }) => [name.provider, tab.signed - base]));
  }

  /** Runs after all earlier work with the provider: one range after the other, for every source of it. */
  inTurn<T>(provider: Hex, work: () => Promise<T>): Promise<T> {
    const turn = (this.#turns.get(provider) ?? Promise.resolve()).then(work, work);
    this.#turns.set(provider, turn);
    return turn;
  }

  /**
   * The voucher for the next range, by what the provider says that is owed.
   * @throws SourceError `refused` if this reader does not pay that; `busy` if the provider does not see a deposit yet
   */
  async voucherFor(due: PaymentDue): Promise<ShownVoucher> {
    const payment = await this.#payment(due);
    if (due.pricePerGiB > payment.pricePerGiB) {
      throw refused(due, "price a GiB", `at most ${payment.pricePerGiB}`, due.pricePerGiB);
    }
    await this.#checkChannel(payment, due);
    const price = priceOfBytes(payment.pricePerGiB, rangeBytes);
    payment.tab = tabOf(payment.channel, payment.tab);
    payment.pending = 0n;
    const left = this.#left();
    const { signed, received } = payment.tab;
    const most = (received > signed ? received : signed) + left;
    const limit = most < payment.channel.deposited ? most : payment.channel.deposited;
    if (left < price) throw refused(due, "money for the next range", `${price} within the limit`, left);
    const asked = due.needed > received && isOfAmount(due) ? due.needed : received;
    const amount = amountToSign(payment.tab, { needed: asked, price, limit });
    if (amount === undefined) {
      const most = received + price < limit ? received + price : limit;
      throw refused(due, "demand", `at most ${most} for what arrived and one range more`, asked);
    }
    payment.pending = price;
    return this.#sign(payment, amount);
  }

  /** Counts a range that arrived and was verified. @param charged what the provider says that it costs */
  async received({ provider }: PaymentDue, bytes: number, charged: bigint): Promise<void> {
    const payment = await (this.#payments.get(provider) as Promise<Payment>);
    const most = priceOfBytes(payment.pricePerGiB, bytes);
    const { signed, received } = payment.tab;
    payment.tab = { signed, received: received + (charged < most ? charged : most) };
    payment.pending = 0n;
  }

  /** The range that was asked for did not arrive. */
  async missed({ provider }: PaymentDue): Promise<void> {
    const payment = await this.#payments.get(provider);
    if (payment !== undefined) payment.pending = 0n;
  }

  /** The voucher for all that arrived; undefined: it is signed already. */
  async lastVoucher(provider: Hex): Promise<ShownVoucher | undefined> {
    const payment = await this.#payments.get(provider);
    if (payment === undefined || payment.tab.received <= payment.tab.signed) return undefined;
    if (payment.tab.received > payment.channel.deposited) return undefined;
    return this.#sign(payment, payment.tab.received);
  }

  /** What may still be promised. */
  #left(): bigint {
    let left = this.#terms.payUpTo;
    for (const { tab, base, pending } of this.#open) {
      left -= (tab.received > tab.signed ? tab.received : tab.signed) - base + pending;
    }
    return left > 0n ? left : 0n;
  }

  #payment(due: PaymentDue): Promise<Payment> {
    const known = this.#payments.get(due.provider);
    if (known !== undefined) return known;
    const opened = this.#begin(due);
    this.#payments.set(due.provider, opened);
    opened.catch(() => this.#payments.delete(due.provider));
    return opened;
  }

  async #begin(due: PaymentDue): Promise<Payment> {
    const { vouchers, token, maxPricePerGiB, tabs } = this.#terms;
    const chain = chainOf(this.#signer);
    const domain = await vouchersDomain(chain, vouchers);
    if (due.chainId !== domain.chainId) throw refused(due, "chain", domain.chainId, due.chainId);
    if (due.vouchers !== domain.vouchers) throw refused(due, "contract", domain.vouchers, due.vouchers);
    if (due.token !== lower(token)) throw refused(due, "token", lower(token), due.token);
    if (maxPricePerGiB !== undefined && due.pricePerGiB > maxPricePerGiB) {
      throw refused(due, "price a GiB", `at most ${maxPricePerGiB}`, due.pricePerGiB);
    }
    const reader = lower(await this.#signer.getAddress());
    const name = { reader, provider: due.provider, token: due.token };
    const key = tabName(domain, name);
    const channel = await readChannel(chain, vouchers, name);
    const tab = tabOf(channel, await tabs.get(key));
    const { pricePerGiB } = due;
    const begun = { name, pricePerGiB, key, base: tab.signed, channel, tab, voucher: undefined, pending: 0n };
    this.#open.add(begun);
    return begun;
  }

  /** @throws SourceError if the channel lacks what the provider asks for */
  async #checkChannel(payment: Payment, due: PaymentDue): Promise<void> {
    const { code, needed } = due;
    const isOfChannel = code === "deposit" || code === "over-deposit" || code === "expiry";
    if (!isOfChannel && payment.channel.deposited > payment.channel.spent) return;
    const { name } = payment;
    payment.channel = await readChannel(chainOf(this.#signer), this.#terms.vouchers, name);
    const { deposited, spent, expiry } = payment.channel;
    const hint = `whitepay reader deposit --provider ${name.provider}`;
    if (deposited <= spent) throw refused(due, "deposit for this provider", `some (${hint})`, "none");
    if (code === "expiry" && BigInt(expiry) <= needed)
      throw refused(due, "expiry of the channel", `after block ${needed} (${hint})`, `block ${expiry}`);
    if (code === "deposit" && deposited < needed)
      throw refused(due, "deposit", `${needed} in all (${hint})`, deposited);
    if (!isOfChannel) return;
    throw new SourceError("busy", "the provider waits until the deposit is final", untilFinal_s);
  }

  async #sign(payment: Payment, amount: bigint): Promise<ShownVoucher> {
    const { tab, name, key } = payment;
    if (payment.voucher?.amount === amount) return payment.voucher;
    const domain = await vouchersDomain(chainOf(this.#signer), this.#terms.vouchers);
    const voucher = { ...domain, ...(await signVoucher(this.#signer, domain, name, amount)) };
    payment.tab = { signed: amount > tab.signed ? amount : tab.signed, received: tab.received };
    await this.#terms.tabs.put(key, payment.tab);
    payment.voucher = voucher;
    return voucher;
  }
}

function isOfAmount({ code }: PaymentDue): boolean {
  return code === "underpaid" || code === "superseded";
}

function refused(
  { provider }: PaymentDue,
  what: string,
  expected: string | number | bigint,
  actual: string | number | bigint,
): SourceError {
  return new SourceError(
    "refused",
    `not paid to ${provider}: ${what}: expected ${expected}, actual ${actual}`,
  );
}
