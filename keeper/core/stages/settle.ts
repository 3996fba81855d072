/** R29: follows the settlements on chain and prunes older state. */
import type { GroupSnapshot } from "../../../protocol/group.ts";
import { memberIndex, slotAt } from "../../../protocol/group.ts";
import { reason } from "../state.ts";
import type { Step } from "../state.ts";
import { bytesBefore } from "./integrate.ts";

export function onGroup(step: Step, shown: GroupSnapshot): void {
  const { state, config } = step;
  const old = state.group;
  const snapshot = old === undefined ? shown : withKnownHistory(shown, old, state.before.keys());
  if (old !== undefined && snapshot.ts > old.ts) {
    const bytes = bytesBefore(step, snapshot, old.ts, snapshot.ts);
    state.before.set(snapshot.ts, new Map(bytes.map((v) => [v.provider, v.value])));
    step.effects.push({ kind: "persist", writes: [{ kind: "before", ts: snapshot.ts, bytes }] });
    // One settled interval is kept, so that a reorg of its settlement finds its state.
    prune(step, snapshot, old.ts);
  }
  if (old?.committee.version !== snapshot.committee.version) state.hellos.clear();
  state.group = snapshot;
  const seated =
    memberIndex(snapshot.committee, config.me) >= 0 ||
    (snapshot.pending !== undefined && memberIndex(snapshot.pending, config.me) >= 0);
  if (!seated && old?.committee.version !== snapshot.committee.version) {
    reason(step, "not-a-member", config.me);
  }
}

/**
 * R14: the chain shows commitments from the last settlement on. The commitments of the interval before cap the bytes carried from it.
 * This keeper has read them earlier unless it was down, and keeps them from the oldest interval start that it carries bytes from.
 */
function withKnownHistory(
  shown: GroupSnapshot,
  old: GroupSnapshot,
  carriedFrom: Iterable<number>,
): GroupSnapshot {
  const from = Math.min(shown.ts, old.ts, ...carriedFrom);
  const providers = shown.providers.map((provider) => {
    const first = provider.history[0]?.fromBlock ?? 0;
    const before = old.providers.find(({ index }) => index === provider.index)?.history ?? [];
    const earlier = before.filter(({ fromBlock }) => fromBlock < first);
    const inForce = earlier.findLastIndex(({ fromBlock }) => fromBlock <= from);
    const known = first <= from ? [] : earlier.slice(Math.max(inForce, 0));
    return known.length === 0 ? provider : { ...provider, history: [...known, ...provider.history] };
  });
  return { ...shown, providers };
}

function prune(step: Step, snapshot: GroupSnapshot, ts: number): void {
  const { state } = step;
  const firstSlot = slotAt(snapshot.params, ts);
  state.notesFrom = Math.max(state.notesFrom, ts);
  for (const [provider, bySlot] of state.records) {
    for (const slot of bySlot.keys()) if (slot < firstSlot) bySlot.delete(slot);
    if (bySlot.size === 0) state.records.delete(provider);
  }
  for (const number of state.hashes.keys()) if (number < ts) state.hashes.delete(number);
  for (const at of state.before.keys()) if (at < ts) state.before.delete(at);
  for (const [round, salt] of state.salts) if (salt.ts < ts) state.salts.delete(round);
  for (const [key, own] of state.own) if (own.ts < ts) state.own.delete(key);
  for (const key of state.notes.keys()) if (Number(key.split("/")[0]) < ts) state.notes.delete(key);
  step.effects.push({ kind: "prune", ts });
}
