/** What the provider's logic needs from the world: the daemon brings real parts, a simulation its own. */
import type { Hex } from "../protocol/hash.ts";
import type { GroupDomain, Receipt, SignedReceipt } from "../protocol/codec/receipt.ts";
import type { SeedScope } from "../protocol/codec/seed.ts";
import type { PieceEntry, PieceList } from "../storage/core/piece-list.ts";
import type { Proof } from "../storage/core/proof.ts";
import type { Draw } from "../storage/core/sampling.ts";

/** What never changes in a group (R4), as far as a provider needs it; lengths in blocks. */
export interface GroupTimes {
  readonly originBlock: number;
  readonly slot: number;
  readonly confirmations: number;
  /** Who may have the data back. */
  readonly payer: Hex;
}

export interface KeeperSeat {
  /** Compressed G2 keys, 96 bytes, of the active committee and of those that may take over (R33). */
  readonly blsKeys: readonly Hex[];
  /** Text form of the peer id in the registry: who may ask in this keeper's name. */
  readonly peerId: string;
}

/** A provider's data at the start of a slot (R12). */
export interface CommittedData {
  readonly listRoot: Hex;
  readonly bytes: bigint;
  readonly receiptKey: Hex;
}

/** The chain as this provider sees it. Rejects only when no endpoint answers. */
export interface ChainView {
  readonly chainId: number;
  head(): Promise<number>;
  /** Undefined for a group that this provider does not serve. */
  group(group: Hex): Promise<GroupTimes | undefined>;
  /** Undefined for an operator that is in no committee of the group. */
  keeper(group: Hex, operator: Hex): Promise<KeeperSeat | undefined>;
  blockHash(block: number): Promise<Hex | undefined>;
  /** Whether the index is this provider's, and what it committed to at the block; 0 bytes count as nothing. */
  data(group: Hex, provider: number, block: number): Promise<CommittedData | "foreign" | "none">;
}

export interface StoredAnswer {
  readonly blockHash: Hex;
  readonly seed: Uint8Array;
  /** The response as it went over the wire. */
  readonly response: Uint8Array;
}

export interface AnswerKey {
  readonly group: Hex;
  readonly slot: number;
  readonly provider: number;
  readonly keeper: Hex;
}

/** R12: answers given, so that a retry gets the same bytes, also after a restart. */
export interface AnswerStore {
  get(key: AnswerKey): Promise<StoredAnswer | undefined>;
  /** Durable when it resolves. */
  put(key: AnswerKey, answer: StoredAnswer): Promise<void>;
  /** Forgets the group's answers for slots before `slot`. */
  prune(group: Hex, slot: number): Promise<void>;
}

export interface SampleStore {
  /** Undefined if this provider never had the list. */
  list(root: Uint8Array): Promise<PieceList | undefined>;
  prove(
    list: PieceList,
    draws: readonly Draw[],
  ): Promise<{
    readonly proof: Proof;
    readonly lost: readonly { readonly piece: number; readonly leaf: number; readonly reason: string }[];
    readonly warnings: readonly string[];
  }>;
}

export interface ProviderCrypto {
  verifySeed(scope: SeedScope, seed: Uint8Array, blsKey: Hex): Promise<boolean>;
  /** Undefined if this provider does not hold the key of that address. */
  signReceipt(domain: GroupDomain, receipt: Receipt, receiptKey: Hex): SignedReceipt | undefined;
}

/** What the payer gets back, range by range. */
export interface RangeStore {
  /** Undefined if it is not stored here, or damaged. */
  readRange(
    entry: PieceEntry,
    range: number,
  ): Promise<{ readonly bytes: Uint8Array; readonly siblings: readonly Uint8Array[] } | undefined>;
}

/** What happened, for logs and counters; never decides anything. */
export interface ProviderEvents {
  served(event: { group: Hex; peer: string; pieceRoot: Hex; range: number; bytes: number }): void;
  answered(event: {
    group: Hex;
    keeper: Hex;
    slot: number;
    proven: number;
    bytesProven: bigint;
    /** In the slot. */
    bytesCommitted: bigint;
    /** This provider's head when the challenge came. */
    askedAt: number;
    /** Why drawn leaves are missing from the answer. */
    lost: readonly string[];
  }): void;
  repeated(event: { group: Hex; keeper: Hex; slot: number }): void;
  refused(event: { group: Hex; keeper: Hex; slot: number; peer: string; code: string; detail: string }): void;
  damaged(event: { text: string }): void;
}
