/** Messages between the keepers of a committee (R17–R25), after decoding and the check of the signature. */
import { keccakWords } from "./hash.ts";
import type { Hex } from "./hash.ts";
import type { LeafKey, ProviderName, RecordLeaf } from "./records.ts";
import { rootOfPages, valuesRoot } from "./values.ts";

/** Identifies the round of a turn (R17); a turn has one. `leader` is an index in the committee's version `version`. */
export type RoundKey = {
  readonly ts: number;
  readonly te: number;
  readonly turn: number;
  readonly leader: number;
  readonly version: number;
};

export type ProviderValue = ProviderName & { readonly value: bigint };

/** One commitment of a closed set with its keeper's signature, so that every keeper can check it. */
export type CommitEntry = { readonly keeper: number; readonly commitment: Hex; readonly signature: Hex };

/** An audited leaf with its path and, if proven, the provider's receipt (R21). */
export type OpenedLeaf = LeafKey & {
  readonly leaf: RecordLeaf;
  /** Sibling hashes from the leaf to the top, 32 bytes each, concatenated. */
  readonly path: Uint8Array;
  /** Canonical receipt bytes; empty unless the leaf is proven. */
  readonly receipt: Uint8Array;
};

/** All data for a check of one challenge, from the seed to the leaves. */
export type FullProof = LeafKey & {
  /** The keeper's BLS signature over the challenge (R9). */
  readonly seed: Uint8Array;
  readonly proof: Uint8Array;
};

/** A quorum of keepers whose records decide a disputed provider (R24), ascending. */
export type Pinned = ProviderName & { readonly keepers: readonly number[] };

/** Values in the order of the scope: in the message, or as hashes of the pages that carry them (R17). */
export type RevealedValues =
  | { readonly kind: "inline"; readonly values: readonly bigint[] }
  | { readonly kind: "pages"; readonly count: number; readonly pages: readonly Hex[] };

export type Body =
  /** `speaks`: the newest format version that its sender understands. */
  | { readonly kind: "hello"; readonly instance: Hex; readonly head: number; readonly speaks: number }
  | {
      readonly kind: "announce";
      readonly round: RoundKey;
      /** P: the leader's head when it announces. All deadlines of the round count from it (R17). */
      readonly head: number;
      /** Number of (group, provider) in scope. Every keeper derives the scope itself (R38). */
      readonly count: number;
      /** Root of the scope; zero if it is empty. */
      readonly root: Hex;
    }
  | { readonly kind: "commit"; readonly round: RoundKey; readonly commitment: Hex }
  | {
      readonly kind: "close";
      readonly round: RoundKey;
      /** Ascending by keeper. */
      readonly commits: readonly CommitEntry[];
      readonly auditBlock: number;
    }
  | {
      readonly kind: "reveal";
      readonly round: RoundKey;
      readonly closedSet: Hex;
      readonly values: RevealedValues;
      readonly recordsRoot: Hex;
      readonly salt: Hex;
      readonly opened: readonly OpenedLeaf[];
      readonly proof: FullProof | undefined;
    }
  | {
      readonly kind: "bundle";
      readonly round: RoundKey;
      readonly closedSet: Hex;
      /** Ascending by keeper; `hash` names the reveal message. */
      readonly reveals: readonly { readonly keeper: number; readonly hash: Hex }[];
    }
  | {
      readonly kind: "proposal";
      readonly round: RoundKey;
      /** Hash of the bundle message that the decision uses. */
      readonly bundle: Hex;
      readonly digest: Hex;
      /** R24: ascending by (group, provider). The median is the value of a disputed provider that is not listed (R22). */
      readonly pinned: readonly Pinned[];
      /** R24: hashes of the pages with the pinned records, in order; none if nothing is pinned. */
      readonly pages: readonly Hex[];
    }
  | {
      readonly kind: "partial";
      readonly round: RoundKey;
      readonly digest: Hex;
      /** BLS signature in G1, compressed. */
      readonly signature: Hex;
    };

export type Kind = Body["kind"];
export type RoundBody = Exclude<Body, { kind: "hello" }>;
export type BodyOf<K extends Kind> = Extract<Body, { kind: K }>;

/** A signed message. `hash` is the digest that the operator key signs, `bytes` the encoded message. */
export type Message<B extends Body = Body> = {
  readonly keeper: number;
  /** The committee's version in which `keeper` is the index. */
  readonly version: number;
  readonly body: B;
  readonly hash: Hex;
  readonly signature: Hex;
  readonly bytes: Uint8Array;
};

export type MessageOf<K extends Kind> = Message<BodyOf<K>>;

/** R17 */
export function roundId(chainId: number, committee: Hex, r: RoundKey): Hex {
  return keccakWords(chainId, committee, r.ts, r.te, r.turn, r.leader, r.version);
}

/** R18: the hash includes the keeper's index, so a copied commitment does not match. */
export function commitmentOf(round: Hex, keeper: number, values: Hex, recordsRoot: Hex, salt: Hex): Hex {
  return keccakWords(round, keeper, values, recordsRoot, salt);
}

/** R18: the root of revealed values, from the values or from the hashes of their pages. */
export function revealedRoot(revealed: RevealedValues): Hex {
  if (revealed.kind === "inline") return valuesRoot(revealed.values);
  return rootOfPages(revealed.count, revealed.pages);
}

/** R19: identifies a closed set. Signatures are not hashed: one message can have several valid signatures. */
export function closedSetHash(round: Hex, commits: readonly CommitEntry[], auditBlock: number): Hex {
  const entries = commits.flatMap((c) => [c.keeper, c.commitment]);
  return keccakWords(round, auditBlock, commits.length, ...entries);
}
