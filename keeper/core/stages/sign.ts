/** R23: one digest a turn, durably noted before its signature is sent. Never two. */
import type { Hex } from "../../../protocol/hash.ts";
import type { MessageOf } from "../../../protocol/messages.ts";
import { certificateDigest, domainOf } from "../../../protocol/certificate.ts";
import type { Signed } from "../effects.ts";
import { isListening } from "../liveness.ts";
import { reason, reasonOnce, turnKey } from "../state.ts";
import type { RoundState, Step, TurnState } from "../state.ts";
import { contradicts, ofLeader } from "../turn.ts";
import { fetchPages, pagesOfLeader, pinnedHolds, signedOf } from "./exchange.ts";
import { counted } from "../../../protocol/counted.ts";

/** Whether a digest that is not yet noted may be signed in this turn. */
export function maySignNew(step: Step, turn: TurnState): boolean {
  const { state } = step;
  const { committee } = state;
  if (committee === undefined || state.startHead === undefined || state.secondInstance) return false;
  if (turn.te <= state.startHead + committee.params.confirmations) {
    reasonOnce(step, turn, "barred-after-start", `te ${turn.te}, head at start ${state.startHead}`);
    return false;
  }
  if (turn.ts < state.notesFrom) {
    reasonOnce(step, turn, "barred-after-reorg", `ts ${turn.ts}, notes kept from ${state.notesFrom}`);
    return false;
  }
  if (turn.contradicted) {
    reasonOnce(
      step,
      turn,
      "leader-contradicts-itself",
      `ts ${turn.ts}, turn ${turn.turn}, leader ${turn.leader}`,
    );
    return false;
  }
  if (isListening(state, committee)) {
    reasonOnce(step, turn, "listening-after-start", `confirmed by ${counted(state.vouched.size, "keeper")}`);
    return false;
  }
  return true;
}

/** The leader proposes when its bundle is decided; the others sign the digest if they compute the same one. */
export function tickSign(step: Step): void {
  const turn = step.state.turn;
  const round = turn?.round;
  if (turn === undefined || round?.evaluation === undefined) return;
  if (turn.announced && round.proposal === undefined && !round.proposing) lead(step, turn, round);
  if (round.proposal !== undefined && !round.signed) trySign(step, turn, round, round.proposal);
}

function digestOf(step: Step, { certificate }: Signed): Hex {
  const { committee } = step.state;
  if (committee === undefined) throw new Error("digest: no committee known yet");
  return certificateDigest(domainOf(committee.chainId, committee.address), certificate);
}

function lead(step: Step, turn: TurnState, round: RoundState): void {
  const { pinned } = round.exchange;
  const pages = pagesOfLeader(step, turn, round);
  if (pinned === undefined || pages === undefined || round.bundle === undefined) return;
  const signed = signedOf(step, turn, round, pinned);
  if (signed === undefined) return;
  const digest = digestOf(step, signed);
  round.proposing = true;
  if (!note(step, turn, digest, signed)) return;
  round.signed = true;
  step.effects.push({
    kind: "broadcast",
    body: {
      kind: "proposal",
      round: round.announce.body.round,
      bundle: round.bundle.hash,
      digest,
      pinned,
      pages,
    },
  });
  step.effects.push({ kind: "sign-digest", round: round.announce.body.round, digest });
}

export function onProposal(
  step: Step,
  turn: TurnState,
  round: RoundState,
  message: MessageOf<"proposal">,
): void {
  if (!ofLeader(step, turn, message)) return;
  if (round.proposal !== undefined) return void contradicts(step, turn, round.proposal, message);
  round.proposal = message;
  turn.progressAt = step.state.head;
}

function trySign(step: Step, turn: TurnState, round: RoundState, proposal: MessageOf<"proposal">): void {
  const { body } = proposal;
  if (round.refused) return;
  if (round.bundle?.hash !== body.bundle || !pinnedHolds(turn, round, body)) {
    round.signed = true;
    return reason(step, "digest-mismatch", "bundle or pinned keepers differ");
  }
  if (body.pages.length > 0 && !round.exchange.fetched) return fetchPages(step, turn, round, body);
  const signed = signedOf(step, turn, round, body.pinned);
  if (signed === undefined) return;
  const digest = digestOf(step, signed);
  if (digest !== body.digest) {
    round.signed = true;
    return reason(step, "digest-mismatch", `expected ${digest}, actual ${body.digest}`);
  }
  const noted = step.state.notes.get(turnKey(turn.ts, turn.turn));
  if (noted === undefined && !maySignNew(step, turn)) return;
  round.signed = true;
  if (!note(step, turn, digest, signed)) return;
  step.effects.push({ kind: "sign-digest", round: body.round, digest });
}

/** False if another digest is noted. The `persist` effect completes before the signature is made. */
function note(step: Step, turn: TurnState, digest: Hex, signed: Signed): boolean {
  const { state } = step;
  if (state.secondInstance) {
    reason(step, "second-instance", "not signed");
    return false;
  }
  const key = turnKey(turn.ts, turn.turn);
  const noted = state.notes.get(key);
  if (noted !== undefined && noted !== digest) {
    reason(step, "already-signed", `noted ${noted}, asked for ${digest}`);
    return false;
  }
  if (noted === undefined) {
    if (!maySignNew(step, turn)) return false;
    state.notes.set(key, digest);
    state.certificates.set(key, signed);
    const at = { ts: turn.ts, turn: turn.turn };
    const writes = [
      { kind: "note", ...at, digest },
      { kind: "certificate", ...at, ...signed },
    ] as const;
    step.effects.push({ kind: "persist", writes });
  }
  turn.signed = signed;
  return true;
}
