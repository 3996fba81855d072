/** The keeper's books: what it asked, what it heard, what was paid. Read by people; never by the protocol. */
import type { Hex } from "../core/hash.ts";
import type { ChallengeRecord } from "../core/records.ts";
import type { Settlement } from "../core/settlement.ts";

export type ChallengeCounts = { readonly asked: number; readonly passed: number; readonly failed: number };

export type SubmittedSettlement = {
  readonly group: Hex;
  readonly settlement: Settlement;
  readonly signers: bigint;
  readonly tx: Hex;
  readonly block: number;
  readonly gasUsed: bigint;
};

export interface LedgerPort {
  addChallenge(group: Hex, record: ChallengeRecord): Promise<void>;
  addSettlement(settlement: SubmittedSettlement): Promise<void>;
  /** A reorg took back what was settled from `ts` on. */
  dropSettlements(group: Hex, ts: number): Promise<void>;
  challengeCounts(group: Hex): Promise<ChallengeCounts>;
}
