/** What the chain tells about the past and the means: for the books and for people, never for the protocol. */
import type { AccountFees } from "../../protocol/fees.ts";
import type { Hex } from "../../protocol/hash.ts";
import type { BookedSettlement, Cursor } from "./ledger.ts";

export type Token = {
  /** Undefined: the chain's own coin. */
  readonly address: Hex | undefined;
  readonly symbol: string;
  /** Undefined if the token does not say: amounts stay in its units. */
  readonly decimals: number | undefined;
};

export type GroupFunds = {
  readonly token: Token;
  /** Token units that belong to nobody yet. */
  readonly unallocated: bigint;
  /** Token units that the group owes and cannot pay (R32). */
  readonly arrears: bigint;
  /** Last block through which the present data is paid for. */
  readonly fundedUntil: bigint;
};

export type HeadInfo = Cursor & { readonly timestamp_s: number };

export interface HistoryPort {
  head(): Promise<HeadInfo>;
  /** Seconds since 1970, as the block says; undefined if the chain has no such block. */
  blockTime_s(block: number): Promise<number | undefined>;
  /** Undefined if the chain has no such block. */
  blockHash(block: number): Promise<Hex | undefined>;
  /** The group's creation block. */
  origin(group: Hex): Promise<number>;
  /** Settlements in blocks [from, to], oldest first. */
  settlements(group: Hex, from: number, to: number): Promise<BookedSettlement[]>;
  groupFunds(group: Hex): Promise<GroupFunds>;
  /** What an operator has, and what a settlement of so many providers costs now. */
  operatorFunds(operator: Hex, providers: number): Promise<AccountFees>;
  /** Calls that failed since the start. */
  readonly errors: number;
  close(): void;
}
