/** Effects: actions that the core requests from the runtime. The `persist` effects of a step complete before any other effect of it starts. */
import type { Hex } from "../../protocol/hash.ts";
import type {
  Body,
  FullProof,
  Message,
  MessageOf,
  OpenedLeaf,
  Pinned,
  ProviderValue,
  RoundKey,
} from "../../protocol/messages.ts";
import type { ReasonCode } from "../../protocol/reasons.ts";
import type { Certificate, CertifiedGroup } from "../../protocol/certificate.ts";
import type { ChallengeRecord, LeafKey, ProviderName, RecordScope } from "../../protocol/records.ts";
import type { Replaced } from "../../protocol/succession.ts";
import type { Run } from "../../protocol/handing-in.ts";

/** A keeper's own values of a turn. They stay the same after a restart. */
export type OwnValues = {
  readonly ts: number;
  readonly turn: number;
  /** In the order of the scope. */
  readonly values: readonly ProviderValue[];
  readonly recordsRoot: Hex;
};

/** A write to the store. It survives kill −9 (S6). */
export type Write =
  | {
      readonly kind: "record";
      readonly record: ChallengeRecord;
      readonly receipt: Uint8Array;
      readonly seed: Uint8Array;
      readonly proof: Uint8Array;
    }
  /** R23: the only digest that this keeper ever signs for (ts, turn). */
  | { readonly kind: "note"; readonly ts: number; readonly turn: number; readonly digest: Hex }
  /** R29: the certificate behind a noted digest and the groups of its root. */
  | ({ readonly kind: "certificate"; readonly ts: number; readonly turn: number } & Signed)
  | { readonly kind: "own"; readonly own: OwnValues }
  /** The salt of one round. A restarted keeper needs it to reveal. */
  | { readonly kind: "salt"; readonly round: Hex; readonly ts: number; readonly salt: Hex }
  /** Bytes that count for the last slot before ts; R14 carries them. */
  | { readonly kind: "before"; readonly ts: number; readonly bytes: readonly ProviderValue[] }
  /** R37: the daemon consents to this version. */
  | { readonly kind: "consent"; readonly version: number }
  | { readonly kind: "head"; readonly head: number };

export type PartialSignature = { readonly keeper: number; readonly signature: Hex };

/** What a keeper signs: the certificate and the groups of its root, in the order of their numbers (R27). */
export type Signed = { readonly certificate: Certificate; readonly groups: readonly CertifiedGroup[] };

/** A transaction that certifies, and settles a run of the certificate's groups at once (R29). */
export type Certifying = Signed & {
  readonly kind: "certify";
  readonly turn: number;
  readonly run: Run;
  readonly signers: bigint;
  readonly signature: Hex;
  /** First block at which the contract refuses it. */
  readonly windowEnd: number;
};

/** A transaction that settles a run of groups of a remembered certificate (R29). */
export type Settling = Signed & { readonly kind: "settle"; readonly turn: number; readonly run: Run };

export type Transaction = Certifying | Settling;

/** One group of a challenged provider. */
export type ChallengeTarget = ProviderName & { readonly address: Hex };

export type Effect =
  /** Write to the store, durably. The loop executes it (S5, S6). */
  | { readonly kind: "persist"; readonly writes: readonly Write[] }
  /** Add a record to the ledger. It may be lost: a row of the ledger decides nothing. */
  | { readonly kind: "book"; readonly record: ChallengeRecord }
  /** Sign with the operator key, publish to the committee, and return it as an own `message` event. */
  | { readonly kind: "broadcast"; readonly body: Body }
  /** R18: publish a message of another keeper that did not arrive by gossip. */
  | { readonly kind: "pass-on"; readonly message: Message }
  | { readonly kind: "make-seed"; readonly operator: Hex; readonly slot: number; readonly blockHash: Hex }
  /** Challenge a provider about all of its groups, in one message as far as it holds them (R9). */
  | {
      readonly kind: "challenge";
      /** The provider's operator. */
      readonly operator: Hex;
      readonly slot: number;
      readonly blockHash: Hex;
      readonly seed: Uint8Array;
      readonly targets: readonly ChallengeTarget[];
    }
  /** Load the receipts and one full proof for a reveal from the store. */
  | {
      readonly kind: "open";
      readonly round: Hex;
      readonly leaves: readonly LeafKey[];
      readonly proofOf: LeafKey | undefined;
    }
  /** R17: serve the pages of this keeper's values. */
  | { readonly kind: "serve-pages"; readonly pages: readonly Uint8Array[] }
  /** R17: fetch the pages of values that a reveal names from its author or the leader. */
  | {
      readonly kind: "fetch-values";
      readonly round: Hex;
      readonly reveal: Hex;
      readonly pages: readonly Hex[];
      readonly count: number;
      readonly holders: readonly number[];
    }
  /** Check the openings of a reveal: receipts and full proof (R21). */
  | {
      readonly kind: "check-openings";
      readonly round: Hex;
      readonly reveal: MessageOf<"reveal">;
      readonly keeperOperator: Hex;
      readonly opened: readonly OpenedLeaf[];
      readonly proof: FullProof | undefined;
    }
  /** Sign the noted digest with the BLS key and broadcast the partial signature. */
  | { readonly kind: "sign-digest"; readonly round: RoundKey; readonly digest: Hex }
  | {
      readonly kind: "aggregate";
      readonly ts: number;
      readonly turn: number;
      readonly digest: Hex;
      readonly partials: readonly PartialSignature[];
    }
  /** Ask a keeper for the messages of a turn that this keeper lacks. */
  | {
      readonly kind: "pull";
      readonly keeper: number;
      readonly askedAt: number;
      readonly ts: number;
      readonly turn: number;
    }
  /** Leader only: ask a keeper for its own records of one provider and keep them for the pages (R24). */
  | {
      readonly kind: "gather-records";
      readonly round: Hex;
      readonly owner: number;
      readonly root: Hex;
      readonly name: ProviderName;
      /** Leaves of the tree behind the root. */
      readonly scope: RecordScope;
    }
  /** Leader only: write the gathered records of `pinned` into pages and serve these pages (R24). */
  | {
      readonly kind: "pack-pages";
      readonly round: Hex;
      readonly pinned: readonly PinnedRoots[];
      readonly scope: RecordScope;
    }
  /** Fetch the pages that the proposal names from any of `holders` and check every record in them (R24). */
  | {
      readonly kind: "fetch-pages";
      readonly round: Hex;
      readonly pages: readonly Hex[];
      readonly pinned: readonly PinnedRoots[];
      readonly scope: RecordScope;
      readonly holders: readonly number[];
    }
  /** Estimate the fee of sending it now. */
  | { readonly kind: "ask-fee"; readonly transaction: Transaction }
  | { readonly kind: "submit"; readonly transaction: Transaction }
  /** R37: consent to a version that replaces members that resigned. */
  | {
      readonly kind: "consent";
      readonly version: number;
      readonly replaced: readonly Replaced[];
      /** Size of the committee. */
      readonly members: number;
    }
  /** R29: ask a keeper for a certificate that the committee remembers and this keeper lacks. */
  | { readonly kind: "ask-certificate"; readonly keeper: number; readonly hash: Hex }
  /** Delete stored data of slots and turns before `ts`, and certificates before `certificatesFrom`. */
  | { readonly kind: "prune"; readonly ts: number; readonly certificatesFrom: number }
  /** Store two different signed messages of one keeper for one round. There is no bond, so nothing is slashed. */
  | { readonly kind: "evidence"; readonly first: Message; readonly second: Message }
  | { readonly kind: "reason"; readonly code: ReasonCode; readonly detail: string };

/** A pinned provider with the records root of each pinned keeper. */
export type PinnedRoots = Pinned & { readonly roots: readonly Hex[] };
