/** What survives kill −9: records, sign-once notes, commitments. One store serves all groups of a keeper. */
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

export interface StorePort {
  load(group: Hex): Promise<Restored>;
  /** Durable when it resolves. */
  write(group: Hex, writes: readonly Write[]): Promise<void>;
  /** Receipt, seed and full proof of one proven slot. */
  proofOf(group: Hex, provider: number, slot: number): Promise<StoredProof | undefined>;
  /** Forgets slots before `firstSlot` and turns of intervals before `ts`. */
  prune(group: Hex, ts: number, firstSlot: number): Promise<void>;
  /** R10: keeps the entries of a piece list, as they are on the wire, until `pruneLists`. */
  keepList(group: Hex, listRoot: Hex, entries: Uint8Array): Promise<void>;
  listOf(group: Hex, listRoot: Hex): Promise<Uint8Array | undefined>;
  /** Forgets the group's lists that are not among these. */
  pruneLists(group: Hex, inUse: ReadonlySet<Hex>): Promise<void>;
  /** Keeps two signed messages that contradict each other, as they came over the wire. */
  keepEvidence(pair: EvidencePair): Promise<void>;
  evidence(): Promise<readonly EvidencePair[]>;
}
