/**
 * R37: consents by itself to the replacement of members that resigned. The rule is `protocol/succession.ts`; here is when: with the view
 * of a head, never beside a second instance (D9), and never before the consent is noted in the store.
 */
import type { CommitteeSnapshot } from "../../protocol/committee.ts";
import { consentDue, verdictOn } from "../../protocol/succession.ts";
import type { ConsentScope, Proposal, Replaced } from "../../protocol/succession.ts";
import type { Event } from "./events.ts";
import { isListening } from "./liveness.ts";
import { reason } from "./state.ts";
import type { Step } from "./state.ts";

export function tickSuccession(step: Step): void {
  const { state, config } = step;
  const { committee } = state;
  if (committee === undefined) return;
  const { proposals } = committee.succession;
  for (const version of state.withheld)
    if (!proposals.some((one) => one.version === version)) state.withheld.delete(version);
  if (proposals.length === 0 || state.startHead === undefined || state.secondInstance) return;
  if (isListening(state, committee)) return;
  const scope = scopeOf(step, committee);
  tellWithheld(step, scope);
  const due = config.replacesResigned ? consentDue(scope) : undefined;
  if (due !== undefined) consent(step, committee, due.proposal, due.replaced);
}

function scopeOf({ state, config }: Step, committee: CommitteeSnapshot): ConsentScope {
  const { version, succession } = committee;
  return { ...succession, me: config.me, version, noted: new Set(state.consents.keys()) };
}

/** Tells each proposal that only the operator can approve, once. */
function tellWithheld(step: Step, scope: ConsentScope): void {
  const { state, config } = step;
  for (const proposal of scope.proposals) {
    const { version } = proposal;
    if (state.withheld.has(version)) continue;
    const verdict = verdictOn(proposal, scope);
    const off = verdict.kind === "consent" && !config.replacesResigned;
    if (verdict.kind !== "refuse" && !off) continue;
    state.withheld.add(version);
    const why = verdict.kind === "refuse" ? verdict.why : "policy.replaceResigned is false";
    reason(step, "consent-withheld", `version ${version}: ${why}`);
  }
}

/**
 * Sends it, and sends it again once a turn while the proposal is open and the chain does not show the consent. The contract refuses a
 * second consent in the simulation, so a repetition costs no gas.
 */
function consent(
  step: Step,
  { params, version: inForce }: CommitteeSnapshot,
  { version }: Proposal,
  replaced: readonly Replaced[],
): void {
  const { state } = step;
  const known = state.consents.get(version);
  if (known?.sending === true || state.head < (known?.again ?? 0)) return;
  if (known === undefined) {
    // The note is on disk before the transaction leaves, as in R23: a restarted keeper consents to no other version beside this one.
    step.effects.push({ kind: "persist", writes: [{ kind: "consent", version }] });
  }
  state.consents.set(version, { sending: true, again: state.head + params.turn });
  step.effects.push({ kind: "consent", version, replaced, members: inForce.members.length });
}

export function onConsented({ state }: Step, { version }: Extract<Event, { kind: "consented" }>): void {
  const known = state.consents.get(version);
  if (known !== undefined) known.sending = false;
}
