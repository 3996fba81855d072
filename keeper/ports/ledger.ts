/** The keeper's books: what it asked, what it heard, what was paid. Read by people; never by the protocol. */
import type { Hex } from "../../protocol/hash.ts";
import type { PaidItem, PaidShare } from "../../protocol/payments.ts";
import type { ChallengeRecord } from "../../protocol/records.ts";

/** How much of what was committed in the slots of challenges was proven in them, in bytes. */
export type ProvenShare = { readonly bytesProven: bigint; readonly bytesCommitted: bigint };

/**
 * `whole`: all 16 leaves were proven, `partial`: fewer. `unmeasured`: proven, in a release that did not note how much was
 * committed; those challenges are in neither sum of bytes.
 */
export type OutcomeClass = "whole" | "partial" | "failed" | "unmeasured";

export type ChallengeCounts = { readonly asked: number } & Readonly<Record<OutcomeClass, number>> &
  ProvenShare;

/** What the daemon itself writes while it runs. */
export interface LedgerPort {
  /** @param committed bytes that the provider was committed to in the record's slot */
  addChallenge(group: Hex, record: ChallengeRecord, committed: bigint): Promise<void>;
}

export type BookedShare = PaidShare & { readonly operator: Hex };

export type BookedTransaction = {
  readonly tx: Hex;
  readonly block: number;
  readonly blockHash: Hex;
  /** Lower-case address. */
  readonly sender: Hex;
  readonly gasUsed: bigint;
  /** Wei for one unit of gas. */
  readonly gasPrice: bigint;
};

/** One settlement as the chain's events and calldata tell it. */
export type BookedSettlement = {
  readonly group: Hex;
  readonly ts: number;
  readonly te: number;
  readonly committee: number;
  readonly leader: number;
  readonly failed: bigint;
  readonly payees: bigint;
  readonly signers: bigint;
  readonly digest: Hex;
  readonly transaction: BookedTransaction;
  /** Ascending by provider. */
  readonly items: readonly PaidItem[];
  /** Ascending by keeper. */
  readonly shares: readonly BookedShare[];
};

/** The block through which a group is booked. */
export type Cursor = { readonly block: number; readonly blockHash: Hex };

/** Of the cursor: what it was, and what it becomes. */
export type Move = { readonly from: Cursor | undefined; readonly to: Cursor | undefined };

export type ChallengeEntry = {
  readonly provider: number;
  readonly slot: number;
  readonly outcome: string;
  readonly reason: string | null;
  /** Proven. */
  readonly bytes: string;
  /** In the slot; null in what a release before recorded. */
  readonly committed: string | null;
  /** Local time when it was recorded, milliseconds since 1970. */
  readonly at_ms: number;
};

/** What a challenge proved, "0" if it failed, and what was committed. */
export type SpaceEntry = Pick<ChallengeEntry, "provider" | "slot" | "outcome" | "bytes" | "committed">;

/** What one keeper was credited with by the settlements booked, in token units. */
export type Earned = { readonly total: bigint; readonly last: bigint; readonly payments: number };

/** Newest slot first; slots are multiples of `every`. */
export type Space = { readonly every: number; readonly entries: readonly SpaceEntry[] };

/** How often one reason was given on one day (UTC, days since 1970). */
export type ReasonEntry = {
  readonly group: string;
  readonly code: string;
  readonly day: number;
  readonly count: number;
  readonly at_ms: number;
  readonly detail: string;
};

export type PeerEntry = {
  readonly operator: string;
  readonly connected: boolean;
  readonly latency_ms: number | null;
  /** When it was last connected. */
  readonly seen_ms: number;
};

export type OutcomeCount = ProvenShare & {
  readonly provider: number;
  readonly outcome: OutcomeClass;
  /** "" unless it failed. */
  readonly reason: string;
  readonly count: number;
};

export type ChallengeOf = {
  readonly group: Hex;
  readonly record: ChallengeRecord;
  /** Bytes that the provider was committed to in the record's slot. */
  readonly committed: bigint;
};

/** The whole of the books: what the bookkeeper writes and people read. */
export interface BooksPort {
  /** All or nothing; the later of two entries for one slot stands. */
  addChallenges(challenges: readonly ChallengeOf[]): Promise<void>;
  cursor(group: Hex): Promise<Cursor | undefined>;
  /**
   * Adds settlements and moves the cursor, all or nothing. False, and nothing done, if the cursor is not at `from`
   * (undefined: nothing booked yet): another process was there first.
   */
  book(group: Hex, settlements: readonly BookedSettlement[], move: Move & { to: Cursor }): Promise<boolean>;
  /** Takes back what was booked after `to`; all of the group without one. False as above. */
  rewind(group: Hex, move: Move): Promise<boolean>;
  /** Newest first, those with ts below `before`. */
  settlements(group: Hex, before: number | undefined, limit: number): Promise<BookedSettlement[]>;
  addReasons(reasons: readonly ReasonEntry[]): Promise<void>;
  setPeers(peers: readonly PeerEntry[]): Promise<void>;
  /** Newest slot first, those with slot below `before`. */
  challenges(group: Hex, before: number | undefined, limit: number): Promise<ChallengeEntry[]>;
  /** Of all versions of the committee. */
  earned(group: Hex, operator: Hex): Promise<Earned>;
  /** Of slots from `from` on; of more than about `limit` entries every n-th slot, evenly. */
  space(group: Hex, from: number, limit: number): Promise<Space>;
  outcomes(group: Hex): Promise<OutcomeCount[]>;
  challengeCounts(group: Hex): Promise<ChallengeCounts>;
  /** Newest first. */
  reasons(limit: number): Promise<ReasonEntry[]>;
  peers(): Promise<PeerEntry[]>;
  /** Folds challenges recorded before `before_ms` into daily counts and forgets reasons of days before that. */
  retain(before_ms: number): Promise<void>;
}
