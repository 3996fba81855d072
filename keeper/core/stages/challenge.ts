/**
 * R8, R9: every keeper challenges every provider of every group once a slot, at an offset that only its own seed determines. One seed and
 * one challenge serve all groups of a provider in the committee.
 */
import { challengeOffset } from "../../../storage/core/sampling.ts";
import { dataAt, dutyIndex, slotAt, slotStart } from "../../../protocol/committee.ts";
import type { CommitteeSnapshot, GroupEntry, ProviderEntry } from "../../../protocol/committee.ts";
import type { Hex } from "../../../protocol/hash.ts";
import { providerKey } from "../../../protocol/records.ts";
import type { ChallengeTarget } from "../effects.ts";
import type { Event } from "../events.ts";
import { reason } from "../state.ts";
import type { ChallengeTask, Step } from "../state.ts";

let lastTask = { operator: "0x" as Hex, slot: -1, key: "" };

/** A provider's answers about many groups arrive together, so the last key is kept. */
export function taskKey(operator: Hex, slot: number): string {
  if (lastTask.slot !== slot || lastTask.operator !== operator) {
    lastTask = { operator, slot, key: `${operator}/${slot}` };
  }
  return lastTask.key;
}

function holdsSeat(step: Step, { version, next }: CommitteeSnapshot): boolean {
  const { me } = step.config;
  if (dutyIndex(version, me) >= 0) return true;
  return next !== undefined && dutyIndex(next, me) >= 0; // R37: members of a complete next version challenge, too
}

/** Prepares the challenges of a slot once its first block is confirmed, and sends those whose offset is reached. */
export function tickChallenge(step: Step): void {
  const { state } = step;
  const { committee } = state;
  if (committee === undefined) return;
  if (!holdsSeat(step, committee)) {
    state.challengedSlot = -1;
    state.prepared = undefined;
    return;
  }
  const { params } = committee;
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
  const { prepared } = state;
  // The first block names the slot. Within a slot only its reorg, or another state of the groups, brings new challenges.
  if (prepared?.blockHash !== blockHash || prepared.groups !== committee.groups) {
    prepare(step, committee, slot, blockHash);
    state.prepared = { blockHash, groups: committee.groups };
  }
  for (const task of state.tasks.values()) if (task.slot === slot) askWhenDue(step, committee, task);
}

type Target = ChallengeTarget & { readonly end: number };

/** First block of a slot after a provider's duty: its group leaves, or its commitment ends (R8). */
function endWithin(group: GroupEntry, { history }: ProviderEntry, from: number, to: number): number {
  const gone = history.find(({ fromBlock, bytes }) => bytes === 0n && fromBlock > from)?.fromBlock ?? to;
  return Math.min(to, gone, group.left ?? to);
}

/** Groups that a provider is to be challenged about in a slot, by the provider's operator. */
function targetsOf(committee: CommitteeSnapshot, slot: number): Map<Hex, Target[]> {
  const [from, to] = [slotStart(committee.params, slot), slotStart(committee.params, slot + 1)];
  const targets = new Map<Hex, Target[]>();
  for (const group of committee.groups) {
    if (group.entered > from || (group.left !== undefined && group.left <= from)) continue;
    for (const provider of group.providers) {
      if ((dataAt(provider, from)?.bytes ?? 0n) === 0n) continue;
      const { number, address } = group;
      const end = endWithin(group, provider, from, to);
      const target = { group: number, address, provider: provider.index, end };
      const known = targets.get(provider.operator);
      if (known === undefined) targets.set(provider.operator, [target]);
      else known.push(target);
    }
  }
  return targets;
}

function prepare(step: Step, committee: CommitteeSnapshot, slot: number, blockHash: Hex): void {
  for (const [operator, all] of targetsOf(committee, slot)) {
    prepareFor(step, committee, { operator, slot, blockHash }, all);
  }
}

function prepareFor(
  step: Step,
  { params }: CommitteeSnapshot,
  about: Pick<ChallengeTask, "operator" | "slot" | "blockHash">,
  all: readonly Target[],
): void {
  const { state } = step;
  const key = taskKey(about.operator, about.slot);
  // A reorg of the slot's first block invalidates the earlier challenge (R13).
  if (state.tasks.get(key)?.blockHash === about.blockHash) return;
  const targets = all.filter(
    (target) => state.records.get(providerKey(target))?.get(about.slot)?.blockHash !== about.blockHash,
  );
  if (targets.length === 0) return;
  const task: ChallengeTask = {
    ...about,
    seed: undefined,
    offset: undefined,
    askedAt: undefined,
    open: new Map(targets.map((target) => [providerKey(target), target])),
    unreachable: new Set(),
    skipped: false,
  };
  state.tasks.set(key, task);
  if (state.head - slotStart(params, about.slot) >= params.slot - params.answer) return skip(step, task);
  step.effects.push({ kind: "make-seed", ...about });
}

/** Reports a skipped challenge. The task stays until the slot's end, so it is reported once. */
export function skip(step: Step, task: ChallengeTask): void {
  task.skipped = true;
  reason(step, "challenge-late-start", `provider ${task.operator}, slot ${task.slot}`);
}

export function onSeed(step: Step, event: Extract<Event, { kind: "seed" }>): void {
  const task = step.state.tasks.get(taskKey(event.operator, event.slot));
  const { committee } = step.state;
  if (task === undefined || committee === undefined) return;
  if (task.blockHash !== event.blockHash || task.seed !== undefined) return;
  task.seed = event.seed;
  askWhenDue(step, committee, task);
}

function askWhenDue(step: Step, { params }: CommitteeSnapshot, task: ChallengeTask): void {
  const { state } = step;
  const { confirmations, slot, answer } = params;
  if (task.seed === undefined || task.askedAt !== undefined || task.skipped) return;
  const position = state.head - slotStart(params, task.slot);
  task.offset ??= challengeOffset(task.seed, { confirmations, slot, answer });
  if (position < task.offset) return;
  if (position >= slot - answer) return skip(step, task);
  task.askedAt = state.head;
  // R8: where a duty ends before an answer would be late, the slot has no record.
  const slotEnd = slotStart(params, task.slot + 1);
  for (const [key, { end }] of task.open) {
    if (end < slotEnd && state.head + answer >= end) task.open.delete(key);
  }
  if (task.open.size === 0) return;
  step.effects.push({
    kind: "challenge",
    operator: task.operator,
    slot: task.slot,
    blockHash: task.blockHash,
    seed: task.seed,
    targets: [...task.open.values()].map(({ group, address, provider }) => ({ group, address, provider })),
  });
}
