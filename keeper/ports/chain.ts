/**
 * The chain: a feed of canonical blocks with the state of this keeper's committees, the registry, and transactions.
 *
 * What a chain port delivers (R4, R37–R39):
 *
 * - **Committees.** Every committee in whose version in force, or complete next version, `operator` has a seat. A committee appears in the
 *   update in which its version with that seat becomes visible, without a restart (R39); a keeper that loses its seat gets one more
 *   snapshot, which shows that. A committee appears from its origin block on, never before.
 * - **View.** All of a `CommitteeSnapshot` is the chain's state after block `head − confirmations` of that committee, read from one
 *   canonical chain. It is delivered in the same update as the block that makes it visible, and before that block is handled.
 * - **When.** With the first update; whenever anything in it differs from the last one delivered; and whenever the view reaches a te(i)
 *   (R6), because the scope of the turn is a new one then.
 * - **Members.** `version` is the version in force, with its seed (`VersionActivated`, `Formed`) and keys as snapshot by the contract.
 *   `next` is the version of `VersionCompleted` that has not taken effect. `resigned` are `MemberResigned` since the version took effect.
 * - **ts.** `certifiedThrough`. Where the committee is idle and a group enters, the block in which that group begins (R5), as the
 *   contract returns it.
 * - **groups.** Every membership of `GroupEntered` with a block that is neither settled nor credited (`settledThrough < left`, or no
 *   `left`), with `left` of the last `GroupLeaves`, and each provider that has a commitment in a block from `ts` on or ahead: its
 *   `DataChanged` checkpoints from the one in force at max(ts − slot, entered) on, one with 0 bytes where it leaves
 *   (`LeaveScheduled`) or where the group ends (`Terminated`). `settledThrough`, `ceiling`, `keeperFee` and `keeperShareBps` as read at
 *   the view. Every group of a committee in one snapshot: a group that cannot be read holds back the committee's snapshot and is
 *   reported with `onTrouble`, because a keeper with another scope than the others signs nothing.
 * - **scope.** Once the view has reached the te of the present turn i: `te`, and the same fields of all memberships **as the chain stood
 *   after block te**, from events of blocks ≤ te alone. Later events must not change it: it is what all keepers agree on (R38). It is the
 *   same for a keeper that starts later in the turn, so it is rebuilt from events, not from state reads at the head. `settledThrough` there is
 *   that after block te, too.
 * - **remembered.** Certificates of `Certified` with `remembered` of which a group in `groups` is not settled through its part, with the
 *   upper 200 bits of the struct hash, ascending by ts.
 * - **succession.** R37: proposals of `VersionProposed` that are neither withdrawn nor complete, with their `MemberConsented`; the last
 *   version with other members, on which they have to be based; and the consents of `operator`, each with who sent it: a consent that
 *   this port sent is the daemon's, in another process and on another machine, too.
 * - **Blocks.** Ascending, each once. From head to head they are consecutive. After a start, a long outage, and when a committee appears,
 *   blocks of before are delivered, as far as a keeper reads them: the first block of every slot from max(origin, ts − interval) on, all
 *   blocks of the present turn, and the last 128. A reorg is delivered by blocks that replace everything at or above the first of them, with new snapshots if the view
 *   changed.
 *
 * What it does with transactions: it encodes the run and its range proof from `certificate`, `groups` and `run`, chooses fees and nonces,
 * replaces what is stuck, and ends when it is mined or cannot succeed any more. Which groups go into which transaction, and when, the core
 * decides (R41). Several transactions of one committee may be under way; those that it is given first have the lower nonce.
 */
import type { Transaction } from "../core/effects.ts";
import type { Block } from "../core/events.ts";
import type { CommitteeSnapshot } from "../../protocol/committee.ts";
import type { Hex } from "../../protocol/hash.ts";
import type { ReasonCode } from "../../protocol/reasons.ts";

/** One move of the head. `blocks` replace everything at or above the first of them. */
export type ChainUpdate = {
  readonly blocks: readonly Block[];
  /** Committees whose snapshot changed, read at the view of the new head (R4). */
  readonly committees: readonly CommitteeSnapshot[];
};

export type Endpoint = {
  readonly operator: Hex;
  /** R3: counts the operator's registrations and changes of endpoint. An identity proof belongs to one of them. */
  readonly sequence: number;
  /** libp2p peer id in its text form. */
  readonly peerId: string;
  readonly multiaddrs: readonly string[];
};

/** A transaction that hands in a certificate or groups of it, for one committee (R29). */
export type HandingIn = { readonly committee: Hex } & Transaction;

/** R37: the daemon's consent to a version, marked as the daemon's on chain. */
export type Consenting = {
  readonly committee: Hex;
  readonly kind: "consent";
  readonly version: number;
  /** Number of members that the version replaces. */
  readonly replaced: number;
  /** Size of the committee. */
  readonly members: number;
};

export type Submission = HandingIn | Consenting;

export type SubmitResult =
  | { readonly kind: "mined"; readonly block: number; readonly tx: Hex; readonly gasUsed: bigint }
  /** Another keeper's transaction was mined first, or the window closed. Not an error. */
  | { readonly kind: "superseded"; readonly detail: string }
  | { readonly kind: "failed"; readonly detail: string };

export type ChainPort = {
  /**
   * Follows every committee in which `operator` has a seat. Calls `onUpdate` one at a time and in order; resolves when `signal` aborts.
   * Waits during an outage.
   */
  follow(
    operator: Hex,
    onUpdate: (update: ChainUpdate) => Promise<void>,
    onTrouble: (code: ReasonCode, detail: string) => void,
    signal: AbortSignal,
  ): Promise<void>;
  keeperEndpoint(operator: Hex): Promise<Endpoint | undefined>;
  providerEndpoint(operator: Hex): Promise<Endpoint | undefined>;
  /** Fee of sending it now, in units of the committee's token; undefined if no exchange rate of the chain's coin is known. */
  fee(submission: HandingIn): Promise<bigint | undefined>;
  submit(submission: Submission, signal: AbortSignal): Promise<SubmitResult>;
};
