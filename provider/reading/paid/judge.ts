/** R47: what a provider does with a voucher and a request for a range; pure. */
import { counted } from "../../../protocol/counted.ts";
import type { DueCode, ShownVoucher } from "../../../protocol/codec/paid-reading.ts";
import { accountOf, decideRange, withVoucher } from "../../../protocol/reading-account.ts";
import type { ReadAccount, ReadChannel, ReadTime } from "../../../protocol/reading-account.ts";

/** Blocks before a channel's expiry in which the provider redeems and sends nothing on credit; `LEAST_BLOCKS` of the contract says why. */
export const margin_blocks = 128;

export type Owing = {
  readonly kind: "due";
  readonly code: DueCode;
  readonly owed: bigint;
  readonly needed: bigint;
  readonly detail: string;
};

/** The account with the voucher in it. `isNew`: the voucher adds to it, and has to be on disk before anything is sent. */
export type Taken = { readonly kind: "taken"; readonly account: ReadAccount; readonly isNew: boolean };

/** @param voucher whose signature is valid, for this provider, token, chain and contract */
export function takeVoucher(
  known: ReadAccount | undefined,
  channel: ReadChannel,
  { amount }: Pick<ShownVoucher, "amount">,
  time: ReadTime,
): Taken | Owing {
  const account = accountOf(channel, known);
  const due = (code: DueCode, needed: bigint, detail: string): Owing => {
    return { kind: "due", code, owed: account.owed, needed, detail };
  };
  if (amount < account.promised) {
    const least = account.owed > account.promised ? account.owed : account.promised;
    return due("superseded", least, `voucher: expected at least ${least}, actual ${amount}`);
  }
  if (amount === account.promised) return { kind: "taken", account, isNew: false };
  if (amount < account.owed) {
    return due("underpaid", account.owed, `voucher: expected at least ${account.owed}, actual ${amount}`);
  }
  if (amount > channel.deposited) {
    const detail = `voucher: expected at most the ${channel.deposited} deposited, actual ${amount}`;
    return due("over-deposit", channel.deposited, detail);
  }
  const after = withVoucher(account, channel, amount, time);
  if (after.promised === amount) return { kind: "taken", account: after, isNew: true };
  return due("expiry", BigInt(time.head + time.margin), expiryDetail(channel, time));
}

function expiryDetail({ expiry }: ReadChannel, { head, margin }: ReadTime): string {
  const left = counted(margin, "block");
  return `channel: expected an expiry after block ${head + margin}, ${left} ahead, actual block ${expiry}`;
}

/** The account after the range, or what is owed first. */
export function chargeRange(
  account: ReadAccount,
  channel: ReadChannel,
  price: bigint,
  time: ReadTime,
): { readonly kind: "serve"; readonly account: ReadAccount } | Owing {
  const decision = decideRange(account, channel, price, time);
  if (decision.kind === "serve") return decision;
  const owing = {
    kind: "due",
    code: decision.kind,
    owed: account.owed,
    needed: BigInt(decision.needed),
  } as const;
  if (decision.kind === "voucher") {
    const detail = `voucher: expected at least ${decision.needed}, actual ${account.promised}`;
    return { ...owing, code: "underpaid", detail };
  }
  if (decision.kind === "expiry") return { ...owing, code: "expiry", detail: expiryDetail(channel, time) };
  const detail = `channel: expected a deposit of ${decision.needed} in all, actual ${channel.deposited}`;
  return { ...owing, code: "deposit", detail };
}
