/** R21: keepers reveal values, salt and audited leaves once the audit block is confirmed. */
import type { Event } from "../events.ts";
import type { Hex } from "../../../protocol/hash.ts";
import { commitmentOf, revealedRoot } from "../../../protocol/messages.ts";
import type { MessageOf, OpenedLeaf, RevealedValues } from "../../../protocol/messages.ts";
import { passOn } from "../pass-on.ts";
import { TreePaths, leafHash, leafKeyText, providerText, treePath } from "../../../protocol/records.ts";
import type { LeafKey, RecordScope } from "../../../protocol/records.ts";
import { maxValuesInMessage, pageCount, valuePageHash, valuePages } from "../../../protocol/values.ts";
import { reason, reasonOnce, turnKey, viewOf } from "../state.ts";
import { phaseTimeout } from "../../../protocol/turns.ts";
import type { CloseState, HeardMessage, RevealState, RoundState, Step, TurnState } from "../state.ts";
import type { CommitteeParams } from "../../../protocol/committee.ts";
import { committeeSize, roundOf } from "../turn.ts";
import { auditSeed, drawAudit, uniqueDraws } from "./audit.ts";
import { ownValues } from "./commit.ts";

/** Different reveals of one keeper that are kept besides the one in the bundle; two are evidence. */
const maxRevealsKept = 2;

/** Hash of the audit block once the view has reached it. */
function auditBlockHash(step: Step, close: CloseState): Hex | undefined {
  const { auditBlock } = close.message.body;
  return viewOf(step.state) >= auditBlock ? step.state.hashes.get(auditBlock) : undefined;
}

/** Head from which the leader no longer waits for reveals (R22). */
export function revealDeadline(auditBlock: number, params: CommitteeParams): number {
  return auditBlock + params.confirmations + phaseTimeout(params.turn);
}

type Audit = NonNullable<CloseState["audit"]>;

/** The audit of a closed set, once its audit block is confirmed (R20). Every reveal is checked against the same draws. */
export function auditOf(step: Step, turn: TurnState, close: CloseState): CloseState["audit"] {
  const { committee } = step.state;
  const blockHash = auditBlockHash(step, close);
  if (committee === undefined || blockHash === undefined) return undefined;
  // A reorg of the audit block changes the audit.
  if (close.audit?.blockHash !== blockHash) {
    const seed = auditSeed(committee.address, turn.ts, turn.turn, blockHash);
    close.audit = { blockHash, seed, draws: drawAudit(seed, turn.scope.records) };
  }
  return close.audit;
}

/** Opens the own records when the audit is known, and checks reveals that arrived before the audit was known. */
export function tickReveal(step: Step): void {
  const turn = step.state.turn;
  const round = turn?.round;
  if (turn === undefined || round === undefined) return;
  openOwn(step, turn, round);
  for (const reveal of round.reveals.values()) {
    if (reveal.status === "waiting") check(step, turn, round, reveal);
  }
}

function openOwn(step: Step, turn: TurnState, round: RoundState): void {
  if (round.accepted === undefined || round.opening || revealsOf(round, turn.me).length > 0) return;
  const audit = auditOf(step, turn, round.accepted);
  if (audit === undefined || ownValues(step, turn) === undefined) return;
  if (!step.state.salts.has(round.id)) {
    // A store restored from an older copy lacks the salt of a commit that is in the closed set.
    return reasonOnce(step, turn, "salt-lost", `ts ${turn.ts}, turn ${turn.turn}`);
  }
  const { tree, scope } = turn;
  if (tree === undefined) return;
  round.opening = true;
  const proven = uniqueDraws(audit.draws).filter((draw) => {
    const index = scope.records.indexOf(draw);
    return index !== undefined && tree.leaves[index]?.kind === "proven";
  });
  step.effects.push({ kind: "open", round: round.id, leaves: proven, proofOf: proven[0] });
}

function revealsOf(round: RoundState, keeper: number): RevealState[] {
  return [...round.reveals.values()].filter((reveal) => reveal.message.keeper === keeper);
}

/** The reveal of a keeper that the bundle names. */
export function bundledReveal(round: RoundState, keeper: number): RevealState | undefined {
  const listed = round.bundle?.body.reveals.find((r) => r.keeper === keeper);
  const reveal = listed === undefined ? undefined : round.reveals.get(listed.hash);
  return reveal?.message.keeper === keeper ? reveal : undefined;
}

/** Checks reveals again whose piece list was missing: a keeper that counted them may serve the list by now (R10). */
export function recheckReveals(step: Step): void {
  for (const reveal of step.state.turn?.round?.reveals.values() ?? []) {
    if (reveal.status === "unchecked") reveal.status = "waiting";
  }
}

/** The store has returned receipts and proof: broadcasts the reveal. */
export function onOpened(step: Step, event: Extract<Event, { kind: "opened" }>): void {
  const { turn } = step.state;
  const round = roundOf(step, event.round);
  if (turn?.tree === undefined || round?.accepted === undefined) return;
  const { tree, scope } = turn;
  const audit = auditOf(step, turn, round.accepted);
  const own = step.state.own.get(turnKey(turn.ts, turn.turn));
  const salt = step.state.salts.get(round.id)?.salt;
  if (audit === undefined || own === undefined || salt === undefined) {
    round.opening = false; // a reorg removed the audit block: open again when it is confirmed again
    return;
  }
  let next = 0;
  const opened: OpenedLeaf[] = [];
  for (const draw of uniqueDraws(audit.draws)) {
    const index = scope.records.indexOf(draw);
    const leaf = index === undefined ? undefined : tree.leaves[index];
    if (index === undefined || leaf === undefined) return;
    const receipt = leaf.kind === "proven" ? event.receipts[next++] : new Uint8Array();
    if (receipt === undefined) {
      return reason(step, "receipt-lost", `${providerText(draw)}, slot ${draw.slot}`);
    }
    opened.push({ ...draw, leaf, path: treePath(tree, index), receipt });
  }
  if (next > 0 && event.proof === undefined) return reason(step, "receipt-lost", "full proof");
  step.effects.push({
    kind: "broadcast",
    body: {
      kind: "reveal",
      round: round.announce.body.round,
      closedSet: round.accepted.hash,
      values: revealValues(
        step,
        own.values.map(({ value }) => value),
      ),
      recordsRoot: own.recordsRoot,
      salt,
      opened,
      proof: event.proof,
    },
  });
}

/** R17: values that do not fit the message travel as pages, which this keeper serves. */
function revealValues(step: Step, values: readonly bigint[]): RevealedValues {
  if (values.length <= maxValuesInMessage) return { kind: "inline", values };
  const pages = valuePages(values);
  step.effects.push({ kind: "serve-pages", pages });
  return { kind: "pages", count: values.length, pages: pages.map(valuePageHash) };
}

export function onReveal(
  step: Step,
  turn: TurnState,
  round: RoundState,
  message: MessageOf<"reveal">,
  heard: HeardMessage,
): void {
  if (round.reveals.has(message.hash)) return;
  const others = revealsOf(round, message.keeper);
  const [known] = others;
  if (known !== undefined && others.length === 1) {
    step.effects.push({ kind: "evidence", first: known.message, second: message });
    reason(step, "equivocation", `reveal of keeper ${message.keeper}`);
  }
  if (!hasRoom(turn, round, message, others)) {
    return reason(step, "message-surplus", `reveal of keeper ${message.keeper}`);
  }
  const passedOnAt = passOn(step, heard);
  const { values: revealed } = message.body;
  const reveal: RevealState = {
    message,
    values: revealed.kind === "inline" ? revealed.values : undefined,
    askedAt: undefined,
    status: "waiting",
    opened: 0,
    passedOnAt,
    countedAt: undefined,
  };
  round.reveals.set(message.hash, reveal);
  turn.progressAt = step.state.head;
  check(step, turn, round, reveal);
}

/**
 * L1: if a keeper sends several reveals, their order of arrival must not decide whether this keeper can follow the others. So a rejected
 * reveal is replaced, and while none counts, every keeper may have passed on two different ones (R18).
 */
function hasRoom(
  turn: TurnState,
  round: RoundState,
  message: MessageOf<"reveal">,
  others: readonly RevealState[],
): boolean {
  if (round.bundle?.body.reveals.some((r) => r.hash === message.hash) === true) return true;
  const rejected = others.filter(({ status }) => status === "rejected");
  for (const { message: oldest } of rejected.slice(0, 1 - maxRevealsKept)) round.reveals.delete(oldest.hash);
  const open = others.length - rejected.length;
  const counted = others.some(({ status }) => status === "counted");
  return open < (counted ? maxRevealsKept : maxRevealsKept * committeeSize(turn));
}

/** Checks commitment, leaves and paths, which need no key. The runtime checks receipts and the full proof. */
function check(step: Step, turn: TurnState, round: RoundState, reveal: RevealState): void {
  const { message } = reveal;
  const { body } = message;
  const close = round.closes.find((c) => c.hash === body.closedSet);
  const audit = close === undefined ? undefined : auditOf(step, turn, close);
  if (close === undefined || audit === undefined) return;
  const mismatch = revealFault(turn, round, close, message, audit);
  if (mismatch !== undefined) {
    reveal.status = "rejected";
    return reason(step, "reveal-mismatch", `keeper ${message.keeper}: ${mismatch}`);
  }
  if (reveal.values === undefined) return fetchValues(step, turn, round, reveal);
  const proven = new Set(body.opened.filter((o) => o.leaf.kind === "proven").map(leafKeyText));
  reveal.opened = audit.draws.filter((draw) => proven.has(leafKeyText(draw))).length;
  reveal.status = "checking";
  const operator = turn.version.members[message.keeper]?.operator;
  if (operator === undefined) return;
  step.effects.push({
    kind: "check-openings",
    round: round.id,
    reveal: message,
    keeperOperator: operator,
    opened: body.opened.filter((o) => o.leaf.kind === "proven"),
    proof: body.proof,
  });
}

/** Asks for the pages once a head, until a holder has served them. */
function fetchValues(step: Step, turn: TurnState, round: RoundState, reveal: RevealState): void {
  const { keeper, hash, body } = reveal.message;
  if (body.values.kind === "inline" || reveal.askedAt === step.state.head) return;
  reveal.askedAt = step.state.head;
  const { count, pages } = body.values;
  const holders = [...new Set([keeper, turn.leader])].filter((holder) => holder !== turn.me);
  step.effects.push({ kind: "fetch-values", round: round.id, reveal: hash, pages, count, holders });
}

export function onValues(step: Step, event: Extract<Event, { kind: "values" }>): void {
  const turn = step.state.turn;
  const round = roundOf(step, event.round);
  const reveal = round?.reveals.get(event.reveal);
  if (turn === undefined || round === undefined || reveal?.status !== "waiting") return;
  if (event.values === undefined) return;
  reveal.values = event.values;
  check(step, turn, round, reveal);
}

/** The difference between a reveal and its commit or the audit; undefined: none. */
function revealFault(
  turn: TurnState,
  round: RoundState,
  close: CloseState,
  message: MessageOf<"reveal">,
  audit: Audit,
): string | undefined {
  const { body, keeper } = message;
  const committed = close.message.body.commits.find((c) => c.keeper === keeper)?.commitment;
  if (committed === undefined) return "no commit in the closed set";
  if (committed !== commitmentOf(round.id, keeper, revealedRoot(body.values), body.recordsRoot, body.salt)) {
    return "values, records root or salt differ from the commit";
  }
  const { values } = body;
  const count = values.kind === "inline" ? values.values.length : values.count;
  const expectedCount = turn.scope.entries.length;
  const pages = values.kind === "inline" ? 0 : values.pages.length;
  if (count !== expectedCount || (values.kind === "pages" && pages !== pageCount(count))) {
    return `values: expected ${expectedCount} in ${pageCount(expectedCount)} pages, actual ${count} in ${pages}`;
  }
  const { records } = turn.scope;
  const checked = checkedOpenings.get(body);
  if (checked?.scope === records && checked.audit === audit.seed) return checked.fault;
  const fault = openedFault(records, body, uniqueDraws(audit.draws));
  checkedOpenings.set(body, { scope: records, audit: audit.seed, fault });
  return fault;
}

type CheckedOpenings = {
  readonly scope: RecordScope;
  readonly audit: Hex;
  readonly fault: string | undefined;
};

/** A reveal whose piece list is missing is checked again at every head; paths and leaves are the same each time. */
const checkedOpenings = new WeakMap<MessageOf<"reveal">["body"], CheckedOpenings>();

function openedFault(
  scope: RecordScope,
  { recordsRoot, opened, proof }: MessageOf<"reveal">["body"],
  expected: readonly LeafKey[],
): string | undefined {
  const different = "leaves differ from those of the audit";
  if (opened.length !== expected.length) return different;
  for (const [i, one] of opened.entries()) {
    if (leafKeyText(one) !== leafKeyText(expected[i] as LeafKey)) return different;
  }
  const paths = new TreePaths(recordsRoot, scope.leafCount);
  for (const one of opened) {
    const index = scope.indexOf(one);
    const holds = index !== undefined && paths.holds(index, leafHash(one, one.leaf), one.path);
    if (!holds) return `wrong path of ${providerText(one)}, slot ${one.slot}`;
  }
  const first = opened.find((o) => o.leaf.kind === "proven");
  const proofFits =
    first === undefined
      ? proof === undefined
      : proof !== undefined && leafKeyText(proof) === leafKeyText(first);
  return proofFits ? undefined : "full proof is not of the first drawn proven leaf";
}

export function onOpeningsChecked(step: Step, event: Extract<Event, { kind: "openings-checked" }>): void {
  const reveal = roundOf(step, event.round)?.reveals.get(event.reveal);
  if (reveal === undefined || reveal.status !== "checking") return;
  const missing = event.fault === "piece-list-missing";
  reveal.status = event.fault === undefined ? "counted" : missing ? "unchecked" : "rejected";
  if (event.fault === undefined) reveal.countedAt = step.state.head;
  if (event.fault !== undefined) reason(step, event.fault, `keeper ${event.keeper}`);
}
