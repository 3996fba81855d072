/** What became of a provider's challenges, slot by slot and keeper by keeper, with the reason for each that failed. */
import type { JournalEntry } from "../../provider-sim/journal.ts";

export type Slots = {
  /** Lower case. */
  readonly group: string;
  /** First and last slot to look at, both complete. */
  readonly from: number;
  readonly to: number;
  /** Blocks a provider has to answer (R4). */
  readonly answer: number;
  /** Operators of the committee, in order. */
  readonly keepers: readonly string[];
  /** What keepers say of themselves: their own record by `slot/keeper`. */
  readonly records: ReadonlyMap<string, KeeperRecord>;
};

export type KeeperRecord = { readonly outcome: string; readonly reason: string | undefined };

export type Outcome = {
  readonly slot: number;
  readonly keeper: string;
  readonly ok: boolean;
  /** Why it failed; empty if it did not. */
  readonly reason: string;
};

const sampleLeaves = 16;

export function recordKey(slot: number, keeper: string): string {
  return `${slot}/${keeper.toLowerCase()}`;
}

/** As far as this provider can tell. */
function judged(entries: readonly JournalEntry[], { answer }: Slots): Pick<Outcome, "ok" | "reason"> {
  const answered = entries.findLast((one) => one.kind === "answered");
  if (answered !== undefined) {
    const { askedAt, answeredAt, proven, lost } = answered;
    if (answeredAt > askedAt + answer) {
      const reason = `late: asked at block ${askedAt}, answered at ${answeredAt}, ${answer} blocks are allowed`;
      return { ok: false, reason };
    }
    if (proven === sampleLeaves) return { ok: true, reason: "" };
    return {
      ok: false,
      reason: `${proven} of ${sampleLeaves} leaves proven: ${lost[0] ?? "the rest is not stored"}`,
    };
  }
  const refused = entries.findLast((one) => one.kind === "refused");
  if (refused !== undefined) return { ok: false, reason: `refused, ${refused.code}: ${refused.detail}` };
  if (entries.some((one) => one.kind === "repeated")) return { ok: true, reason: "" };
  return {
    ok: false,
    reason:
      "not asked: the keeper was down, or did not reach this provider (address in the registry, firewall)",
  };
}

/** The keeper's own word counts: it is what is settled. */
function withRecord(
  { ok, reason }: Pick<Outcome, "ok" | "reason">,
  record: KeeperRecord | undefined,
): Pick<Outcome, "ok" | "reason"> {
  if (record === undefined) return { ok, reason };
  if (record.outcome === "proven")
    return ok ? { ok, reason } : { ok: reason.startsWith("not asked"), reason };
  const told = `the keeper recorded ${record.outcome}${record.reason === undefined ? "" : ` (${record.reason})`}`;
  return { ok: false, reason: ok ? told : `${told}; ${reason}` };
}

/** One outcome for every keeper and slot, oldest first. */
export function outcomesOf(entries: readonly JournalEntry[], slots: Slots): Outcome[] {
  const byKey = new Map<string, JournalEntry[]>();
  for (const entry of entries) {
    if (entry.kind === "served" || entry.group.toLowerCase() !== slots.group) continue;
    const key = recordKey(entry.slot, entry.keeper);
    byKey.set(key, [...(byKey.get(key) ?? []), entry]);
  }
  const outcomes: Outcome[] = [];
  for (let slot = slots.from; slot <= slots.to; slot++) {
    for (const keeper of slots.keepers) {
      const key = recordKey(slot, keeper);
      const own = judged(byKey.get(key) ?? [], slots);
      outcomes.push({ slot, keeper, ...withRecord(own, slots.records.get(key)) });
    }
  }
  return outcomes;
}
