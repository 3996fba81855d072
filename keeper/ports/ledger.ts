/** The keeper's ledger: challenges, reasons and settlements. For reporting; the protocol never reads it. */
import type { Hex } from "../../protocol/hash.ts";
import type { ChallengeRecord } from "../../protocol/records.ts";

/** Bytes proven by challenges, and bytes committed in the slots of those challenges. */
export type ProvenShare = { readonly bytesProven: bigint; readonly bytesCommitted: bigint };

/**
 * `whole`: all 16 leaves were proven; `partial`: fewer. `unmeasured`: proven, recorded by a release that did not store the committed
 * bytes; those challenges are in neither sum of bytes.
 */
export type OutcomeClass = "whole" | "partial" | "failed" | "unmeasured";

export type ChallengeCounts = { readonly asked: number } & Readonly<Record<OutcomeClass, number>> &
  ProvenShare;

/** A group in a committee, both by address. Slots are numbered by committee, so a group that moved has slots of both. */
export type ServedGroup = { readonly committee: Hex; readonly group: Hex };

/** Rows that the daemon writes while it runs. */
export type LedgerPort = {
  /**
   * Takes a row and writes it later, since the protocol never waits for the ledger.
   * @param committed bytes that the provider was committed to in the record's slot
   */
  addChallenge(served: ServedGroup, record: ChallengeRecord, committed: bigint): void;
};

/** What a provider got: space-time paid for (R16), and token units credited after the keepers' cut. */
export type BookedItem = { readonly provider: number; readonly spaceTime: bigint; readonly amount: bigint };

export type BookedShare = { readonly keeper: number; readonly amount: bigint; readonly operator: Hex };

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

/** One group's settlement, read from the chain's events (R35). */
export type BookedSettlement = {
  readonly group: Hex;
  /** The group's interval [ts, te) in the certificate. */
  readonly ts: number;
  readonly te: number;
  readonly committee: Hex;
  /** Version of the members that signed. */
  readonly version: number;
  /** Of the certificate, as are the fields up to `digest`. */
  readonly leader: number;
  readonly failed: bigint;
  readonly payees: bigint;
  readonly signers: bigint;
  readonly digest: Hex;
  /** Token units of all keepers: their part of the amounts, and the fee (R30). */
  readonly cut: bigint;
  readonly fee: bigint;
  /** That settled the group: the certificate's own, or a later one. */
  readonly transaction: BookedTransaction;
  /** Ascending by provider. */
  readonly items: readonly BookedItem[];
  /** Ascending by keeper. */
  readonly shares: readonly BookedShare[];
};

/** The block through which a group is booked. */
export type Cursor = { readonly block: number; readonly blockHash: Hex };

/** Old and new value of the cursor. */
export type Move = { readonly from: Cursor | undefined; readonly to: Cursor | undefined };

export type ChallengeEntry = {
  readonly provider: number;
  readonly slot: number;
  readonly outcome: string;
  readonly reason: string | null;
  /** Proven. */
  readonly bytes: string;
  /** Committed bytes of the slot; null in rows of an earlier release. */
  readonly committed: string | null;
  /** Local time of the record, milliseconds since 1970. */
  readonly at_ms: number;
};

/** Proven bytes of a challenge ("0" if it failed) and committed bytes. */
export type SpaceEntry = Pick<ChallengeEntry, "provider" | "slot" | "outcome" | "bytes" | "committed">;

/** Credits of one keeper in the booked settlements, in token units. */
export type Earned = { readonly total: bigint; readonly last: bigint; readonly payments: number };

/** Newest slot first; slots are multiples of `every`. */
export type Space = { readonly every: number; readonly entries: readonly SpaceEntry[] };

/** Number of occurrences of one reason on one day (UTC, days since 1970). */
export type ReasonEntry = {
  /** Address of the committee or group that it is about; empty: neither. */
  readonly contract: string;
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

export type ChallengeOf = ServedGroup & {
  readonly record: ChallengeRecord;
  /** Bytes that the provider was committed to in the record's slot. */
  readonly committed: bigint;
};

/** The whole ledger: written by the bookkeeper, read by the HTTP interface and the command line. */
export type BooksPort = {
  /** All or nothing. Of two entries for one slot the later one replaces the earlier one. */
  addChallenges(challenges: readonly ChallengeOf[]): Promise<void>;
  cursor(group: Hex): Promise<Cursor | undefined>;
  /** Groups that have a cursor. */
  groups(): Promise<Hex[]>;
  /** Cursors of all groups but those that left for good, see `finish`. */
  followed(): Promise<Map<Hex, Cursor>>;
  /** Moves the cursors of these groups, none of which has a settlement between the two. A group that is not at `from` stays. */
  advance(groups: readonly Hex[], move: { from: Cursor; to: Cursor }): Promise<void>;
  /** The group left and is booked for good: it is not followed until `book` is called for it again. Nothing is done if it is not at `at`. */
  finish(group: Hex, at: Cursor): Promise<void>;
  /**
   * Adds settlements and moves the cursor, all or nothing. False, and nothing done, if the cursor is not at `from`
   * (undefined: nothing booked yet), because another process was first.
   */
  book(group: Hex, settlements: readonly BookedSettlement[], move: Move & { to: Cursor }): Promise<boolean>;
  /** Removes settlements after `to`, or all of the group if `to` is undefined. False as above. */
  rewind(group: Hex, move: Move): Promise<boolean>;
  /** Newest first, those with ts below `before`. */
  settlements(group: Hex, before: number | undefined, limit: number): Promise<BookedSettlement[]>;
  addReasons(reasons: readonly ReasonEntry[]): Promise<void>;
  setPeers(peers: readonly PeerEntry[]): Promise<void>;
  /** Newest slot first, those with slot below `before`. */
  challenges(served: ServedGroup, before: number | undefined, limit: number): Promise<ChallengeEntry[]>;
  /** In all committees and versions. */
  earned(group: Hex, operator: Hex): Promise<Earned>;
  /** Entries of slots from `from` on; if there are more than about `limit`, only every n-th slot. */
  space(served: ServedGroup, from: number, limit: number): Promise<Space>;
  outcomes(group: Hex): Promise<OutcomeCount[]>;
  challengeCounts(group: Hex): Promise<ChallengeCounts>;
  /** Newest first. */
  reasons(limit: number): Promise<ReasonEntry[]>;
  peers(): Promise<PeerEntry[]>;
  /** Replaces challenges recorded before `before_ms` by daily counts and deletes reasons of earlier days. */
  retain(before_ms: number): Promise<void>;
};
