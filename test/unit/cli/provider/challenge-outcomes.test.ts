import { describe, expect, it } from "vitest";
import {
  outcomesOf,
  recordKey,
  sumsOf,
  type KeeperRecord,
  type Outcome,
} from "../../../../cli/provider/challenge-outcomes.ts";
import { formatShare } from "../../../../cli/console/share.ts";
import type { JournalEntry } from "../../../../provider/journal.ts";

const committee = `0x${"c0".repeat(20)}` as const;
const group = `0x${"a1".repeat(20)}` as const;
const keeper = `0x${"b2".repeat(20)}` as const;
const at = { committee, group, keeper, time_ms: 1, slot: 7 };

function answered(changes: Partial<Extract<JournalEntry, { kind: "answered" }>> = {}): JournalEntry {
  return {
    ...at,
    kind: "answered",
    proven: 16,
    bytesProven: "160",
    bytesCommitted: "160",
    askedAt: 40,
    answeredAt: 41,
    lost: [],
    ...changes,
  };
}

function outcome(entries: readonly JournalEntry[], record?: KeeperRecord) {
  const records = new Map(record === undefined ? [] : [[recordKey(7, keeper), record]]);
  const committed = (): bigint => 160n;
  const slots = { committee, group, from: 7, to: 7, answer: 4, keepers: [keeper], committed, records };
  return outcomesOf(entries, slots)[0] as Outcome;
}

describe("the outcome of a challenge", () => {
  it.each<[string, Outcome["result"], bigint, JournalEntry[]]>([
    [
      "late: asked at block 40, answered at block 45, limit 4 blocks",
      "failed",
      0n,
      [answered({ answeredAt: 45 })],
    ],
    [
      "9 of 16 leaves proven: piece 0 leaf 3 left out: damaged",
      "partial",
      90n,
      [answered({ proven: 9, bytesProven: "90", lost: ["piece 0 leaf 3 left out: damaged"] })],
    ],
    [
      "refused, no-data: not stored",
      "failed",
      0n,
      [{ ...at, kind: "refused", code: "no-data", detail: "not stored" }],
    ],
    [
      "not asked: the keeper was down, or cannot reach this provider (check the registered address and the firewall)",
      "notAsked",
      0n,
      [
        answered({ slot: 6 }),
        answered({ group: `0x${"cc".repeat(20)}` }),
        // The same slot number of another committee, before a move.
        answered({ committee: `0x${"cd".repeat(20)}` }),
      ],
    ],
    ["repeated; the journal no longer has the first answer", "unknown", 0n, [{ ...at, kind: "repeated" }]],
  ])("has the reason: %s", (reason, result, bytesProven, entries) => {
    const outcomes = { slot: 7, keeper, result, bytesProven, bytesCommitted: 160n, reason };
    expect(outcome(entries)).toEqual(outcomes);
  });

  it("is whole if a later answer arrives in time", () => {
    const refused: JournalEntry = { ...at, kind: "refused", code: "busy", detail: "too many" };
    const whole = { result: "whole", bytesProven: 160n, reason: "" };
    expect(outcome([refused, answered(), { ...at, kind: "repeated" }])).toMatchObject(whole);
    expect(outcome([answered({ answeredAt: 44 })])).toMatchObject(whole);
  });

  it("is the keeper's record if there is one", () => {
    expect(outcome([answered()], { outcome: "failed", reason: "bad-receipt", bytes: 0n })).toMatchObject({
      result: "failed",
      bytesProven: 0n,
      reason: "the keeper recorded failed (bad-receipt)",
    });
    const unreachable = { outcome: "failed", reason: "unreachable", bytes: 0n };
    expect(outcome([], unreachable)).toMatchObject({
      result: "failed",
      reason: expect.stringMatching(/^the keeper recorded failed \(unreachable\); not asked/),
    });
    const recorded = { outcome: "proven", reason: undefined };
    expect(outcome([answered()], { ...recorded, bytes: 160n })).toMatchObject({ result: "whole" });
    expect(outcome([], { ...recorded, bytes: 50n })).toMatchObject({ result: "partial", bytesProven: 50n });
  });

  it("adds up to the share of bytes, without unknown outcomes", () => {
    const part = { slot: 7, keeper, reason: "", bytesCommitted: 100n };
    const sums = sumsOf([
      { ...part, result: "whole", bytesProven: 100n },
      { ...part, result: "partial", bytesProven: 31n },
      { ...part, result: "failed", bytesProven: 0n },
      { ...part, result: "notAsked", bytesProven: 0n },
      { ...part, result: "unknown", bytesProven: 0n },
    ]);
    const counts = { challenges: 5, whole: 1, partial: 1, failed: 1, notAsked: 1, unknown: 1 };
    expect(sums).toEqual({ ...counts, bytesProven: 131n, bytesCommitted: 300n });
  });
});

describe("a share", () => {
  it("is rounded down, so that 100.0 % means all", () => {
    expect(formatShare(0n, 0n)).toBe("–");
    expect(formatShare(131n, 300n)).toBe("43.6 %");
    expect(formatShare((1n << 70n) - 1n, 1n << 70n)).toBe("99.9 %");
    expect(formatShare(7n, 7n)).toBe("100.0 %");
  });
});
