/** The documents of the JSON API, from what the provider holds in memory. */
import type { Token } from "../../daemon/chain/token.ts";
import { monthsOf } from "../money/books.ts";
import type { BookedPayment, Books } from "../money/books.ts";
import type { MoneyFollower } from "../money/follow.ts";
import type { GroupMoney } from "../money/group-money.ts";
import type { OutcomeCount, RecentChallenge, Share } from "../recent-challenges.ts";
import type {
  ChallengeDocument,
  MoneyDocument,
  MonthDocument,
  OutcomeDocument,
  PaymentDocument,
  ShareDocument,
  TokenDocument,
} from "./schemas.ts";

export function shareDocument({
  bytesProven,
  bytesCommitted,
  fromSlot,
  toSlot,
  ...counts
}: Share): ShareDocument {
  return {
    ...counts,
    bytesProven: String(bytesProven),
    bytesCommitted: String(bytesCommitted),
    fromSlot: fromSlot ?? null,
    toSlot: toSlot ?? null,
  };
}

export function challengeDocument({ tookBlocks, ...one }: RecentChallenge): ChallengeDocument {
  const { bytesProven, bytesCommitted } = one;
  return {
    ...one,
    bytesProven: String(bytesProven),
    bytesCommitted: String(bytesCommitted),
    tookBlocks: tookBlocks ?? null,
  };
}

export function outcomeDocument(one: OutcomeCount): OutcomeDocument {
  return { ...one };
}

function tokenDocument({ address, symbol, decimals }: Token): TokenDocument {
  return { address: address ?? null, symbol, decimals: decimals ?? null };
}

export function paymentDocument({ kind, block, tx, amount, blocks }: BookedPayment): PaymentDocument {
  const [fromBlock, throughBlock] = [blocks?.from ?? null, blocks?.through ?? null];
  return { kind, block, tx, amount: String(amount), fromBlock, throughBlock };
}

type MoneySource = { readonly books: Books; readonly money: Pick<MoneyFollower, "of"> };

/** Newest month first. */
export function monthDocuments({ books, money }: MoneySource): MonthDocument[] {
  const months = [...books.all].flatMap(([group, book]) => {
    const token = money.of(group)?.token;
    return monthsOf(book).map(({ month, sums: { earned, withdrawn, payments } }) => ({
      month,
      group,
      token: token === undefined ? null : tokenDocument(token),
      earned: String(earned),
      withdrawn: String(withdrawn),
      payments,
    }));
  });
  return months.sort((a, b) => (a.month < b.month ? 1 : a.month > b.month ? -1 : 0));
}

const longest_s = 1e12;

export function moneyDocument(
  money: GroupMoney,
  {
    head,
    block_s,
    bookedThrough,
  }: { head: number; block_s: number | undefined; bookedThrough: number | undefined },
): MoneyDocument {
  const secondsTo = (block: number | undefined): number | null =>
    block === undefined || block_s === undefined
      ? null
      : Math.min(Math.round(Math.max(0, block - head) * block_s), longest_s);
  const { credit, arrears, coming, settledThrough, fundedUntil, isFundingKnown, reservedUntil } = money;
  return {
    token: tokenDocument(money.token),
    credit: String(credit),
    arrears: String(arrears),
    coming: String(coming),
    settledThrough,
    fundedUntilBlock: fundedUntil ?? null,
    isFundingKnown,
    runway_s: secondsTo(fundedUntil),
    reservedUntilBlock: reservedUntil ?? null,
    reserved_s: secondsTo(reservedUntil),
    bookedThrough: bookedThrough ?? null,
  };
}
