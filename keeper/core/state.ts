/** State of one keeper for one committee. The machine owns it: only a step changes it. */
import type { ChallengeTarget, Effect, OwnValues, Signed } from "./effects.ts";
import type { CommitteeSnapshot, GroupEntry, Version } from "../../protocol/committee.ts";
import type { Hex } from "../../protocol/hash.ts";
import type { Decision } from "../../protocol/median.ts";
import type { Message, MessageOf, Pinned } from "../../protocol/messages.ts";
import type { ReasonCode } from "../../protocol/reasons.ts";
import type { ChallengeRecord, LeafKey, RecordLeaf, RecordTree } from "../../protocol/records.ts";
import type { Scope } from "../../protocol/scope.ts";

export type Config = {
  /** Lower-case operator address of this keeper. */
  readonly me: Hex;
  /** Id of this process, drawn at random by the composition root. A hello with the own key and another id comes from a second instance (D9). */
  readonly instance: Hex;
  /** Newest wire version that this release understands. Every hello contains it. */
  readonly speaks: number;
  /** R37: whether this keeper consents by itself to the replacement of members that resigned. */
  readonly replacesResigned: boolean;
};

/** One challenge of a provider, for all of its groups, from the seed to the last answer (R9). */
export type ChallengeTask = {
  /** The provider's operator. */
  readonly operator: Hex;
  readonly slot: number;
  readonly blockHash: Hex;
  seed: Uint8Array | undefined;
  /** Offset from the slot's start at which to ask, in blocks (R8); undefined without a seed. */
  offset: number | undefined;
  /** Head at which it was asked. */
  askedAt: number | undefined;
  /** Groups without a result, by provider key, and the first block after their membership or commitment (R8). */
  readonly open: Map<string, ChallengeTarget & { readonly end: number }>;
  /** Groups from which no answer came. The slot's end decides whether this keeper was cut off (R13). */
  readonly unreachable: Set<string>;
  /** This keeper was too late to ask and has reported it. */
  skipped: boolean;
};

export type RevealState = {
  readonly message: MessageOf<"reveal">;
  /** In the order of the scope; undefined until the pages that the reveal names are here. */
  values: readonly bigint[] | undefined;
  /** Head at which the pages were asked for last. */
  askedAt: number | undefined;
  /** unchecked: this keeper lacks the piece list for the full proof. */
  status: "waiting" | "checking" | "unchecked" | "counted" | "rejected";
  /** Audited draws answered by a proven leaf with a receipt (R28). */
  opened: number;
  /** Head at which this keeper had passed it on to all; Infinity: not passed on. */
  readonly passedOnAt: number;
  /** Head at which the check of its openings succeeded here. */
  countedAt: number | undefined;
};

export type CloseState = {
  readonly message: MessageOf<"close">;
  readonly hash: Hex;
  /** The audit that its audit block determines, once that block is known (R20). */
  audit: { readonly blockHash: Hex; readonly seed: Hex; readonly draws: readonly LeafKey[] } | undefined;
};

export type Evaluation = {
  /** In the order of the scope. */
  readonly decisions: readonly Decision[];
  /** Positions in the scope, ascending. */
  readonly disputed: readonly number[];
  /** Disputes whose records fit the pages of the turn, by position (R24). */
  readonly fitting: ReadonlySet<number>;
  readonly payees: bigint;
};

/** A commit and the head at which this keeper had passed it on to all; for its own commit: sent it (R19). */
export type HeardCommit = { readonly message: MessageOf<"commit">; readonly passedOnAt: number };

/** The one round of a turn (R17). */
export type RoundState = {
  readonly id: Hex;
  readonly announce: MessageOf<"announce">;
  readonly commits: Map<number, HeardCommit>;
  /** Closed sets of the leader with a quorum; at most two, the second one is evidence. */
  readonly closes: CloseState[];
  /** The closed set that this keeper accepted before its audit block. It reveals for no other (R19). */
  accepted: CloseState | undefined;
  closing: boolean;
  opening: boolean;
  /** By message hash. A keeper may send two different reveals; the bundle names the one that counts. */
  readonly reveals: Map<Hex, RevealState>;
  bundle: MessageOf<"bundle"> | undefined;
  bundledAt: number;
  bundling: boolean;
  /** The decision from the bundle; undefined until this keeper has counted every reveal of the bundle. */
  evaluation: Evaluation | undefined;
  /** A check of closed set, bundle or proposal failed: this keeper signs nothing in this turn. */
  refused: boolean;
  proposing: boolean;
  signed: boolean;
  proposal: MessageOf<"proposal"> | undefined;
  readonly exchange: ExchangeState;
};

/** R24: records of the disputed providers, by position in the scope and by owner. */
export type ExchangeState = {
  /** Undefined leaves: asked for, not served. */
  readonly records: Map<number, Map<number, readonly RecordLeaf[] | undefined>>;
  /** The leader has asked for them. */
  gathering: boolean;
  /** The keepers that the leader pins, once they are decided. */
  pinned: readonly Pinned[] | undefined;
  packing: boolean;
  /** Hashes of the leader's pages. */
  pages: readonly Hex[] | undefined;
  /** Head of the last request for records or pages. */
  askedAt: number | undefined;
  /** This keeper has the pages that the proposal names, and their records are valid. */
  fetched: boolean;
};

export type Aggregated = { readonly digest: Hex; readonly signers: bigint; readonly signature: Hex };

/** A transaction that hands in a certificate or groups of it (R41). */
export type HandIn = {
  /** Last known fee; `at`: head of that answer, undefined while a request is open. */
  fee: { at: number | undefined; amount: bigint | undefined } | undefined;
  sent: boolean;
  /** Head from which a transaction that failed, or that a reorg removed, is repeated. */
  resubmitAt: number | undefined;
};

export type TurnState = {
  readonly ts: number;
  readonly te: number;
  readonly turn: number;
  /** Index of this keeper. A keeper without a seat has no turn. */
  readonly me: number;
  readonly order: readonly number[];
  readonly leader: number;
  readonly failed: readonly number[];
  readonly version: Version;
  readonly scope: Scope;
  readonly enteredAt: number;
  /**
   * This process leads the turn and has announced the round. A process that started after the announcement does not lead: a message of
   * it could contradict an earlier one, and a leader that contradicts itself has lost the turn (R19).
   */
  announced: boolean;
  /** R19: the leader signed two different messages of one kind, so this keeper signs nothing new in this turn. */
  contradicted: boolean;
  tree: RecordTree | undefined;
  round: RoundState | undefined;
  /** The certificate behind the noted digest, with the groups of its root. */
  signed: Signed | undefined;
  readonly partials: Map<Hex, Map<number, MessageOf<"partial">>>;
  readonly badPartials: Set<number>;
  quorumAt: number | undefined;
  aggregating: boolean;
  certificate: Aggregated | undefined;
  /** The transaction that certifies. */
  readonly submission: HandIn;
  progressAt: number;
  /** Number of questions for missed messages. */
  asked: number;
  /** Reasons that were reported for this turn and are not repeated. */
  readonly told: Set<ReasonCode>;
};

export type KeeperState = {
  head: number;
  /** Canonical hashes of slot starts and recent blocks. */
  readonly hashes: Map<number, Hex>;
  entropy: Hex;
  committee: CommitteeSnapshot | undefined;
  /** R23: highest head that this process or its store had seen at the start; undefined before the first block. */
  startHead: number | undefined;
  storedHead: number;
  secondInstance: boolean;
  /** The newest hellos of each keeper, from at most two processes of it. */
  readonly hellos: Map<number, MessageOf<"hello">[]>;
  /** D9: keepers that confirmed, after a whole slot, that they have no hello of a second instance. */
  readonly vouched: Set<number>;
  /** Slot of the last own hello; −1: none. */
  helloSlot: number;
  /** This keeper sent a hello at the last head and asks for the hellos of the others at the next one. */
  asksForHellos: boolean;
  /** Number of questions for hellos since the start. */
  hellosAsked: number;
  readonly connected: Set<Hex>;
  /** By provider key and slot. */
  readonly records: Map<string, Map<number, ChallengeRecord>>;
  /** Last slot whose challenges were prepared; −1: none since the start or since this keeper got its seat. */
  challengedSlot: number;
  /** The first block of the slot whose challenges were prepared last, and the groups that they are about. */
  prepared: { readonly blockHash: Hex; readonly groups: readonly GroupEntry[] } | undefined;
  /** S5: notes of intervals that began before this block may be deleted, so nothing new is signed in them. */
  notesFrom: number;
  readonly tasks: Map<string, ChallengeTask>;
  /** R14: by ts and provider key. */
  readonly before: Map<number, ReadonlyMap<string, bigint>>;
  readonly notes: Map<string, Hex>;
  /** R29: certificates with their groups, by ts and turn, kept while a group of them may be unsettled. */
  readonly certificates: Map<string, Signed>;
  /** Number of questions for missing certificates, and the head of the last one. */
  readonly certificateQuestions: { asked: number; at: number };
  /** R41: transactions that settle groups of remembered certificates, by ts and first position. */
  readonly settling: Map<string, HandIn>;
  readonly own: Map<string, OwnValues>;
  /** R37: consents of the daemon by version: whether a transaction is under way, and the head from which it may be sent again. */
  readonly consents: Map<number, { sending: boolean; readonly again: number }>;
  /** R37: open proposals that were reported as left to the operator. */
  readonly withheld: Set<number>;
  readonly salts: Map<Hex, { readonly ts: number; readonly salt: Hex }>;
  turn: TurnState | undefined;
  /** The turn that certified last. If a reorg removes its certificate, it is submitted again. */
  certifiedTurn: TurnState | undefined;
  /** Messages ahead of this keeper's view, bounded for each sender. */
  readonly early: Map<number, HeardMessage[]>;
};

/** A message with its time and way of arrival. */
export type HeardMessage = {
  readonly message: Message;
  /** Head at which it arrived. */
  readonly heardAt: number;
  readonly way: Way;
};

/**
 * Way of arrival of a message (R18). gossip: gossip passes it on by itself, or it is an own message. question: it answers a question,
 * so other keepers may lack it. surplus: its author sent two different ones of the kind in this turn already, so it is not passed on.
 */
export type Way = "gossip" | "question" | "surplus";

export function initialState(): KeeperState {
  return {
    head: -1,
    hashes: new Map(),
    entropy: "0x",
    committee: undefined,
    startHead: undefined,
    storedHead: -1,
    secondInstance: false,
    hellos: new Map(),
    vouched: new Set(),
    helloSlot: -1,
    asksForHellos: false,
    hellosAsked: 0,
    connected: new Set(),
    records: new Map(),
    challengedSlot: -1,
    prepared: undefined,
    notesFrom: 0,
    tasks: new Map(),
    before: new Map(),
    notes: new Map(),
    certificates: new Map(),
    certificateQuestions: { asked: 0, at: -1 },
    settling: new Map(),
    own: new Map(),
    consents: new Map(),
    withheld: new Set(),
    salts: new Map(),
    turn: undefined,
    certifiedTurn: undefined,
    early: new Map(),
  };
}

/** The step under way: the state that it changes and the effects that it returns. */
export type Step = { readonly state: KeeperState; readonly config: Config; readonly effects: Effect[] };

export function reason(step: Step, code: ReasonCode, detail: string): void {
  step.effects.push({ kind: "reason", code, detail });
}

/** Reports a condition that lasts for the whole turn once. */
export function reasonOnce(step: Step, turn: TurnState, code: ReasonCode, detail: string): void {
  if (turn.told.has(code)) return;
  turn.told.add(code);
  reason(step, code, detail);
}

/** R4: the block whose state a keeper acts on. */
export function viewOf(state: KeeperState): number {
  return state.committee === undefined ? -1 : state.head - state.committee.params.confirmations;
}

export function turnKey(ts: number, turn: number): string {
  return `${ts}/${turn}`;
}
