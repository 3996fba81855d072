/** The state of a simulated keeper's process: its disk, its endpoint, its transactions, and the keeper that runs now. */
import type { Keeper } from "../../keeper/runtime/keeper.ts";
import type { MemoryStore } from "./memory-store.ts";

export type Seat = {
  readonly store: MemoryStore;
  /** For each start: its time, the head of the chain then, and the highest head that its disk knew of. */
  readonly starts: { readonly at_ms: number; readonly head: number; readonly known: number }[];
  /** A stale endpoint shows no new blocks; one that is down or of another chain takes no transactions either. */
  endpoint: "well" | "stale" | "down" | "wrong-chain";
  /** The last block that a stale endpoint shows. */
  staleAt: number;
  /** Whether the chain mines its transactions, leaves them pending, or never gets them. */
  transactions: "mined" | "stuck" | "lost";
  abort: AbortController | undefined;
  keeper: Keeper | undefined;
  /** Shows the keeper the blocks that are new to it. */
  feed: (() => Promise<void>) | undefined;
};

export function newSeat(store: MemoryStore): Seat {
  return {
    store,
    starts: [],
    endpoint: "well",
    staleAt: 0,
    transactions: "mined",
    abort: undefined,
    keeper: undefined,
    feed: undefined,
  };
}
