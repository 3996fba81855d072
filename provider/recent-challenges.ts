/** The last challenges and the number of each outcome, from the journal: what the HTTP interface shows without reading the file. */
import type { JournalEntry } from "./journal.ts";
import type { Hex } from "../protocol/hash.ts";

/** Of all groups. */
const keptChallenges = 4_096;
/** Groups, outcomes and codes together; beyond it, the pair that was unused for the longest time is forgotten. */
const keptCounts = 4_096;
const sampleLeaves = 16;
/** The proven share is computed over this number of slots. */
const lateSlots = 4;

export type ChallengeOutcome = "whole" | "partial" | "failed";

export type RecentChallenge = {
  readonly time_ms: number;
  readonly group: Hex;
  readonly committee: Hex;
  readonly keeper: Hex;
  readonly slot: number;
  readonly outcome: ChallengeOutcome;
  /** "lost-data", or the code of the refusal; empty if it is whole. */
  readonly reason: string;
  readonly detail: string;
  readonly bytesProven: bigint;
  /** 0 for a refused challenge: what was committed was not looked up. */
  readonly bytesCommitted: bigint;
  /** Blocks between challenge and answer; undefined for a refusal. */
  readonly tookBlocks: number | undefined;
};

export type OutcomeCount = {
  readonly group: Hex;
  readonly outcome: ChallengeOutcome;
  readonly reason: string;
  readonly count: number;
  readonly last_ms: number;
  /** Detail of the last challenge with this outcome. */
  readonly detail: string;
};

export type Share = {
  readonly whole: number;
  readonly partial: number;
  readonly failed: number;
  readonly bytesProven: bigint;
  readonly bytesCommitted: bigint;
  readonly fromSlot: number | undefined;
  readonly toSlot: number | undefined;
};

export const noShare: Share = {
  whole: 0,
  partial: 0,
  failed: 0,
  bytesProven: 0n,
  bytesCommitted: 0n,
  fromSlot: undefined,
  toSlot: undefined,
};

/** Undefined for an entry that is no challenge's first answer. */
function challengeOf(one: JournalEntry): RecentChallenge | undefined {
  if (one.kind === "served" || one.kind === "repeated") return undefined;
  const { time_ms, group, committee, keeper, slot } = one;
  const common = { time_ms, group, committee, keeper, slot };
  if (one.kind === "refused") {
    const { code: reason, detail } = one;
    const nothing = { bytesProven: 0n, bytesCommitted: 0n, tookBlocks: undefined };
    return { ...common, ...nothing, outcome: "failed", reason, detail };
  }
  const { proven, lost, askedAt, answeredAt } = one;
  const outcome = proven === sampleLeaves ? "whole" : proven === 0 ? "failed" : "partial";
  return {
    ...common,
    outcome,
    reason: outcome === "whole" ? "" : "lost-data",
    detail: outcome === "whole" ? "" : `${proven} of ${sampleLeaves} leaves proven: ${lost[0] ?? ""}`,
    bytesProven: BigInt(one.bytesProven),
    bytesCommitted: BigInt(one.bytesCommitted),
    tookBlocks: answeredAt - askedAt,
  };
}

export class RecentChallenges {
  /** Oldest first. */
  #challenges: RecentChallenge[] = [];
  /** In the order of use. */
  readonly #counts = new Map<string, OutcomeCount>();

  constructor(entries: readonly JournalEntry[] = []) {
    for (const one of entries) this.add(one);
  }

  add(one: JournalEntry): void {
    const challenge = challengeOf(one);
    if (challenge === undefined) return;
    this.#challenges.push(challenge);
    // Cut rarely: each cut copies the list.
    if (this.#challenges.length >= 2 * keptChallenges)
      this.#challenges = this.#challenges.slice(-keptChallenges);
    const { group, outcome, reason, detail, time_ms: last_ms } = challenge;
    const key = `${group}/${outcome}/${reason}`;
    const count = (this.#counts.get(key)?.count ?? 0) + 1;
    this.#counts.delete(key);
    this.#counts.set(key, { group, outcome, reason, count, last_ms, detail });
    const [oldest] = this.#counts.keys();
    if (this.#counts.size > keptCounts && oldest !== undefined) this.#counts.delete(oldest);
  }

  /** Newest first. @param before only challenges of earlier slots */
  of(group: string, limit: number, before = Number.POSITIVE_INFINITY): RecentChallenge[] {
    const found: RecentChallenge[] = [];
    for (let i = this.#challenges.length - 1; i >= 0 && found.length < limit; i--) {
      const one = this.#challenges[i] as RecentChallenge;
      if (one.group === group && one.slot < before) found.push(one);
    }
    return found;
  }

  get counts(): readonly OutcomeCount[] {
    return [...this.#counts.values()];
  }

  /** By group, the challenges of the last slots in which a keeper asked. */
  late(): ReadonlyMap<string, Share> {
    const shares = new Map<string, Share>();
    const slots = new Map<string, Set<string>>();
    for (let i = this.#challenges.length - 1; i >= 0; i--) {
      const one = this.#challenges[i] as RecentChallenge;
      const seen = slots.get(one.group) ?? new Set();
      slots.set(one.group, seen.add(`${one.committee}/${one.slot}`));
      if (seen.size > lateSlots) continue;
      const share = shares.get(one.group) ?? noShare;
      shares.set(one.group, {
        ...share,
        [one.outcome]: share[one.outcome] + 1,
        bytesProven: share.bytesProven + one.bytesProven,
        bytesCommitted: share.bytesCommitted + one.bytesCommitted,
        fromSlot: one.slot,
        toSlot: share.toSlot ?? one.slot,
      });
    }
    return shares;
  }
}
