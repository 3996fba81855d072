/** R21: values, salt and the audited leaves, once the audit block is confirmed and not before. */
import type { Event } from "../events.ts";
import type { Hex } from "../hash.ts";
import { commitmentOf } from "../messages.ts";
import type { MessageOf, OpenedLeaf } from "../messages.ts";
import { TreePaths, leafHash, treePath } from "../records.ts";
import { phaseTimeout, reason, turnKey, viewOf } from "../state.ts";
import type { CloseState, RevealState, RoundState, Step, TurnState } from "../state.ts";
import { slotAt } from "../group.ts";
import type { GroupParams } from "../group.ts";
import { drawAudit, leafIndex, uniqueDraws } from "./audit.ts";
import type { AuditScope, Draw } from "./audit.ts";
import { ownValues } from "./commit.ts";

/** Different reveals of one keeper that are kept beside the one that a bundle names: a bound, and enough for evidence. */
const maxRevealsHeard = 2;

export function auditScope(step: Step, turn: TurnState): AuditScope | undefined {
  const params = step.state.group?.params;
  if (params === undefined) return undefined;
  return {
    providers: turn.scope.map((provider) => provider.index),
    fromSlot: slotAt(params, turn.ts),
    toSlot: slotAt(params, turn.te),
  };
}

/** Hash of the audit block once the view has reached it. */
export function auditBlockHash(step: Step, close: CloseState): Hex | undefined {
  const { auditBlock } = close.message.body;
  return viewOf(step.state) >= auditBlock ? step.state.hashes.get(auditBlock) : undefined;
}

/** Head from which the leader waits for reveals no longer (R19, R26). */
export function revealDeadline(auditBlock: number, params: GroupParams): number {
  return auditBlock + params.confirmations + phaseTimeout(params.turn);
}

function drawsOf(step: Step, turn: TurnState, close: CloseState): readonly Draw[] | undefined {
  const scope = auditScope(step, turn);
  const blockHash = auditBlockHash(step, close);
  if (scope === undefined || blockHash === undefined) return undefined;
  // Every reveal is held against the same draws; a reorg of the audit block makes others.
  if (close.audit?.blockHash !== blockHash) {
    close.audit = { blockHash, draws: drawAudit(close.hash, blockHash, scope) };
  }
  return close.audit.draws;
}

/** Opens the own records when the audit is known; looks again at reveals that came before this keeper's view. */
export function tickReveal(step: Step): void {
  const turn = step.state.turn;
  if (turn === undefined) return;
  for (const round of turn.rounds.values()) {
    openOwn(step, turn, round);
    for (const reveal of round.reveals.values())
      if (reveal.status === "waiting") check(step, turn, round, reveal);
  }
}

function openOwn(step: Step, turn: TurnState, round: RoundState): void {
  if (round.accepted === undefined || round.opening || revealsOf(round, turn.me).length > 0) return;
  const draws = drawsOf(step, turn, round.accepted);
  if (draws === undefined || ownValues(step, turn) === undefined) return;
  const scope = auditScope(step, turn);
  const tree = turn.tree;
  if (scope === undefined || tree === undefined) return;
  round.opening = true;
  const proven = uniqueDraws(draws).filter((d) => tree.leaves[leafIndex(scope, d)]?.kind === "proven");
  step.effects.push({ kind: "open", round: round.id, leaves: proven, proofOf: proven[0] });
}

export function revealsOf(round: RoundState, keeper: number): RevealState[] {
  return [...round.reveals.values()].filter((reveal) => reveal.message.keeper === keeper);
}

/** The reveal of a keeper that the bundle names. */
export function bundledReveal(round: RoundState, keeper: number): RevealState | undefined {
  const listed = round.bundle?.body.reveals.find((r) => r.keeper === keeper);
  const reveal = listed === undefined ? undefined : round.reveals.get(listed.hash);
  return reveal?.message.keeper === keeper ? reveal : undefined;
}

/** The leader counted these, so it has what was missing for checking them. */
export function recheck(round: RoundState, hashes: readonly Hex[]): void {
  for (const hash of hashes) {
    const reveal = round.reveals.get(hash);
    if (reveal?.status === "unchecked") reveal.status = "waiting";
  }
}

/** The store's answer to `open`: everything is at hand, reveal. */
export function onOpened(step: Step, event: Extract<Event, { kind: "opened" }>): void {
  const turn = step.state.turn;
  const round = turn?.rounds.get(event.round);
  const tree = turn?.tree;
  if (turn === undefined || round?.accepted === undefined || tree === undefined) return;
  const draws = drawsOf(step, turn, round.accepted);
  const scope = auditScope(step, turn);
  const own = step.state.own.get(turnKey(turn.ts, turn.turn));
  const salt = step.state.salts.get(round.id)?.salt;
  if (draws === undefined || scope === undefined || own === undefined || salt === undefined) {
    round.opening = false; // a reorg moved the audit block: open again when it is back
    return;
  }
  let next = 0;
  const opened: OpenedLeaf[] = [];
  for (const draw of uniqueDraws(draws)) {
    const index = leafIndex(scope, draw);
    const leaf = tree.leaves[index];
    if (leaf === undefined) return;
    const receipt = leaf.kind === "proven" ? event.receipts[next++] : new Uint8Array();
    if (receipt === undefined) {
      return reason(step, "receipt-lost", `provider ${draw.provider}, slot ${draw.slot}`);
    }
    opened.push({ ...draw, leaf, path: treePath(tree, index), receipt });
  }
  if (next > 0 && event.proof === undefined) return reason(step, "receipt-lost", "full proof");
  step.effects.push({
    kind: "broadcast",
    body: {
      kind: "reveal",
      round: round.propose.body.round,
      closedSet: round.accepted.hash,
      values: own.values,
      recordsRoot: own.recordsRoot,
      salt,
      opened,
      proof: event.proof,
    },
  });
}

export function onReveal(step: Step, turn: TurnState, round: RoundState, message: MessageOf<"reveal">): void {
  if (round.reveals.has(message.hash)) return;
  const others = revealsOf(round, message.keeper);
  const [known] = others;
  if (known !== undefined && others.length === 1) {
    step.effects.push({ kind: "evidence", first: known.message, second: message });
    reason(step, "equivocation", `reveal of keeper ${message.keeper}`);
  }
  // L1: which of two reveals came first here must not decide whether this keeper can follow the leader's bundle.
  const named = round.bundle?.body.reveals.some((r) => r.hash === message.hash) ?? false;
  if (others.length >= maxRevealsHeard && !named) {
    return reason(step, "message-surplus", `reveal of keeper ${message.keeper}`);
  }
  const reveal: RevealState = { message, status: "waiting", opened: 0, countedAt: undefined };
  round.reveals.set(message.hash, reveal);
  turn.progressAt = step.state.head;
  check(step, turn, round, reveal);
}

/** All that needs no key: commitment, leaves and paths. Receipts and the full proof follow in the runtime. */
function check(step: Step, turn: TurnState, round: RoundState, reveal: RevealState): void {
  const { message } = reveal;
  const { body } = message;
  const close = round.closes.find((c) => c.hash === body.closedSet);
  if (close === undefined) return;
  const draws = drawsOf(step, turn, close);
  const scope = auditScope(step, turn);
  if (draws === undefined || scope === undefined) return;
  const mismatch = revealFault(round, close, message, scope, uniqueDraws(draws));
  if (mismatch !== undefined) {
    reveal.status = "rejected";
    return reason(step, "reveal-mismatch", `keeper ${message.keeper}: ${mismatch}`);
  }
  const proven = new Set(
    body.opened.filter((o) => o.leaf.kind === "proven").map((o) => `${o.provider}/${o.slot}`),
  );
  reveal.opened = draws.filter((d) => proven.has(`${d.provider}/${d.slot}`)).length;
  reveal.status = "checking";
  const operator = turn.committee.members[message.keeper]?.operator;
  if (operator === undefined) return;
  step.effects.push({
    kind: "verify-evidence",
    round: round.id,
    reveal: message,
    keeperOperator: operator,
    opened: body.opened.filter((o) => o.leaf.kind === "proven"),
    proof: body.proof,
  });
}

function revealFault(
  round: RoundState,
  close: CloseState,
  message: MessageOf<"reveal">,
  scope: AuditScope,
  expected: readonly Draw[],
): string | undefined {
  const { body, keeper } = message;
  const committed = close.message.body.commits.find((c) => c.keeper === keeper)?.commitment;
  if (committed === undefined) return "no commit in the closed set";
  if (committed !== commitmentOf(round.id, keeper, body.values, body.recordsRoot, body.salt)) {
    return "values, records root or salt differ from the commit";
  }
  const sameScope =
    body.values.length === scope.providers.length &&
    body.values.every((v, i) => v.provider === scope.providers[i]);
  if (!sameScope) return "providers differ from the round's";
  const sameDraws =
    body.opened.length === expected.length &&
    body.opened.every((o, i) => o.provider === expected[i]?.provider && o.slot === expected[i]?.slot);
  if (!sameDraws) return "leaves differ from the audit's";
  const leafCount = scope.providers.length * (scope.toSlot - scope.fromSlot);
  const paths = new TreePaths(body.recordsRoot, leafCount);
  const broken = body.opened.find(
    (o) => !paths.holds(leafIndex(scope, o), leafHash(o.provider, o.slot, o.leaf), o.path),
  );
  if (broken !== undefined) return `path of provider ${broken.provider}, slot ${broken.slot}`;
  const first = body.opened.find((o) => o.leaf.kind === "proven");
  const proofFits =
    first === undefined
      ? body.proof === undefined
      : body.proof?.provider === first.provider && body.proof.slot === first.slot;
  return proofFits ? undefined : "full proof is not of the first drawn proven leaf";
}

export function onEvidenceChecked(step: Step, event: Extract<Event, { kind: "evidence-checked" }>): void {
  const round = step.state.turn?.rounds.get(event.round);
  const reveal = round?.reveals.get(event.reveal);
  if (reveal === undefined || reveal.status !== "checking") return;
  const missing = event.fault === "piece-list-missing";
  reveal.status = event.fault === undefined ? "counted" : missing ? "unchecked" : "rejected";
  if (event.fault === undefined) reveal.countedAt = step.state.head;
  if (event.fault !== undefined) reason(step, event.fault, `keeper ${event.keeper}`);
}
