/** Past settlements and balances from the chain, for the ledger and for reporting, never for the protocol. */
import type { CertifiedScope } from "../../protocol/certificate-gas.ts";
import type { AccountFees } from "../../protocol/funds.ts";
import type { Hex } from "../../protocol/hash.ts";
import type { BookedSettlement, Cursor } from "./ledger.ts";

export type Token = {
  /** Undefined: the chain's own coin. */
  readonly address: Hex | undefined;
  readonly symbol: string;
  /** Undefined if the token does not state it; amounts are then shown in its smallest units. */
  readonly decimals: number | undefined;
};

export type GroupFunds = {
  readonly token: Token;
  /** Token units that are not credited to anybody. */
  readonly available: bigint;
  /** Token units that the group owes and cannot pay (R32). */
  readonly arrears: bigint;
  /** Token units that the payer cannot withdraw (R32). */
  readonly required: bigint;
  /** Blocks that stay funded (R4). */
  readonly lockup: number;
};

export type HeadInfo = Cursor & { readonly timestamp_s: number };

export type HistoryPort = {
  head(): Promise<HeadInfo>;
  /** Timestamp of the block in seconds since 1970; undefined if the chain has no such block. */
  blockTime_s(block: number): Promise<number | undefined>;
  /** Undefined if the chain has no such block. */
  blockHash(block: number): Promise<Hex | undefined>;
  /** The group's creation block. */
  origin(group: Hex): Promise<number>;
  /** Settlements in blocks [from, to], oldest first. */
  settlements(group: Hex, from: number, to: number): Promise<BookedSettlement[]>;
  /** Which of these groups have settlements in blocks [from, to]. */
  settled(groups: readonly Hex[], from: number, to: number): Promise<ReadonlySet<Hex>>;
  groupFunds(group: Hex): Promise<GroupFunds>;
  /** Balance of an operator, and the present fee of a certificate of this scope. */
  operatorFunds(operator: Hex, scope: CertifiedScope): Promise<AccountFees>;
  /** Calls that failed since the start. */
  readonly errors: number;
  close(): void;
};
