/** The chain: a feed of canonical blocks with the groups' state, the registry, and the submission of settlements. */
import type { Block } from "../core/events.ts";
import type { GroupSnapshot } from "../../protocol/group.ts";
import type { Hex } from "../../protocol/hash.ts";
import type { ReasonCode } from "../../protocol/reasons.ts";
import type { Settlement } from "../../protocol/settlement.ts";

/** One move of the head. `blocks` replace everything at or above the first of them. */
export type ChainUpdate = {
  readonly blocks: readonly Block[];
  /** Groups whose state at the view changed, read at the view of the new head (R4). */
  readonly groups: readonly GroupSnapshot[];
};

export type Endpoint = {
  readonly operator: Hex;
  /** R3: counts the operator's registrations and changes of endpoint. An identity proof belongs to one of them. */
  readonly sequence: number;
  /** libp2p peer id in its text form. */
  readonly peerId: string;
  readonly multiaddrs: readonly string[];
};

export type Submission = {
  readonly group: Hex;
  readonly settlement: Settlement;
  readonly signers: bigint;
  /** Aggregate BLS signature, compressed G1. */
  readonly signature: Hex;
  /** First block at which the contract refuses it. */
  readonly windowEnd: number;
};

export type SubmitResult =
  | { readonly kind: "mined"; readonly block: number; readonly tx: Hex; readonly gasUsed: bigint }
  /** Another keeper's transaction was mined first, or the window closed. Not an error. */
  | { readonly kind: "superseded"; readonly detail: string }
  | { readonly kind: "failed"; readonly detail: string };

export type ChainPort = {
  /** Calls `onUpdate` one at a time and in order; resolves when `signal` aborts. Waits during an outage. */
  follow(
    groups: readonly Hex[],
    onUpdate: (update: ChainUpdate) => Promise<void>,
    onTrouble: (code: ReasonCode, detail: string) => void,
    signal: AbortSignal,
  ): Promise<void>;
  keeperEndpoint(operator: Hex): Promise<Endpoint | undefined>;
  providerEndpoint(operator: Hex): Promise<Endpoint | undefined>;
  /** Fee of submitting it now, in units of the group's token; undefined if no exchange rate of the chain's coin is known. */
  fee(submission: Submission): Promise<bigint | undefined>;
  submit(submission: Submission, signal: AbortSignal): Promise<SubmitResult>;
};
