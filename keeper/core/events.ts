/** The events that the state machine receives. */
import type { OwnValues, PartialSignature, Signed } from "./effects.ts";
import type { CommitteeSnapshot } from "../../protocol/committee.ts";
import type { Hex } from "../../protocol/hash.ts";
import type { FullProof, Message, ProviderValue } from "../../protocol/messages.ts";
import type { ReasonCode } from "../../protocol/reasons.ts";
import type { ChallengeRecord, FailureReason, ProviderName, RecordLeaf } from "../../protocol/records.ts";
import type { Way } from "./state.ts";

export type Block = { readonly number: number; readonly hash: Hex };

export type Answer =
  | {
      readonly kind: "proven";
      readonly bytes: bigint;
      readonly receiptHash: Hex;
      readonly receipt: Uint8Array;
      readonly proof: Uint8Array;
    }
  | { readonly kind: "failed"; readonly reason: FailureReason };

/** Names a transaction: what it does, for which turn, and the position of its first group. */
export type TransactionName = {
  readonly transaction: "certify" | "settle";
  readonly ts: number;
  readonly turn: number;
  readonly first: number;
};

export type Event =
  /** The first event after a start: the content of the store (R23, S6). */
  | {
      readonly kind: "restored";
      readonly head: number;
      readonly records: readonly ChallengeRecord[];
      readonly notes: readonly { readonly ts: number; readonly turn: number; readonly digest: Hex }[];
      readonly own: readonly OwnValues[];
      readonly certificates: readonly (Signed & { readonly ts: number; readonly turn: number })[];
      readonly salts: readonly { readonly round: Hex; readonly ts: number; readonly salt: Hex }[];
      readonly before: readonly { readonly ts: number; readonly bytes: readonly ProviderValue[] }[];
      /** R37: versions to which the daemon has consented. */
      readonly consents: readonly number[];
    }
  /** The blocks of the next `blocks` event. It precedes the `committee` events of the same head: what they close depends on these hashes (R13). */
  | { readonly kind: "hashes"; readonly blocks: readonly Block[] }
  /** State of the committee at the view (R4). It precedes the `blocks` event of the head that made it visible. */
  | { readonly kind: "committee"; readonly snapshot: CommitteeSnapshot }
  /** Consecutive canonical blocks. They replace all known blocks at or above the first number (a reorg). */
  | { readonly kind: "blocks"; readonly blocks: readonly Block[]; readonly entropy: Hex }
  /** Operators of the keepers that are connected. */
  | { readonly kind: "peers"; readonly operators: readonly Hex[] }
  | { readonly kind: "message"; readonly message: Message; readonly way: Way }
  /** A keeper answered a question of head `askedAt`. The messages of the answer arrived as events before this one. */
  | { readonly kind: "pulled"; readonly keeper: number; readonly askedAt: number }
  | {
      readonly kind: "seed";
      readonly operator: Hex;
      readonly slot: number;
      readonly blockHash: Hex;
      readonly seed: Uint8Array;
    }
  /** The result of a challenge for one group of the provider. */
  | {
      readonly kind: "answer";
      readonly operator: Hex;
      readonly name: ProviderName;
      readonly slot: number;
      readonly blockHash: Hex;
      readonly answer: Answer;
    }
  | {
      readonly kind: "opened";
      readonly round: Hex;
      /** In the order of the effect; undefined if the store has lost it. */
      readonly receipts: readonly (Uint8Array | undefined)[];
      readonly proof: FullProof | undefined;
    }
  /** Result of `fetch-values`; undefined: no holder served the pages, or they hold no such values. */
  | {
      readonly kind: "values";
      readonly round: Hex;
      readonly reveal: Hex;
      readonly values: readonly bigint[] | undefined;
    }
  | {
      readonly kind: "openings-checked";
      readonly round: Hex;
      readonly reveal: Hex;
      readonly keeper: number;
      readonly fault: ReasonCode | undefined;
    }
  | {
      readonly kind: "aggregated";
      readonly ts: number;
      readonly turn: number;
      readonly digest: Hex;
      readonly signature: Hex | undefined;
      readonly signers: readonly number[];
      /** Partial signatures that do not verify. */
      readonly culprits: readonly PartialSignature[];
    }
  /** Fee of the transaction now, in token units; undefined: no exchange rate is known. `first`: position of its first group. */
  | ({ readonly kind: "fee"; readonly amount: bigint | undefined } & TransactionName)
  /** Result of a submission; `block` undefined: it was not mined. */
  | ({ readonly kind: "submission"; readonly block: number | undefined } & TransactionName)
  /** R37: the transaction of a consent has ended, mined or not. */
  | { readonly kind: "consented"; readonly version: number }
  /** R29: an answer to `ask-certificate`, not checked yet. */
  | ({ readonly kind: "certificate" } & Signed)
  | {
      readonly kind: "records";
      readonly round: Hex;
      readonly owner: number;
      readonly name: ProviderName;
      /** One leaf for each slot of the scope, checked against the root; undefined if the owner did not serve them. A proven
       * leaf without a valid receipt is passed as failed (R24). */
      readonly leaves: readonly RecordLeaf[] | undefined;
    }
  /** Result of `pack-pages`; undefined: a gathered record is no longer held. */
  | { readonly kind: "packed"; readonly round: Hex; readonly pages: readonly Hex[] | undefined }
  /** Result of `fetch-pages`: records as in `records`; a fault of the pages; or no holder served them. */
  | {
      readonly kind: "pages";
      readonly round: Hex;
      readonly result:
        | { readonly kind: "records"; readonly records: readonly PinnedRecords[] }
        | { readonly kind: "unserved" }
        | { readonly kind: "fault"; readonly detail: string };
    };

/** The records of one keeper for one provider. */
export type PinnedRecords = ProviderName & {
  readonly owner: number;
  readonly leaves: readonly RecordLeaf[];
};
