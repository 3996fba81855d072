/**
 * What a settlement pays to the last unit, from what the chain tells of it: its items, its bitmaps, and the contract's events
 * (R29, R30, R32). One computation for the keeper's books and for everybody else who reads the chain.
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

/** byte·blocks that the committee signed. */
export type SignedItem = { readonly provider: number; readonly signed: bigint };

export type PaidItem = SignedItem & {
  /** byte·blocks that were paid: what was signed, capped by what was committed (R16). */
  readonly spaceTime: bigint;
  /** Token units charged, arrears collected or left included (R30, R32). */
  readonly amount: bigint;
  /** Of it the provider's. */
  readonly toProvider: bigint;
};

export type PaidShare = { readonly keeper: number; readonly amount: bigint };

/** @param events of this settlement alone: those between the one before it in the transaction and its own `Settled` */
export function itemsPaid(
  { price, keeperShareBps }: PaymentTerms,
  items: readonly SignedItem[],
  events: readonly PaymentEvent[],
): PaidItem[] {
  return items.map(({ provider, signed }) => {
    const of = (name: string): PaymentEvent["args"] | undefined =>
      events.find((e) => e.name === name && Number(e.args["provider"]) === provider)?.args;
    const spaceTime = of("Capped")?.["committed"] ?? signed;
    // R32: what came from arrears is added, what went into them is left.
    const change = (event: PaymentEvent["args"] | undefined): bigint =>
      (event?.["before"] ?? 0n) - (event?.["afterwards"] ?? 0n);
    const shared = ((spaceTime * price) >> 30n) + change(of("ArrearsChanged"));
    const cut = (shared * keeperShareBps) / 10_000n;
    // R34: of what abandoned intervals left owed keepers have no cut.
    const amount = shared + change(of("AbandonArrearsChanged"));
    return { provider, signed, spaceTime, amount, toProvider: amount - cut };
  });
}

/**
 * What each payee gets, ascending by keeper.
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

/** Those of a transaction's events that belong to its settlement at `at`: between the one before it and itself. */
export function eventsOfSettlement<T extends PaymentEvent>(events: readonly T[], at: number): T[] {
  const before = events.slice(0, at).findLastIndex(({ name }) => name === "Settled");
  return events.slice(before + 1, at);
}
