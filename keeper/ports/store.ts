/** Durable state that survives kill −9: records, notes of signed digests, commitments. One store for all committees of a keeper. */
import type { Write } from "../core/effects.ts";
import type { Event } from "../core/events.ts";
import type { Hex } from "../../protocol/hash.ts";
import type { LeafKey } from "../../protocol/records.ts";

export type Restored = Extract<Event, { kind: "restored" }>;

export type StoredProof = {
  readonly receipt: Uint8Array;
  readonly seed: Uint8Array;
  readonly proof: Uint8Array;
};

export type EvidencePair = {
  readonly committee: Hex;
  readonly first: Uint8Array;
  readonly second: Uint8Array;
};

export type StorePort = {
  load(committee: Hex): Promise<Restored>;
  /** Durable when it resolves. */
  write(committee: Hex, writes: readonly Write[]): Promise<void>;
  /** Receipt, seed and full proof of one proven slot. */
  proofOf(committee: Hex, key: LeafKey): Promise<StoredProof | undefined>;
  /** Deletes slots before `firstSlot`, turns of intervals before `ts`, and certificates of intervals before `certificatesFrom`. */
  prune(committee: Hex, ts: number, firstSlot: number, certificatesFrom: number): Promise<void>;
  /** R10: keeps the entries of a piece list, in their wire encoding, until `pruneLists`. */
  keepList(committee: Hex, listRoot: Hex, entries: Uint8Array): Promise<void>;
  listOf(committee: Hex, listRoot: Hex): Promise<Uint8Array | undefined>;
  /** Deletes the committee's lists that are not in `inUse`. */
  pruneLists(committee: Hex, inUse: ReadonlySet<Hex>): Promise<void>;
  /** Keeps two contradicting signed messages in their wire encoding. */
  keepEvidence(pair: EvidencePair): Promise<void>;
  evidence(): Promise<readonly EvidencePair[]>;
};
