import { describe, expect, it } from "vitest";
import { outcomesOf, recordKey, type KeeperRecord } from "../../../scripts/lib/provider-report.ts";
import type { JournalEntry } from "../../../provider-sim/journal.ts";

const group = `0x${"a1".repeat(20)}` as const;
const keeper = `0x${"b2".repeat(20)}` as const;
const at = { group, keeper, time_ms: 1, slot: 7 };

function answered(changes: Partial<Extract<JournalEntry, { kind: "answered" }>> = {}): JournalEntry {
  return {
    ...at,
    kind: "answered",
    proven: 16,
    bytesProven: "1",
    askedAt: 40,
    answeredAt: 41,
    lost: [],
    ...changes,
  };
}

function outcome(entries: readonly JournalEntry[], record?: KeeperRecord) {
  const records = new Map(record === undefined ? [] : [[recordKey(7, keeper), record]]);
  return outcomesOf(entries, { group, from: 7, to: 7, answer: 4, keepers: [keeper], records })[0];
}

describe("the reason for a failed challenge", () => {
  it.each<[string, JournalEntry[]]>([
    ["late: asked at block 40, answered at 45, 4 blocks are allowed", [answered({ answeredAt: 45 })]],
    [
      "9 of 16 leaves proven: piece 0 leaf 3 left out: damaged",
      [answered({ proven: 9, lost: ["piece 0 leaf 3 left out: damaged"] })],
    ],
    ["refused, no-data: not stored", [{ ...at, kind: "refused", code: "no-data", detail: "not stored" }]],
    [
      "not asked: the keeper was down, or did not reach this provider (address in the registry, firewall)",
      [answered({ slot: 6 }), answered({ group: `0x${"cc".repeat(20)}` })],
    ],
  ])("is told: %s", (reason, entries) => {
    expect(outcome(entries)).toEqual({ slot: 7, keeper, ok: false, reason });
  });

  it("is none where an answer came through in the end", () => {
    const refused: JournalEntry = { ...at, kind: "refused", code: "busy", detail: "too many" };
    expect(outcome([refused, answered(), { ...at, kind: "repeated" }])).toMatchObject({
      ok: true,
      reason: "",
    });
    expect(outcome([answered({ answeredAt: 44 })])).toMatchObject({ ok: true });
  });

  it("is the keeper's own where it says more than the provider can know", () => {
    expect(outcome([answered()], { outcome: "failed", reason: "bad-receipt" })).toMatchObject({
      ok: false,
      reason: "the keeper recorded failed (bad-receipt)",
    });
    expect(outcome([], { outcome: "failed", reason: "unreachable" })?.reason).toMatch(
      /^the keeper recorded failed \(unreachable\); not asked/,
    );
    expect(outcome([answered()], { outcome: "proven", reason: undefined })).toMatchObject({ ok: true });
  });
});
