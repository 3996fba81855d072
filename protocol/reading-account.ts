/**
 * R47: how a provider and a reader reckon, so that neither side can be cheated of more than one range. Amounts are cumulative, in units of the
 * channel's token, as in vouchers: they go on from what the channel had spent when the reading began.
 */

/** What the contract of paid reading says about a channel. */
export type ReadChannel = {
  /** All that was ever deposited: no voucher is worth more. */
  readonly deposited: bigint;
  /** All that ever left it; the next vouchers go on from here. */
  readonly spent: bigint;
  /** First block in which the provider can redeem no more and the reader may withdraw; 0 if it was never opened. */
  readonly expiry: number;
};

/** What a voucher would gain in a transaction of block `block`, as the contract computes it, in units. */
export function voucherGain(
  { deposited, spent, expiry }: ReadChannel,
  amount: bigint,
  block: number,
): bigint {
  if (block >= expiry) return 0n;
  const covered = amount < deposited ? amount : deposited;
  return covered > spent ? covered - spent : 0n;
}

const GiB = 1n << 30n;

/** Price of so many bytes in units, rounded up: a reader that asks for single bytes pays no less. */
export function priceOfBytes(unitsPerGiB: bigint, bytes: number): bigint {
  return (unitsPerGiB * BigInt(bytes) + GiB - 1n) / GiB;
}

/** A provider's account of one channel. */
export type ReadAccount = {
  /** Price of everything that was sent, from the channel's `spent` at the beginning. */
  readonly owed: bigint;
  /** Amount of the newest voucher, which the provider has on disk. */
  readonly promised: bigint;
};

/**
 * The account as the channel now requires it. A channel that has spent more than was promised returned money to the reader: older vouchers are
 * worth nothing any more, and what the reader did not pay is owed beyond that.
 * @param known undefined: the provider never served this channel, or has released it, which gives up what was promised
 */
export function accountOf({ spent }: ReadChannel, known?: ReadAccount): ReadAccount {
  if (known === undefined) return { owed: spent, promised: spent };
  if (spent <= known.promised) return known;
  const debt = known.owed > known.promised ? known.owed - known.promised : 0n;
  return { owed: spent + debt, promised: spent };
}

/** When a provider decides: the head, and the blocks in which it surely redeems. */
export type ReadTime = { readonly head: number; readonly margin: number };

function canRedeem({ expiry }: ReadChannel, { head, margin }: ReadTime): boolean {
  return head + margin < expiry;
}

/**
 * The account with a further voucher, whose signature the provider has checked; unchanged if it adds nothing, or comes too late to be redeemed.
 * The provider keeps, and redeems, only vouchers that change its account.
 */
export function withVoucher(
  known: ReadAccount,
  channel: ReadChannel,
  amount: bigint,
  time: ReadTime,
): ReadAccount {
  const account = accountOf(channel, known);
  if (amount <= account.promised || !canRedeem(channel, time)) return account;
  return { ...account, promised: amount };
}

/**
 * `serve`: send the range, once `account` is on disk. Otherwise the reader has to act first: sign a voucher of `needed` at least, deposit until
 * `needed` units were ever deposited, or move the expiry beyond block `needed`.
 */
export type ReadDecision =
  | { readonly kind: "serve"; readonly account: ReadAccount }
  | { readonly kind: "voucher" | "deposit"; readonly needed: bigint }
  | { readonly kind: "expiry"; readonly needed: number };

/**
 * Whether a provider sends the next range: vouchers cover all ranges before it, the deposit covers this one, too, and there is time to redeem.
 * @param channel as of a block that is final for the provider
 * @param price of the range, in units
 */
export function decideRange(
  known: ReadAccount,
  channel: ReadChannel,
  price: bigint,
  time: ReadTime,
): ReadDecision {
  const account = accountOf(channel, known);
  const after = account.owed + price;
  if (!canRedeem(channel, time)) return { kind: "expiry", needed: time.head + time.margin };
  if (channel.deposited < after) return { kind: "deposit", needed: after };
  if (account.promised < account.owed) return { kind: "voucher", needed: account.owed };
  return { kind: "serve", account: { ...account, owed: after } };
}

/** A reader's account of one channel. */
export type ReadTab = {
  /** The highest amount that it signed, from the channel's `spent` at the beginning. */
  readonly signed: bigint;
  /** Price of every range that arrived and was verified, likewise. */
  readonly received: bigint;
};

/** The reader's account as the channel now requires it, as `accountOf`. */
export function tabOf({ spent }: ReadChannel, known?: ReadTab): ReadTab {
  if (known === undefined) return { signed: spent, received: spent };
  if (spent <= known.signed) return known;
  return { signed: spent, received: spent + known.received - known.signed };
}

/**
 * The amount that a reader signs when a provider asks for `needed`; undefined: it does not pay. It pays what arrived, and at most one range
 * more: a range that the provider sent and the reader did not get, or forgot in a crash.
 * @param price of a range, in units
 * @param limit highest amount that the reader signs; at most `deposited` of the channel
 */
export function amountToSign(
  { signed, received }: ReadTab,
  { needed, price, limit }: { readonly needed: bigint; readonly price: bigint; readonly limit: bigint },
): bigint | undefined {
  const amount = needed > signed ? needed : signed;
  return amount > received + price || amount > limit ? undefined : amount;
}
