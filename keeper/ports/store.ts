/** Durable state that survives kill −9: records, notes of signed digests, commitments. One store for all groups of a keeper. */
import type { Write } from "../core/effects.ts";
import type { Event } from "../core/events.ts";
import type { Hex } from "../../protocol/hash.ts";

export type Restored = Extract<Event, { kind: "restored" }>;

export type StoredProof = {
  readonly receipt: Uint8Array;
  readonly seed: Uint8Array;
  readonly proof: Uint8Array;
};

export type EvidencePair = { readonly group: Hex; readonly first: Uint8Array; readonly second: Uint8Array };

export type StorePort = {
  load(group: Hex): Promise<Restored>;
  /** Durable when it resolves. */
  write(group: Hex, writes: readonly Write[]): Promise<void>;
  /** Receipt, seed and full proof of one proven slot. */
  proofOf(group: Hex, provider: number, slot: number): Promise<StoredProof | undefined>;
  /** Deletes slots before `firstSlot` and turns of intervals before `ts`. */
  prune(group: Hex, ts: number, firstSlot: number): Promise<void>;
  /** R10: keeps the entries of a piece list, in their wire encoding, until `pruneLists`. */
  keepList(group: Hex, listRoot: Hex, entries: Uint8Array): Promise<void>;
  listOf(group: Hex, listRoot: Hex): Promise<Uint8Array | undefined>;
  /** Deletes the group's lists that are not in `inUse`. */
  pruneLists(group: Hex, inUse: ReadonlySet<Hex>): Promise<void>;
  /** Keeps two contradicting signed messages in their wire encoding. */
  keepEvidence(pair: EvidencePair): Promise<void>;
  evidence(): Promise<readonly EvidencePair[]>;
};
