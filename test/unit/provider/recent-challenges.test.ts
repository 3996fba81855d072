/** The last challenges that the HTTP interface shows, from the entries of the journal. */
import { expect, it } from "vitest";
import type { Hex } from "../../../protocol/hash.ts";
import type { JournalEntry } from "../../../provider/journal.ts";
import { RecentChallenges } from "../../../provider/recent-challenges.ts";

const group: Hex = `0x${"a1".repeat(20)}`;
const second: Hex = `0x${"a2".repeat(20)}`;
const committee: Hex = `0x${"c3".repeat(20)}`;
const keeper: Hex = `0x${"d4".repeat(20)}`;

function answered(slot: number, proven: number, of: Hex = group): JournalEntry {
  return {
    kind: "answered",
    time_ms: slot,
    group: of,
    committee,
    keeper,
    slot,
    proven,
    bytesProven: String(proven * 10),
    bytesCommitted: "160",
    askedAt: 7,
    answeredAt: 9,
    lost: proven === 16 ? [] : [`leaf 3 of slot ${slot}`],
  };
}

function refused(slot: number, code: string): JournalEntry {
  return { kind: "refused", time_ms: slot, group, committee, keeper, slot, code, detail: `slot ${slot}` };
}

it("counts outcomes with the reason and detail of the last one", () => {
  const recent = new RecentChallenges([answered(1, 16), answered(2, 12), refused(3, "no-data")]);
  recent.add(answered(4, 16));
  recent.add(answered(5, 3));
  recent.add({ kind: "served", time_ms: 1, group, pieceRoot: keeper, range: 0, bytes: 1 });
  const counts = recent.counts.map(({ outcome, reason, count, detail }) => [outcome, reason, count, detail]);
  expect(counts).toEqual([
    ["failed", "no-data", 1, "slot 3"],
    ["whole", "", 2, ""],
    ["partial", "lost-data", 2, "3 of 16 leaves proven: leaf 3 of slot 5"],
  ]);
});

it("shows the challenges of a group, newest first, and the share of its last four slots", () => {
  const recent = new RecentChallenges();
  for (let slot = 1; slot <= 9; slot++) {
    recent.add(answered(slot, slot === 7 ? 8 : 16));
    recent.add(answered(slot, 16, second));
  }
  recent.add(refused(9, "busy"));
  expect(recent.of(group, 3).map(({ slot, outcome }) => [slot, outcome])).toEqual([
    [9, "failed"],
    [9, "whole"],
    [8, "whole"],
  ]);
  expect(recent.of(group, 2, 8).map(({ slot }) => slot)).toEqual([7, 6]);
  const late = recent.late();
  expect(late.get(group)).toEqual({
    whole: 3,
    partial: 1,
    failed: 1,
    bytesProven: 560n,
    bytesCommitted: 640n,
    fromSlot: 6,
    toSlot: 9,
  });
  expect(late.get(second)).toMatchObject({ whole: 4, partial: 0, failed: 0 });
});

it("does not grow without end, whatever a committee asks", () => {
  const recent = new RecentChallenges();
  for (let slot = 0; slot < 20_000; slot++) recent.add(refused(slot, `code-${slot}`));
  expect(recent.counts.length).toBeLessThanOrEqual(4_096);
  expect(recent.of(group, 100_000).length).toBeLessThanOrEqual(8_192);
  expect(recent.of(group, 1)[0]?.slot).toBe(19_999);
});
