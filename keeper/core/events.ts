/** What happens to a keeper, as the core sees it. */
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
  /** First event of a life: what the store held (R23, S6). */
  | {
      readonly kind: "restored";
      readonly head: number;
      readonly records: readonly ChallengeRecord[];
      readonly notes: readonly { readonly ts: number; readonly turn: number; readonly digest: Hex }[];
      readonly own: readonly OwnValues[];
      readonly salts: readonly { readonly round: Hex; readonly ts: number; readonly salt: Hex }[];
      readonly before: readonly { readonly ts: number; readonly bytes: readonly ProviderValue[] }[];
    }
  /** The contract at the view (R4). Comes before the `blocks` event of the head that made it visible. */
  | { readonly kind: "group"; readonly snapshot: GroupSnapshot }
  /** Consecutive canonical blocks; those at or above the first number replace what was known (a reorg). */
  | { readonly kind: "blocks"; readonly blocks: readonly Block[]; readonly entropy: Hex }
  /** Operators of the keepers that are connected now. */
  | { readonly kind: "peers"; readonly operators: readonly Hex[] }
  | { readonly kind: "message"; readonly message: Message; readonly way: Way }
  /** A keeper answered a question asked at head `askedAt`; the messages that it brought came before. */
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
      /** In the order asked; undefined if the store lost it. */
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
      /** Keepers whose partial signature does not verify. */
      readonly culprits: readonly PartialSignature[];
    }
  /** What sending the certificate costs now, in token units; undefined: it cannot be compared with what it brings. */
  | {
      readonly kind: "fee";
      readonly ts: number;
      readonly turn: number;
      readonly amount: bigint | undefined;
    }
  /** How a submission ended; `block` undefined: it did not get into the chain. */
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
      /** One leaf a slot of the scope, checked against the root; undefined if the owner did not serve them. A proven
       * leaf without a valid receipt comes as failed (R24). */
      readonly leaves: readonly RecordLeaf[] | undefined;
    }
  /** The pages of `pack-pages`; undefined: a gathered record is not here any more. */
  | { readonly kind: "packed"; readonly round: Hex; readonly pages: readonly Hex[] | undefined }
  /** What `fetch-pages` brought: records as in `records`; a fault of the pages themselves; or nobody served them. */
  | {
      readonly kind: "pages";
      readonly round: Hex;
      readonly result:
        | { readonly kind: "records"; readonly records: readonly PinnedRecords[] }
        | { readonly kind: "unserved" }
        | { readonly kind: "fault"; readonly detail: string };
    };

/** The records of one keeper about one provider. */
export type PinnedRecords = {
  readonly provider: number;
  readonly owner: number;
  readonly leaves: readonly RecordLeaf[];
};
