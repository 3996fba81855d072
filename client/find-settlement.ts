/** The settlement of one interval, found in the events of a group. */
import type { Provider } from "ethers";
import { decodeSettleInput, type SettlementInput } from "./settlements.ts";
import { groupEvents, type GroupEvent } from "./watch.ts";

export type FoundSettlement = {
  readonly input: SettlementInput;
  /** The `Settled` event. */
  readonly settled: GroupEvent;
  /** All events of the blocks in which this turn may settle. */
  readonly events: readonly GroupEvent[];
};

/**
 * Undefined if the settlement is not a direct call of `settle`: then its items are not in the transaction.
 * @param turn blocks of a turn: a settlement of te is in [te, te + turn) (R29)
 */
export async function findSettlement(
  provider: Provider,
  group: string,
  { ts, te, turn }: { readonly ts: number; readonly te: number; readonly turn: number },
): Promise<FoundSettlement | undefined> {
  const head = await provider.getBlockNumber();
  const events = await groupEvents(provider, group, { from: te, to: Math.min(head, te + turn) });
  const settled = events.find(({ name, args }) => name === "Settled" && args["ts"] === BigInt(ts));
  if (settled === undefined) return undefined;
  const sent = await provider.getTransaction(settled.transaction);
  const input = decodeSettleInput(sent?.data ?? "");
  return input === undefined ? undefined : { input, settled, events };
}
