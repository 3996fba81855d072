/** Interfaces of the responders to chain, disk and keys: the daemon and the simulator implement them differently. */
import type { Hex } from "../protocol/hash.ts";
import type { GroupDomain, Receipt, SignedReceipt } from "../protocol/codec/receipt.ts";
import type { SeedScope } from "../protocol/codec/seed.ts";
import type { PieceEntry, PieceList } from "../storage/core/piece-list.ts";
import type { Proof } from "../storage/core/proof.ts";
import type { Draw } from "../storage/core/sampling.ts";

/** The fixed parameters of a group (R4) that a provider needs; lengths in blocks. */
export type GroupTimes = {
  readonly originBlock: number;
  readonly slot: number;
  readonly confirmations: number;
  /** May read the data back. */
  readonly payer: Hex;
};

export type KeeperSeat = {
  /** Compressed G2 keys, 96 bytes each, of the active committee and of those that may replace it (R33). */
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

/** The chain as this provider sees it. Its methods reject only if no endpoint answers, or an address has no contract. */
export type ChainView = {
  readonly chainId: number;
  head(): Promise<number>;
  /** Undefined for a group that this provider does not serve. */
  group(group: Hex): Promise<GroupTimes | undefined>;
  /** Undefined for an operator without a seat in a committee of the group. */
  keeper(group: Hex, operator: Hex): Promise<KeeperSeat | undefined>;
  blockHash(block: number): Promise<Hex | undefined>;
  /** Data committed under a provider index at a block. "foreign": the index belongs to another operator; "none": 0 bytes. */
  data(group: Hex, provider: number, block: number): Promise<CommittedData | "foreign" | "none">;
};

export type StoredAnswer = {
  readonly blockHash: Hex;
  readonly seed: Uint8Array;
  /** Bytes of the response, as sent. */
  readonly response: Uint8Array;
};

export type AnswerKey = {
  readonly group: Hex;
  readonly slot: number;
  readonly provider: number;
  readonly keeper: Hex;
};

/** R12: answers already given. A retry gets the same bytes, also after a restart. */
export type AnswerStore = {
  get(key: AnswerKey): Promise<StoredAnswer | undefined>;
  /** Durable when it resolves. */
  put(key: AnswerKey, answer: StoredAnswer): Promise<void>;
  /** Deletes the group's answers for slots before `slot`. */
  prune(group: Hex, slot: number): Promise<void>;
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
  signReceipt(domain: GroupDomain, receipt: Receipt, receiptKey: Hex): SignedReceipt | undefined;
};

/** Stored pieces, by ranges. */
export type RangeStore = {
  /** Undefined if the range is missing or damaged. */
  readRange(
    entry: PieceEntry,
    range: number,
  ): Promise<{ readonly bytes: Uint8Array; readonly siblings: readonly Uint8Array[] } | undefined>;
};

/** Reports of the responders, for log, journal and metrics. No answer depends on them. */
export type ProviderEvents = {
  served(event: { group: Hex; peer: string; pieceRoot: Hex; range: number; bytes: number }): void;
  answered(event: {
    group: Hex;
    keeper: Hex;
    slot: number;
    proven: number;
    bytesProven: bigint;
    /** In the slot. */
    bytesCommitted: bigint;
    /** This provider's head when the challenge arrived. */
    askedAt: number;
    /** A reason for each drawn leaf that is missing from the answer. */
    lost: readonly string[];
  }): void;
  repeated(event: { group: Hex; keeper: Hex; slot: number }): void;
  refused(event: { group: Hex; keeper: Hex; slot: number; peer: string; code: string; detail: string }): void;
  damaged(event: { text: string }): void;
};
