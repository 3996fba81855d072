/**
 * Exact payments of a settlement, computed from its items, its bitmaps and the contract's events (R29, R30, R32). The keeper's
 * ledger and all other readers of the chain use this computation.
 */
import { bitIndices } from "./bitmap.ts";

/** Fixed for a group's life (R4). */
export type PaymentTerms = {
  /** Token units per GiB·block. */
  readonly price: bigint;
  readonly keeperShareBps: bigint;
};

/** An event of the group: numbers by parameter name. */
export type PaymentEvent = { readonly name: string; readonly args: Readonly<Record<string, bigint>> };

/** Space-time that the committee signed, in byte·blocks. */
export type SignedItem = { readonly provider: number; readonly signed: bigint };

export type PaidItem = SignedItem & {
  /** Paid space-time in byte·blocks: the signed value, at most the committed integral (R16). */
  readonly spaceTime: bigint;
  /** Token units charged, including arrears that were collected or left (R30, R32). */
  readonly amount: bigint;
  /** The provider's part of it. */
  readonly toProvider: bigint;
};

export type PaidShare = { readonly keeper: number; readonly amount: bigint };

/** A paid item with its amounts as decimal text, for JSON and databases. */
export function itemText({ provider, signed, spaceTime, amount, toProvider }: PaidItem) {
  return {
    provider,
    signed: signed.toString(),
    spaceTime: spaceTime.toString(),
    amount: amount.toString(),
    toProvider: toProvider.toString(),
  };
}

/** @param events of this settlement alone: those after the previous `Settled` of the transaction, up to its own */
export function itemsPaid(
  { price, keeperShareBps }: PaymentTerms,
  items: readonly SignedItem[],
  events: readonly PaymentEvent[],
): PaidItem[] {
  return items.map(({ provider, signed }) => {
    const of = (name: string): PaymentEvent["args"] | undefined =>
      events.find((e) => e.name === name && Number(e.args["provider"]) === provider)?.args;
    const spaceTime = of("Capped")?.["committed"] ?? signed;
    // R32: collected arrears are added, new arrears are subtracted.
    const change = (event: PaymentEvent["args"] | undefined): bigint =>
      (event?.["before"] ?? 0n) - (event?.["afterwards"] ?? 0n);
    const shared = ((spaceTime * price) >> 30n) + change(of("ArrearsChanged"));
    const cut = (shared * keeperShareBps) / 10_000n;
    // R34: keepers take no share of arrears from abandoned intervals.
    const amount = shared + change(of("AbandonArrearsChanged"));
    return { provider, signed, spaceTime, amount, toProvider: amount - cut };
  });
}

/**
 * Amount of each payee, ascending by keeper.
 * @param settled arguments of `Settled`
 * @param members of the committee that signed
 */
export function sharesPaid(
  settled: PaymentEvent["args"],
  items: readonly PaidItem[],
  events: readonly PaymentEvent[],
  members: number,
): PaidShare[] {
  const failed = bitIndices(settled["failed"] ?? 0n).length;
  const cuts = items.reduce((sum, { amount, toProvider }) => sum + amount - toProvider, 0n);
  const share = cuts / BigInt(Math.max(1, members - failed));
  const amounts = new Map(bitIndices(settled["payees"] ?? 0n).map((keeper) => [keeper, share]));
  const replaced = events.find(({ name }) => name === "LeaderReplaced")?.args;
  if (replaced !== undefined) {
    const [leader, sender] = [Number(replaced["leader"]), Number(replaced["sender"])];
    amounts.delete(leader); // R25
    amounts.set(sender, (amounts.get(sender) ?? 0n) + (replaced["share"] ?? 0n));
  }
  return [...amounts].sort(([a], [b]) => a - b).map(([keeper, amount]) => ({ keeper, amount }));
}

/** Events of the settlement at index `at` of a transaction: those after the previous `Settled`, up to its own. */
export function eventsOfSettlement<T extends PaymentEvent>(events: readonly T[], at: number): T[] {
  const before = events.slice(0, at).findLastIndex(({ name }) => name === "Settled");
  return events.slice(before + 1, at);
}
