/** The outcome of every challenge by slot and keeper, with the reason of each outcome that is not whole. */
import type { JournalEntry } from "../../provider/journal.ts";
import { counted } from "../../protocol/counted.ts";

export type Slots = {
  /** Lower case; slots have its numbers. */
  readonly committee: string;
  /** Lower case. */
  readonly group: string;
  /** First and last slot, both complete. */
  readonly from: number;
  readonly to: number;
  /** Blocks within which a provider must answer (R4). */
  readonly answer: number;
  /** Operators of the committee, in order. */
  readonly keepers: readonly string[];
  /** Bytes that the provider is committed to in a slot. */
  readonly committed: (slot: number) => bigint;
  /** Records of the keepers, by `recordKey`. */
  readonly records: ReadonlyMap<string, KeeperRecord>;
};

export type KeeperRecord = {
  readonly outcome: string;
  readonly reason: string | undefined;
  /** Proven. */
  readonly bytes: bigint;
};

/**
 * `notAsked`: no challenge arrived; the keeper has no record or "unreachable". `unknown`: answered, but the journal no longer has the
 * entry.
 */
export type Result = "whole" | "partial" | "failed" | "notAsked" | "unknown";

export type Outcome = {
  readonly slot: number;
  readonly keeper: string;
  readonly result: Result;
  /** 0 if it failed or is unknown. */
  readonly bytesProven: bigint;
  readonly bytesCommitted: bigint;
  /** The reason if it is not whole, else empty. */
  readonly reason: string;
};

const sampleLeaves = 16;

export function recordKey(slot: number, keeper: string): string {
  return `${slot}/${keeper.toLowerCase()}`;
}

type Judged = Pick<Outcome, "result" | "bytesProven" | "reason">;

const nothing = { bytesProven: 0n } as const;

/** The outcome according to this provider's journal. */
function judged(entries: readonly JournalEntry[], answer: number): Judged {
  const answered = entries.findLast((one) => one.kind === "answered");
  if (answered !== undefined) {
    const { askedAt, answeredAt, proven, lost } = answered;
    if (answeredAt > askedAt + answer) {
      const reason = `late: asked at block ${askedAt}, answered at block ${answeredAt}, limit ${counted(answer, "block")}`;
      return { result: "failed", ...nothing, reason };
    }
    const bytesProven = BigInt(answered.bytesProven);
    if (proven === sampleLeaves) return { result: "whole", bytesProven, reason: "" };
    const reason = `${proven} of ${sampleLeaves} leaves proven: ${lost[0] ?? "the other leaves are not stored"}`;
    return { result: "partial", bytesProven, reason };
  }
  const refused = entries.findLast((one) => one.kind === "refused");
  if (refused !== undefined) {
    return { result: "failed", ...nothing, reason: `refused, ${refused.code}: ${refused.detail}` };
  }
  if (entries.some((one) => one.kind === "repeated")) {
    const reason = "repeated; the journal no longer has the first answer";
    return { result: "unknown", ...nothing, reason };
  }
  const reason =
    "not asked: the keeper was down, or cannot reach this provider (check the registered address and the firewall)";
  return { result: "notAsked", ...nothing, reason };
}

/** A keeper's record overrides the journal: settlements use the record. */
function withRecord(own: Judged, record: KeeperRecord | undefined, committed: bigint): Judged {
  if (record === undefined) return own;
  if (record.outcome === "proven") {
    const whole = record.bytes >= committed;
    return {
      result: whole ? "whole" : "partial",
      bytesProven: record.bytes,
      reason: whole ? "" : own.reason || "the keeper recorded fewer bytes",
    };
  }
  const told = `the keeper recorded ${record.outcome}${record.reason === undefined ? "" : ` (${record.reason})`}`;
  return { result: "failed", ...nothing, reason: own.reason === "" ? told : `${told}; ${own.reason}` };
}

/** One outcome for every keeper and slot, oldest first. */
export function outcomesOf(entries: readonly JournalEntry[], slots: Slots): Outcome[] {
  const byKey = new Map<string, JournalEntry[]>();
  for (const entry of entries) {
    if (entry.kind === "served") continue;
    if (entry.group.toLowerCase() !== slots.group || entry.committee !== slots.committee) continue;
    const key = recordKey(entry.slot, entry.keeper);
    byKey.set(key, [...(byKey.get(key) ?? []), entry]);
  }
  const outcomes: Outcome[] = [];
  for (let slot = slots.from; slot <= slots.to; slot++) {
    const bytesCommitted = slots.committed(slot);
    for (const keeper of slots.keepers) {
      const key = recordKey(slot, keeper);
      const own = judged(byKey.get(key) ?? [], slots.answer);
      const outcome = withRecord(own, slots.records.get(key), bytesCommitted);
      outcomes.push({ slot, keeper, ...outcome, bytesCommitted });
    }
  }
  return outcomes;
}

export type OutcomeSums = { readonly challenges: number } & Readonly<Record<Result, number>> & {
    /** Sum over the known outcomes. */
    readonly bytesProven: bigint;
    readonly bytesCommitted: bigint;
  };

export function sumsOf(outcomes: readonly Outcome[]): OutcomeSums {
  const counts = { challenges: outcomes.length, whole: 0, partial: 0, failed: 0, notAsked: 0, unknown: 0 };
  let [bytesProven, bytesCommitted] = [0n, 0n];
  for (const outcome of outcomes) {
    counts[outcome.result]++;
    if (outcome.result === "notAsked" || outcome.result === "unknown") continue;
    bytesProven += outcome.bytesProven;
    bytesCommitted += outcome.bytesCommitted;
  }
  return { ...counts, bytesProven, bytesCommitted };
}
