/** Events of a run in order; the text of a trace and the timeline are made from this list. */
import type { Kind } from "../../protocol/messages.ts";
import type { ReasonCode } from "../../protocol/reasons.ts";
import type { Question } from "../../protocol/codec/question.ts";
import type { Fault } from "../scenario/schema.ts";

/** `block` is the head at that time; `at_ms` is the simulated time since the start. */
type At = { readonly at_ms: number; readonly block: number };

/** Keepers are indices of seats, providers indices of the group. */
export type RunEvent = At &
  /** The chain's head is this block now. */
  (
    | { readonly kind: "head" }
    /** A turn's window opens (R6), to end before block `to`. */
    | {
        readonly kind: "turn";
        readonly committee: number;
        readonly ts: number;
        readonly turn: number;
        readonly te: number;
        readonly to: number;
        readonly leader: number;
      }
    | {
        readonly kind: "said";
        readonly keeper: number;
        readonly message: Kind;
        /** Undefined for what belongs to no round. */
        readonly round: { readonly ts: number; readonly turn: number } | undefined;
        /** Receivers and times of arrival; a keeper that is not listed never gets this copy. */
        readonly arrivals: readonly { readonly keeper: number; readonly at_ms: number }[];
      }
    /** One keeper asked another at `start_ms`; at `until_ms` it had the answer, or knew that there is none. */
    | {
        readonly kind: "asked";
        readonly keeper: number;
        readonly of: number;
        readonly question: Question;
        readonly answered: boolean;
        readonly start_ms: number;
        readonly until_ms: number;
      }
    | {
        readonly kind: "noted";
        readonly keeper: number;
        readonly code: ReasonCode;
        readonly detail: string;
      }
    /** `id` numbers the faults of a run in the order in which they fired. */
    | {
        readonly kind: "fault";
        readonly id: number;
        readonly fault: Fault;
        readonly keepers: readonly number[];
      }
    | { readonly kind: "fault-over"; readonly id: number; readonly fault: Fault }
    | {
        readonly kind: "settled";
        readonly group: number;
        readonly ts: number;
        readonly te: number;
        readonly turn: number;
        readonly leader: number;
        readonly sender: number;
        readonly failed: readonly number[];
        readonly payees: readonly number[];
        readonly paid: readonly Paid[];
      }
    /** A reorg removed a settlement from the chain. */
    | { readonly kind: "taken-back"; readonly group: number; readonly ts: number; readonly te: number }
    | { readonly kind: "violation"; readonly checker: string; readonly text: string }
  );

/** Token units that a settlement credited to somebody. */
export type Paid = { readonly to: "keeper" | "provider"; readonly index: number; readonly units: bigint };
