/** R13: one record for each (group, provider, slot), durable before it counts. */
import type { Event } from "../events.ts";
import { slotStart } from "../../../protocol/committee.ts";
import type { CommitteeSnapshot } from "../../../protocol/committee.ts";
import { quorum } from "../../../protocol/quorum.ts";
import type { ReasonCode } from "../../../protocol/reasons.ts";
import { providerKey, providerText } from "../../../protocol/records.ts";
import type { ChallengeRecord, FailureReason, Outcome, ProviderName } from "../../../protocol/records.ts";
import { reason } from "../state.ts";
import type { ChallengeTask, Step } from "../state.ts";
import { skip, taskKey } from "./challenge.ts";

const none = new Uint8Array();
const noProof = { receipt: none, seed: none, proof: none };

const failureCode: Record<FailureReason, ReasonCode> = {
  unreachable: "challenge-unreachable",
  late: "challenge-late",
  refused: "challenge-refused",
  "bad-proof": "challenge-bad-proof",
  "bad-receipt": "challenge-bad-receipt",
};

export function addRecord(step: Step, record: ChallengeRecord): void {
  const { records } = step.state;
  const key = providerKey(record);
  const bySlot = records.get(key);
  if (bySlot === undefined) records.set(key, new Map([[record.slot, record]]));
  else bySlot.set(record.slot, record);
}

type Evidence = { readonly receipt: Uint8Array; readonly seed: Uint8Array; readonly proof: Uint8Array };

function write(
  step: Step,
  task: ChallengeTask,
  { group, provider }: ProviderName,
  outcome: Outcome,
  evidence: Evidence,
): void {
  const { slot, blockHash } = task;
  const record: ChallengeRecord = { group, provider, slot, blockHash, outcome };
  close(step, task, record);
  step.effects.push({ kind: "persist", writes: [{ kind: "record", record, ...evidence }] });
  step.effects.push({ kind: "book", record });
  addRecord(step, record);
}

/** Ends a task's challenge of one group. */
function close(step: Step, task: ChallengeTask, name: ProviderName): void {
  task.open.delete(providerKey(name));
  if (task.open.size === 0) step.state.tasks.delete(taskKey(task.operator, task.slot));
}

function fail(step: Step, task: ChallengeTask, name: ProviderName, why: FailureReason): void {
  write(step, task, name, { kind: "failed", reason: why }, noProof);
  reason(step, failureCode[why], `${providerText(name)}, slot ${task.slot}`);
}

export function onAnswer(step: Step, event: Extract<Event, { kind: "answer" }>): void {
  const { state } = step;
  const task = state.tasks.get(taskKey(event.operator, event.slot));
  const { committee } = state;
  const { answer, name } = event;
  if (
    committee === undefined ||
    task?.askedAt === undefined ||
    task.seed === undefined ||
    task.blockHash !== event.blockHash ||
    !task.open.has(providerKey(name))
  ) {
    reason(step, "answer-unexpected", `${providerText(name)}, slot ${event.slot}`);
    return;
  }
  if (answer.kind === "failed" && answer.reason === "unreachable") {
    task.unreachable.add(providerKey(name));
    return;
  }
  if (state.head > task.askedAt + committee.params.answer) return fail(step, task, name, "late");
  if (answer.kind === "failed" && answer.reason === "late") return; // the clock of the runtime ended the call, but only blocks decide (R13)
  if (answer.kind === "failed") return fail(step, task, name, answer.reason);
  const { bytes, receiptHash, receipt, proof } = answer;
  write(step, task, name, { kind: "proven", bytes, receiptHash }, { receipt, seed: task.seed, proof });
}

/** Ends the challenges of past slots. At the slot's end the reachability of others decides about a missing answer. */
export function tickRecord(step: Step): void {
  const { state } = step;
  const { committee } = state;
  if (committee === undefined) return;
  for (const task of state.tasks.values()) {
    if (state.head < slotStart(committee.params, task.slot + 1)) continue;
    closeTask(step, committee, task);
  }
}

function closeTask(step: Step, committee: CommitteeSnapshot, task: ChallengeTask): void {
  const { state } = step;
  if (task.askedAt === undefined) {
    if (!task.skipped) skip(step, task);
    state.tasks.delete(taskKey(task.operator, task.slot));
    return;
  }
  // A challenge without a result is treated like one without a connection: packets may be lost on both sides.
  const others = othersReachable(step, committee, task.slot, task.operator);
  for (const [key, target] of task.open) {
    if (others) fail(step, task, target, task.unreachable.has(key) ? "unreachable" : "late");
    else reason(step, "challenge-cut-off", `${providerText(target)}, slot ${task.slot}`);
  }
  state.tasks.delete(taskKey(task.operator, task.slot));
}

function keepersReachable({ state }: Step, { version }: CommitteeSnapshot): boolean {
  const keepers = version.members.filter((member) => state.connected.has(member.operator));
  return keepers.length >= quorum(version.members.length) - 1;
}

/** R13: another provider answered in the slot, or q−1 keepers are connected. */
function othersReachable(step: Step, committee: CommitteeSnapshot, slot: number, operator: string): boolean {
  if (keepersReachable(step, committee)) return true;
  return committee.groups.some((group) =>
    group.providers.some((provider) => {
      if (provider.operator === operator) return false;
      const name = { group: group.number, provider: provider.index };
      const outcome = step.state.records.get(providerKey(name))?.get(slot)?.outcome;
      if (outcome === undefined) return false;
      return outcome.kind === "proven" || outcome.reason !== "unreachable";
    }),
  );
}
