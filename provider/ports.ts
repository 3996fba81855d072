/** Interfaces of the responders to chain, disk and keys: the daemon and the simulator implement them differently. */
import type { Hex } from "../protocol/hash.ts";
import type { ChallengeTarget } from "../protocol/codec/challenge.ts";
import type { CommitteeDomain, Receipt, SignedReceipt } from "../protocol/codec/receipt.ts";
import type { SeedScope } from "../protocol/codec/seed.ts";
import type { PieceEntry, PieceList } from "../storage/core/piece-list.ts";
import type { Proof } from "../storage/core/proof.ts";
import type { Draw } from "../storage/core/sampling.ts";

/** The fixed parameters of a committee (R4) that a provider needs; in blocks. */
export type CommitteeTimes = {
  readonly originBlock: number;
  readonly slot: number;
};

export type KeeperSeat = {
  /** Compressed G2 keys, 96 bytes each, of the version in force and of complete ones that wait to take effect (R37). */
  readonly blsKeys: readonly Hex[];
  /** Text form of the keeper's peer id in the registry: challenges of this keeper must come from this peer. */
  readonly peerId: string;
};

/** A provider's data at the start of a slot (R12). */
export type CommittedData = {
  readonly listRoot: Hex;
  readonly bytes: bigint;
  readonly receiptKey: Hex;
};

/** The blocks [start, end) of a slot of a committee. */
export type SlotBlocks = {
  readonly committee: Hex;
  readonly start: number;
  readonly end: number;
};

/**
 * Why nothing is committed in a slot. "unserved": another committee serves the group in it; "foreign": the index belongs to another operator;
 * "none": 0 bytes.
 */
export type NoCommitment = "unserved" | "foreign" | "none";

/** The chain as this provider sees it. Its methods reject only if no endpoint answers, or an address has no contract. */
export type ChainView = {
  readonly chainId: number;
  /** Address of this provider's operator. */
  readonly operator: Hex;
  /** The groups that this provider agreed to serve. */
  readonly groups: ReadonlySet<Hex>;
  head(): Promise<number>;
  /** Undefined for a committee that serves none of the groups, now or next. */
  committee(committee: Hex): Promise<CommitteeTimes | undefined>;
  /** Undefined for an operator without a seat in the version in force or in a complete one. */
  keeper(committee: Hex, operator: Hex): Promise<KeeperSeat | undefined>;
  blockHash(block: number): Promise<Hex | undefined>;
  /** What this provider committed to, in the slot's first block that the committee serves (R14). */
  data(slot: SlotBlocks, target: ChallengeTarget): Promise<CommittedData | NoCommitment>;
  /** Who may read a group's data back. */
  payer(group: Hex): Promise<Hex>;
};

export type StoredAnswer = {
  readonly blockHash: Hex;
  readonly seed: Uint8Array;
  /** Encoded, as sent. */
  readonly receipt: Uint8Array;
  readonly proof: Uint8Array;
};

export type AnswerKey = ChallengeTarget & {
  readonly committee: Hex;
  readonly slot: number;
  readonly keeper: Hex;
};

/** R12: answers already given. A retry gets the same bytes, also after a restart. */
export type AnswerStore = {
  /** In the order of the keys. */
  get(keys: readonly AnswerKey[]): Promise<(StoredAnswer | undefined)[]>;
  /** Durable when it resolves. */
  put(answers: readonly { readonly key: AnswerKey; readonly answer: StoredAnswer }[]): Promise<void>;
  /** Deletes the committee's answers for slots before `slot`. */
  prune(committee: Hex, slot: number): Promise<void>;
};

export type SampleStore = {
  /** Undefined if the list is not stored here. */
  list(root: Uint8Array): Promise<PieceList | undefined>;
  prove(
    list: PieceList,
    draws: readonly Draw[],
  ): Promise<{
    readonly proof: Proof;
    readonly lost: readonly { readonly piece: number; readonly leaf: number; readonly reason: string }[];
    readonly warnings: readonly string[];
  }>;
};

export type ProviderCrypto = {
  verifySeed(scope: SeedScope, seed: Uint8Array, blsKey: Hex): Promise<boolean>;
  /** Undefined if this provider does not hold the key of that address. */
  signReceipt(domain: CommitteeDomain, receipt: Receipt, receiptKey: Hex): SignedReceipt | undefined;
};

/** Stored pieces, by ranges. */
export type RangeStore = {
  /** Undefined if the range is missing or damaged. The bytes are in a buffer of their own, which the caller may release. */
  readRange(
    entry: PieceEntry,
    range: number,
  ): Promise<{ readonly bytes: Uint8Array; readonly siblings: readonly Uint8Array[] } | undefined>;
};

/** The challenge of one keeper in one group and slot. */
export type ChallengeName = {
  readonly committee: Hex;
  readonly group: Hex;
  readonly keeper: Hex;
  readonly slot: number;
};

/** Reports of the responders, for log, journal and metrics. No answer depends on them. */
export type ProviderEvents = {
  served(event: { group: Hex; peer: string; pieceRoot: Hex; range: number; bytes: number }): void;
  answered(
    event: ChallengeName & {
      proven: number;
      bytesProven: bigint;
      /** In the slot. */
      bytesCommitted: bigint;
      /** This provider's head when the challenge arrived. */
      askedAt: number;
      /** A reason for each drawn leaf that is missing from the answer. */
      lost: readonly string[];
    },
  ): void;
  repeated(event: ChallengeName): void;
  /** A challenge of a keeper in a group of this provider. */
  refused(event: ChallengeName & { peer: string; code: string; detail: string }): void;
  /** A challenge that concerns no group here, or of a peer that is no keeper of the committee. */
  turnedAway(event: Omit<ChallengeName, "group"> & { peer: string; code: string; detail: string }): void;
  damaged(event: { text: string }): void;
};
