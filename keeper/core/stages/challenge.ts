/** R8, R9: every keeper challenges every provider once a slot, at an offset that only its own seed determines. */
import { challengeOffset } from "../../../storage/core/sampling.ts";
import { dataAt, memberIndex, slotAt, slotStart } from "../../../protocol/group.ts";
import type { GroupSnapshot, ProviderEntry } from "../../../protocol/group.ts";
import type { Event } from "../events.ts";
import { reason } from "../state.ts";
import type { ChallengeTask, Step } from "../state.ts";

export function taskKey(provider: number, slot: number): string {
  return `${provider}/${slot}`;
}

function holdsSeat(step: Step, group: GroupSnapshot): boolean {
  const { me } = step.config;
  if (memberIndex(group.committee, me) >= 0) return true;
  return group.pending !== undefined && memberIndex(group.pending, me) >= 0; // R33: a member of the pending committee challenges too
}

/** Prepares the challenges of a slot once its first block is confirmed, and sends those whose offset is reached. */
export function tickChallenge(step: Step): void {
  const { state } = step;
  const group = state.group;
  if (group === undefined) return;
  if (!holdsSeat(step, group)) {
    state.challengedSlot = -1;
    return;
  }
  const { params } = group;
  if (state.head < params.originBlock) return;
  const slot = slotAt(params, state.head);
  const position = state.head - slotStart(params, slot);
  if (position < params.confirmations) return;
  const blockHash = state.hashes.get(slotStart(params, slot));
  if (blockHash === undefined) return;
  if (state.challengedSlot >= 0 && slot > state.challengedSlot + 1) {
    reason(step, "slots-missed", `slots ${state.challengedSlot + 1} to ${slot - 1}`);
  }
  state.challengedSlot = Math.max(slot, state.challengedSlot);
  for (const provider of group.providers) prepare(step, group, provider, slot, blockHash);
  for (const task of state.tasks.values()) if (task.slot === slot) askWhenDue(step, group, task);
}

function prepare(
  step: Step,
  group: GroupSnapshot,
  provider: ProviderEntry,
  slot: number,
  blockHash: ChallengeTask["blockHash"],
): void {
  const { state } = step;
  const key = taskKey(provider.index, slot);
  const known = state.tasks.get(key);
  // A reorg of the slot's first block invalidates the earlier challenge (R13).
  if (known?.blockHash === blockHash) return;
  if (state.records.get(provider.index)?.get(slot)?.blockHash === blockHash) return;
  const data = dataAt(provider, slotStart(group.params, slot));
  if (data === undefined || data.bytes === 0n) return;
  const task: ChallengeTask = {
    provider: provider.index,
    slot,
    blockHash,
    seed: undefined,
    offset: undefined,
    askedAt: undefined,
    unreachable: false,
    skipped: false,
  };
  state.tasks.set(key, task);
  if (state.head - slotStart(group.params, slot) >= group.params.slot - group.params.answer) {
    return skip(step, task);
  }
  step.effects.push({ kind: "make-seed", provider: provider.index, slot, blockHash });
}

/** Reports a skipped challenge. The task stays until the slot's end, so it is reported once. */
export function skip(step: Step, task: ChallengeTask): void {
  task.skipped = true;
  reason(step, "challenge-late-start", `provider ${task.provider}, slot ${task.slot}`);
}

export function onSeed(step: Step, event: Extract<Event, { kind: "seed" }>): void {
  const task = step.state.tasks.get(taskKey(event.provider, event.slot));
  const group = step.state.group;
  if (task === undefined || group === undefined) return;
  if (task.blockHash !== event.blockHash || task.seed !== undefined) return;
  task.seed = event.seed;
  askWhenDue(step, group, task);
}

function askWhenDue(step: Step, group: GroupSnapshot, task: ChallengeTask): void {
  const { state } = step;
  const { confirmations, slot, answer } = group.params;
  if (task.seed === undefined || task.askedAt !== undefined || task.skipped) return;
  const position = state.head - slotStart(group.params, task.slot);
  task.offset ??= challengeOffset(task.seed, { confirmations, slot, answer });
  if (position < task.offset) return;
  if (position >= slot - answer) return skip(step, task);
  task.askedAt = state.head;
  step.effects.push({
    kind: "challenge",
    provider: task.provider,
    slot: task.slot,
    blockHash: task.blockHash,
    seed: task.seed,
  });
}
