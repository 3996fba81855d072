/** The events that the state machine receives. */
import type { OwnValues, PartialSignature } from "./effects.ts";
import type { GroupSnapshot } from "../../protocol/group.ts";
import type { Hex } from "../../protocol/hash.ts";
import type { FullProof, Message, ProviderValue } from "../../protocol/messages.ts";
import type { ReasonCode } from "../../protocol/reasons.ts";
import type { ChallengeRecord, FailureReason, RecordLeaf } from "../../protocol/records.ts";
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

export type Event =
  /** The first event after a start: the content of the store (R23, S6). */
  | {
      readonly kind: "restored";
      readonly head: number;
      readonly records: readonly ChallengeRecord[];
      readonly notes: readonly { readonly ts: number; readonly turn: number; readonly digest: Hex }[];
      readonly own: readonly OwnValues[];
      readonly salts: readonly { readonly round: Hex; readonly ts: number; readonly salt: Hex }[];
      readonly before: readonly { readonly ts: number; readonly bytes: readonly ProviderValue[] }[];
    }
  /** State of the contract at the view (R4). It precedes the `blocks` event of the head that made it visible. */
  | { readonly kind: "group"; readonly snapshot: GroupSnapshot }
  /** Consecutive canonical blocks. They replace all known blocks at or above the first number (a reorg). */
  | { readonly kind: "blocks"; readonly blocks: readonly Block[]; readonly entropy: Hex }
  /** Operators of the keepers that are connected. */
  | { readonly kind: "peers"; readonly operators: readonly Hex[] }
  | { readonly kind: "message"; readonly message: Message; readonly way: Way }
  /** A keeper answered a question of head `askedAt`. The messages of the answer arrived as events before this one. */
  | { readonly kind: "pulled"; readonly keeper: number; readonly askedAt: number }
  | {
      readonly kind: "seed";
      readonly provider: number;
      readonly slot: number;
      readonly blockHash: Hex;
      readonly seed: Uint8Array;
    }
  | {
      readonly kind: "answer";
      readonly provider: number;
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
  /** Fee of submitting the certificate now, in token units; undefined: no exchange rate is known. */
  | {
      readonly kind: "fee";
      readonly ts: number;
      readonly turn: number;
      readonly amount: bigint | undefined;
    }
  /** Result of a submission; `block` undefined: it was not mined. */
  | {
      readonly kind: "submission";
      readonly ts: number;
      readonly turn: number;
      readonly block: number | undefined;
    }
  | {
      readonly kind: "records";
      readonly round: Hex;
      readonly owner: number;
      readonly provider: number;
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
export type PinnedRecords = {
  readonly provider: number;
  readonly owner: number;
  readonly leaves: readonly RecordLeaf[];
};
