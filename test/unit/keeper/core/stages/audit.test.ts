/** R20, R28: which leaves the audit draws, and how many receipts a keeper must open to be paid. */
import { describe, expect, it } from "vitest";
import {
  auditSeed,
  drawAudit,
  openingsNeeded,
  uniqueDraws,
} from "../../../../../keeper/core/stages/audit.ts";
import { RecordScope, leafKeyText } from "../../../../../protocol/records.ts";
import { hashAt } from "../../../../support/machine.ts";

describe("the audit", () => {
  it("draws all leaves of the scope with equal probability", () => {
    const scope = new RecordScope([
      { group: 1, provider: 3, fromSlot: 0, toSlot: 2 },
      { group: 2, provider: 0, fromSlot: 1, toSlot: 3 },
    ]);
    const drawn = new Map<string, number>();
    for (let n = 0; n < 100; n++) {
      for (const draw of drawAudit(auditSeed(hashAt(1), 10, 1, hashAt(n)), scope)) {
        drawn.set(leafKeyText(draw), (drawn.get(leafKeyText(draw)) ?? 0) + 1);
      }
    }
    expect([...drawn.keys()].sort()).toEqual(["1/3/0", "1/3/1", "2/0/1", "2/0/2"]);
    // 400 expected, σ = 17.
    for (const times of drawn.values()) expect(Math.abs(times - 400)).toBeLessThan(100);
  });

  it("asks for at least one opened receipt and at most the median, for every seed (R28)", () => {
    const needed = Array.from({ length: 200 }, (_, n) => openingsNeeded(hashAt(n), 4));
    expect(new Set(needed)).toEqual(new Set([1, 2, 3, 4]));
    expect(openingsNeeded(hashAt(1), 0)).toBe(0);
  });

  it("draws 16 leaves with replacement, and nothing from an empty scope", () => {
    const scope = new RecordScope([{ group: 1, provider: 4, fromSlot: 7, toSlot: 9 }]);
    const draws = drawAudit(hashAt(1), scope);
    expect(draws).toHaveLength(16);
    expect(uniqueDraws(draws).length).toBeLessThanOrEqual(2);
    expect(drawAudit(hashAt(1), new RecordScope([]))).toEqual([]);
    expect(
      drawAudit(hashAt(1), new RecordScope([{ group: 1, provider: 4, fromSlot: 7, toSlot: 7 }])),
    ).toEqual([]);
  });

  it("changes with committee, interval, turn and audit block", () => {
    const seeds = [
      auditSeed(hashAt(1), 10, 1, hashAt(2)),
      auditSeed(hashAt(3), 10, 1, hashAt(2)),
      auditSeed(hashAt(1), 70, 1, hashAt(2)),
      auditSeed(hashAt(1), 10, 2, hashAt(2)),
      auditSeed(hashAt(1), 10, 1, hashAt(4)),
    ];
    expect(new Set(seeds).size).toBe(seeds.length);
  });

  it("keeps the order of the first draws when it drops repeated ones", () => {
    const [a, b] = [
      { group: 1, provider: 0, slot: 1 },
      { group: 1, provider: 0, slot: 2 },
    ];
    expect(uniqueDraws([b, a, b, a, a])).toEqual([b, a]);
  });
});
