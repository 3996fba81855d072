/** The state machine: events in, effects out. This file has the only switch on event kinds. */
import type { Effect } from "./effects.ts";
import type { Block, Event } from "./events.ts";
import { hear, drainEarly } from "./inbox.ts";
import { onPulled, tickHello, tickPull } from "./liveness.ts";
import type { Config, KeeperState, Step } from "./state.ts";
import { turnKey } from "./state.ts";
import { tickAnnounce } from "./stages/announce.ts";
import { tickChallenge, onSeed } from "./stages/challenge.ts";
import { tickClose } from "./stages/close.ts";
import { tickDecide } from "./stages/decide.ts";
import { onPacked, onPages, onRecords, tickExchange } from "./stages/exchange.ts";
import { addRecord, onAnswer, tickRecord } from "./stages/record.ts";
import { onOpeningsChecked, onOpened, onValues, recheckReveals, tickReveal } from "./stages/reveal.ts";
import { onCertificate, onCommittee, tickSettle } from "./stages/settle.ts";
import { tickSign } from "./stages/sign.ts";
import { onAggregated, onFee, onSubmission, tickSubmit } from "./stages/submit.ts";
import { providerKey } from "../../protocol/records.ts";
import { onConsented, tickSuccession } from "./succession.ts";
import { updateTurn } from "./turn.ts";

/**
 * Applies one event. The state belongs to the machine and is changed in place. The same events in the same order give the same
 * states and effects everywhere. Bad input becomes a `reason` effect; an exception is a bug.
 */
export function step(
  state: KeeperState,
  event: Event,
  config: Config,
): { readonly state: KeeperState; readonly effects: Effect[] } {
  const now: Step = { state, config, effects: [] };
  apply(now, event);
  advance(now);
  return { state, effects: state.secondInstance ? now.effects.filter(isHarmless) : now.effects };
}

/** D9: after a keeper has detected a second instance it sends hellos only; the other instance detects it by them. */
function isHarmless(effect: Effect): boolean {
  if (effect.kind === "broadcast") return effect.body.kind === "hello";
  return !["sign-digest", "submit", "consent"].includes(effect.kind);
}

function apply(now: Step, event: Event): void {
  switch (event.kind) {
    case "restored":
      return restore(now, event);
    case "hashes":
      return noteHashes(now.state, event.blocks);
    case "committee":
      onCommittee(now, event.snapshot);
      return updateTurn(now);
    case "blocks":
      return onBlocks(now, event);
    case "peers":
      now.state.connected.clear();
      for (const operator of event.operators) now.state.connected.add(operator);
      return;
    case "message":
      return hear(now, event);
    case "pulled":
      return onPulled(now, event);
    case "seed":
      return onSeed(now, event);
    case "answer":
      return onAnswer(now, event);
    case "opened":
      return onOpened(now, event);
    case "values":
      return onValues(now, event);
    case "openings-checked":
      return onOpeningsChecked(now, event);
    case "aggregated":
      return onAggregated(now, event);
    case "fee":
      return onFee(now, event);
    case "submission":
      return onSubmission(now, event);
    case "consented":
      return onConsented(now, event);
    case "certificate":
      return onCertificate(now, event);
    case "records":
      return onRecords(now, event);
    case "packed":
      return onPacked(now, event);
    case "pages":
      return onPages(now, event);
  }
}

/** Every stage checks whether its condition holds. It may depend on a block, a message or a result. */
function advance(now: Step): void {
  tickAnnounce(now);
  tickClose(now);
  tickReveal(now);
  tickDecide(now);
  tickExchange(now);
  tickSign(now);
  tickSubmit(now);
  tickSettle(now);
}

function restore(now: Step, event: Extract<Event, { kind: "restored" }>): void {
  const { state } = now;
  state.storedHead = event.head;
  for (const record of event.records) addRecord(now, record);
  for (const note of event.notes) state.notes.set(turnKey(note.ts, note.turn), note.digest);
  for (const own of event.own) state.own.set(turnKey(own.ts, own.turn), own);
  for (const { ts, turn, certificate, groups } of event.certificates) {
    state.certificates.set(turnKey(ts, turn), { certificate, groups });
  }
  for (const { round, ts, salt } of event.salts) state.salts.set(round, { ts, salt });
  for (const version of event.consents) state.consents.set(version, { sending: false, again: 0 });
  for (const { ts, bytes } of event.before) {
    state.before.set(ts, new Map(bytes.map((v) => [providerKey(v), v.value])));
  }
}

/**
 * Deletes the hashes of blocks older than two turns and an interval, except slot starts. Later stages read only slot starts and blocks
 * of the present turn. Without this an interval that never settles would fill the memory.
 */
function forgetHashes(state: KeeperState, from: number): void {
  const params = state.committee?.params;
  if (params === undefined) return;
  const kept = 2 * params.turn + params.interval;
  for (let number = from - kept; number <= state.head - kept; number++) {
    if ((number - params.originBlock) % params.slot !== 0) state.hashes.delete(number);
  }
}

/** Consecutive blocks replace all known blocks at or above the first number (a reorg). */
function noteHashes(state: KeeperState, blocks: readonly Block[]): void {
  const first = blocks[0];
  if (first === undefined) return;
  if (first.number <= state.head) {
    for (const number of state.hashes.keys()) if (number >= first.number) state.hashes.delete(number);
  }
  for (const block of blocks) state.hashes.set(block.number, block.hash);
}

function onBlocks(now: Step, event: Extract<Event, { kind: "blocks" }>): void {
  const { state } = now;
  const first = event.blocks[0];
  const last = event.blocks.at(-1);
  if (first === undefined || last === undefined) return;
  noteHashes(state, event.blocks);
  state.head = last.number;
  forgetHashes(state, first.number);
  state.entropy = event.entropy;
  // R23: the start counts from the highest head that this keeper or its store has seen.
  state.startHead ??= Math.max(last.number, state.storedHead);
  if (last.number > state.storedHead) {
    state.storedHead = last.number;
    now.effects.push({ kind: "persist", writes: [{ kind: "head", head: last.number }] });
  }
  updateTurn(now);
  tickChallenge(now);
  tickRecord(now);
  drainEarly(now);
  recheckReveals(now);
  tickHello(now);
  tickPull(now);
  tickSuccession(now);
}
