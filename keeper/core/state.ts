/** Everything a keeper knows about one group. Owned by the machine: only a step changes it. */
import type { Effect, OwnValues } from "./effects.ts";
import type { Committee, GroupSnapshot, ProviderEntry } from "../../protocol/group.ts";
import type { Hex } from "../../protocol/hash.ts";
import type { Decision } from "../../protocol/median.ts";
import type { Message, MessageOf, Pinned } from "../../protocol/messages.ts";
import type { ReasonCode } from "../../protocol/reasons.ts";
import type {
  ChallengeRecord,
  LeafKey,
  RecordLeaf,
  RecordScope,
  RecordTree,
} from "../../protocol/records.ts";
import type { Settlement } from "../../protocol/settlement.ts";

export type Config = {
  /** Lower-case operator address of this keeper. */
  readonly me: Hex;
  /** Random name of this process: a hello of mine with another name is a second instance (D9). */
  readonly instance: Hex;
  /** Newest wire version that this release understands; told in every hello. */
  readonly speaks: number;
};

/** One challenge from the seed to the answer. */
export type ChallengeTask = {
  readonly provider: number;
  readonly slot: number;
  readonly blockHash: Hex;
  seed: Uint8Array | undefined;
  /** Blocks after the slot's start at which to ask (R8); undefined without a seed. */
  offset: number | undefined;
  /** Head at which it was asked. */
  askedAt: number | undefined;
  /** Nobody answered: a record only at the slot's end, when it is clear who was cut off (R13). */
  unreachable: boolean;
  /** This keeper came too late for it, and has said so. */
  skipped: boolean;
};

export type RevealState = {
  readonly message: MessageOf<"reveal">;
  /** unchecked: the piece list for its full proof is missing here. */
  status: "waiting" | "checking" | "unchecked" | "counted" | "rejected";
  /** Audited draws answered by a proven leaf with a receipt (R28). */
  opened: number;
  /** Head at which this keeper had passed it on to all; Infinity: it did not. */
  readonly passedOnAt: number;
  /** Head at which it was found to count here. */
  countedAt: number | undefined;
};

export type CloseState = {
  readonly message: MessageOf<"close">;
  readonly hash: Hex;
  /** What its audit block drew (R20), once that is known. */
  audit: { readonly blockHash: Hex; readonly seed: Hex; readonly draws: readonly LeafKey[] } | undefined;
};

export type Evaluation = {
  /** By provider, ascending. */
  readonly decisions: ReadonlyMap<number, Decision>;
  readonly disputed: readonly number[];
  readonly payees: bigint;
};

/** A commit and the head at which this keeper had passed it on to all; its own counts when it is sent (R19). */
export type HeardCommit = { readonly message: MessageOf<"commit">; readonly passedOnAt: number };

/** The round of a turn: there is one (R17). */
export type RoundState = {
  readonly id: Hex;
  readonly announce: MessageOf<"announce">;
  readonly commits: Map<number, HeardCommit>;
  /** Of the leader and with a quorum; at most two: the second is evidence. */
  readonly closes: CloseState[];
  /** The closed set that this keeper accepted before its audit block, the only one it reveals for (R19). */
  accepted: CloseState | undefined;
  closing: boolean;
  opening: boolean;
  /** By message hash: a keeper that says two things is heard in both, and the bundle names which one counts. */
  readonly reveals: Map<Hex, RevealState>;
  bundle: MessageOf<"bundle"> | undefined;
  bundledAt: number;
  bundling: boolean;
  /** What the bundle decides; undefined until every reveal of it is here and counts. */
  evaluation: Evaluation | undefined;
  /** Closed set, bundle or proposal do not hold here: nothing of this turn is signed. */
  refused: boolean;
  proposing: boolean;
  signed: boolean;
  proposal: MessageOf<"proposal"> | undefined;
  readonly exchange: ExchangeState;
};

/** R24: records of the disputed providers, by provider and owner. */
export type ExchangeState = {
  /** Undefined leaves: asked, not served. */
  readonly records: Map<number, Map<number, readonly RecordLeaf[] | undefined>>;
  /** The leader asked for them. */
  gathering: boolean;
  /** What the leader pins, once that is decided. */
  pinned: readonly Pinned[] | undefined;
  packing: boolean;
  /** Hashes of the leader's pages. */
  pages: readonly Hex[] | undefined;
  /** Head of the last question for the pages that a proposal names. */
  askedAt: number | undefined;
  /** The pages that the proposal names are here, and their records hold. */
  fetched: boolean;
};

export type Certificate = { readonly digest: Hex; readonly signers: bigint; readonly signature: Hex };

export type TurnState = {
  readonly ts: number;
  readonly te: number;
  readonly turn: number;
  /** Index of this keeper; −1 is never stored: without a seat there is no turn. */
  readonly me: number;
  readonly order: readonly number[];
  readonly leader: number;
  readonly failed: readonly number[];
  readonly committee: Committee;
  readonly scope: readonly ProviderEntry[];
  readonly enteredAt: number;
  /** Leaves of every record tree of this turn (R18). */
  readonly recordScope: RecordScope;
  /**
   * This process leads the turn and has announced the round. One that was started later leads it no further: it may have said
   * otherwise before, and a leader that contradicts itself has lost the turn (R19).
   */
  announced: boolean;
  /** R19: the leader signed two different messages where one is due, so nothing new is signed in this turn. */
  contradicted: boolean;
  tree: RecordTree | undefined;
  round: RoundState | undefined;
  /** What the noted digest stands for. */
  settlement: Settlement | undefined;
  readonly partials: Map<Hex, Map<number, MessageOf<"partial">>>;
  readonly badPartials: Set<number>;
  quorumAt: number | undefined;
  aggregating: boolean;
  certificate: Certificate | undefined;
  submitted: boolean;
  /** What sending the certificate costs, as it was told last; `at`: the head then, undefined while it is asked for. */
  fee: { at: number | undefined; amount: bigint | undefined } | undefined;
  /** First head at which a submission that failed, or that a reorg removed, is tried again. */
  resubmitAt: number | undefined;
  progressAt: number;
  /** Questions for what was missed. */
  asked: number;
  /** Reasons that were told once for the whole turn. */
  readonly told: Set<ReasonCode>;
};

export type KeeperState = {
  head: number;
  /** Canonical hashes of slot starts and recent blocks. */
  readonly hashes: Map<number, Hex>;
  entropy: Hex;
  group: GroupSnapshot | undefined;
  /** R23: highest head that it or its store had seen at the start; undefined before the first block. */
  startHead: number | undefined;
  storedHead: number;
  secondInstance: boolean;
  /** The last hellos of each keeper, of at most two of its processes. */
  readonly hellos: Map<number, MessageOf<"hello">[]>;
  /** D9: keepers that answered a question which a double's hello would have reached before. */
  readonly vouched: Set<number>;
  /** Slot of the last hello; −1 none. */
  helloSlot: number;
  /** The last head brought a hello, so with the next one the others' are asked for. */
  asksForHellos: boolean;
  /** Questions for hellos since the start. */
  hellosAsked: number;
  readonly connected: Set<Hex>;
  readonly records: Map<number, Map<number, ChallengeRecord>>;
  /** Last slot whose challenges were prepared; −1 none since the start or since this keeper has a seat. */
  challengedSlot: number;
  /** S5: notes of intervals that began before this block may be gone, so nothing new is signed there. */
  notesFrom: number;
  readonly tasks: Map<string, ChallengeTask>;
  readonly before: Map<number, ReadonlyMap<number, bigint>>;
  readonly notes: Map<string, Hex>;
  readonly own: Map<string, OwnValues>;
  readonly salts: Map<Hex, { readonly ts: number; readonly salt: Hex }>;
  turn: TurnState | undefined;
  /** The turn that settled last: if a reorg removes its settlement, its certificate is sent again. */
  settledTurn: TurnState | undefined;
  /** Messages ahead of this keeper's view, bounded per sender. */
  readonly early: Map<number, HeardMessage[]>;
};

/** A message with what this keeper knows of its coming. */
export type HeardMessage = {
  readonly message: Message;
  /** Head at which it came. */
  readonly heardAt: number;
  readonly way: Way;
};

/**
 * How a message came (R18). gossip: it goes to all as it comes, or it is this keeper's own. question: it was asked for, so others
 * may lack it. surplus: its author said two others of the kind in this turn, so it is passed on to nobody.
 */
export type Way = "gossip" | "question" | "surplus";

export function initialState(): KeeperState {
  return {
    head: -1,
    hashes: new Map(),
    entropy: "0x",
    group: undefined,
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
    notesFrom: 0,
    tasks: new Map(),
    before: new Map(),
    notes: new Map(),
    own: new Map(),
    salts: new Map(),
    turn: undefined,
    settledTurn: undefined,
    early: new Map(),
  };
}

/** One step in the making: the state to change and the effects to hand out. */
export type Step = { readonly state: KeeperState; readonly config: Config; readonly effects: Effect[] };

export function reason(step: Step, code: ReasonCode, detail: string): void {
  step.effects.push({ kind: "reason", code, detail });
}

/** Once a turn: what holds for all of it is no news at every block. */
export function reasonOnce(step: Step, turn: TurnState, code: ReasonCode, detail: string): void {
  if (turn.told.has(code)) return;
  turn.told.add(code);
  reason(step, code, detail);
}

/** R4: the block a keeper acts on. */
export function viewOf(state: KeeperState): number {
  return state.group === undefined ? -1 : state.head - state.group.params.confirmations;
}

export function turnKey(ts: number, turn: number): string {
  return `${ts}/${turn}`;
}
