/** R13: one record for each slot and provider, durable before it counts. */
import type { Event } from "../events.ts";
import { slotStart } from "../../../protocol/group.ts";
import type { GroupSnapshot } from "../../../protocol/group.ts";
import { quorum } from "../../../protocol/quorum.ts";
import type { ReasonCode } from "../../../protocol/reasons.ts";
import type { ChallengeRecord, FailureReason } from "../../../protocol/records.ts";
import { reason } from "../state.ts";
import type { ChallengeTask, Step } from "../state.ts";
import { skip, taskKey } from "./challenge.ts";

const none = new Uint8Array();

const failureCode: Record<FailureReason, ReasonCode> = {
  unreachable: "challenge-unreachable",
  late: "challenge-late",
  refused: "challenge-refused",
  "bad-proof": "challenge-bad-proof",
  "bad-receipt": "challenge-bad-receipt",
};

export function addRecord(step: Step, record: ChallengeRecord): void {
  const { records } = step.state;
  const bySlot = records.get(record.provider) ?? new Map<number, ChallengeRecord>();
  bySlot.set(record.slot, record);
  records.set(record.provider, bySlot);
}

function fail(step: Step, task: ChallengeTask, why: FailureReason): void {
  const record: ChallengeRecord = {
    provider: task.provider,
    slot: task.slot,
    blockHash: task.blockHash,
    outcome: { kind: "failed", reason: why },
  };
  step.state.tasks.delete(taskKey(task.provider, task.slot));
  step.effects.push({
    kind: "persist",
    writes: [{ kind: "record", record, receipt: none, seed: none, proof: none }],
  });
  step.effects.push({ kind: "book", record });
  addRecord(step, record);
  reason(step, failureCode[why], `provider ${task.provider}, slot ${task.slot}`);
}

export function onAnswer(step: Step, event: Extract<Event, { kind: "answer" }>): void {
  const { state } = step;
  const task = state.tasks.get(taskKey(event.provider, event.slot));
  const group = state.group;
  if (
    group === undefined ||
    task?.askedAt === undefined ||
    task.seed === undefined ||
    task.blockHash !== event.blockHash
  ) {
    reason(step, "answer-unexpected", `provider ${event.provider}, slot ${event.slot}`);
    return;
  }
  const { answer } = event;
  if (answer.kind === "failed" && answer.reason === "unreachable") {
    task.unreachable = true;
    return;
  }
  if (state.head > task.askedAt + group.params.answer) return fail(step, task, "late");
  if (answer.kind === "failed" && answer.reason === "late") return; // the clock of the runtime ended the call, but only blocks decide (R13)
  if (answer.kind === "failed") return fail(step, task, answer.reason);
  const record: ChallengeRecord = {
    provider: task.provider,
    slot: task.slot,
    blockHash: task.blockHash,
    outcome: { kind: "proven", bytes: answer.bytes, receiptHash: answer.receiptHash },
  };
  state.tasks.delete(taskKey(task.provider, task.slot));
  step.effects.push({
    kind: "persist",
    writes: [{ kind: "record", record, receipt: answer.receipt, seed: task.seed, proof: answer.proof }],
  });
  step.effects.push({ kind: "book", record });
  addRecord(step, record);
}

/** Ends the challenges of past slots. At the slot's end the reachability of others decides about a missing answer. */
export function tickRecord(step: Step): void {
  const { state } = step;
  const group = state.group;
  if (group === undefined) return;
  for (const task of state.tasks.values()) {
    if (state.head >= slotStart(group.params, task.slot + 1)) closeTask(step, group, task);
  }
}

function closeTask(step: Step, group: GroupSnapshot, task: ChallengeTask): void {
  const { state } = step;
  if (task.askedAt === undefined) {
    if (!task.skipped) skip(step, task);
    state.tasks.delete(taskKey(task.provider, task.slot));
    return;
  }
  // A challenge without a result is treated like one without a connection: packets may be lost on both sides.
  if (othersReachable(step, group, task)) return fail(step, task, task.unreachable ? "unreachable" : "late");
  state.tasks.delete(taskKey(task.provider, task.slot));
  reason(step, "challenge-cut-off", `provider ${task.provider}, slot ${task.slot}`);
}

/** R13: another provider answered in the slot, or q−1 keepers are connected. */
function othersReachable(step: Step, group: GroupSnapshot, task: ChallengeTask): boolean {
  const { state } = step;
  const anotherProvider = [...state.records].some(([provider, bySlot]) => {
    const outcome = bySlot.get(task.slot)?.outcome;
    if (provider === task.provider || outcome === undefined) return false;
    return outcome.kind === "proven" || outcome.reason !== "unreachable";
  });
  if (anotherProvider) return true;
  const keepers = group.committee.members.filter((member) => state.connected.has(member.operator));
  return keepers.length >= quorum(group.committee.members.length) - 1;
}
