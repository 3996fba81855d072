import { describe, expect, it } from "vitest";
import { ChunkPlan } from "../../../../cli/store/chunk-plan.ts";

const whole = [{ from: 0, end: 1000 }];
const span = (claim: { from: number; end: number } | undefined) => claim && [claim.from, claim.end];

describe("the plan of an item's chunks", () => {
  it("gives a provider without work half of the longest span that is left", () => {
    const plan = new ChunkPlan(whole, 100, () => 0);
    const first = plan.claim(0)!;
    expect(span(first)).toEqual([0, 1000]);
    plan.moved(first, 200);
    const second = plan.claim(1)!;
    expect([span(first), span(second)]).toEqual([
      [200, 600],
      [600, 1000],
    ]);
    plan.moved(second, 900);
    expect(span(plan.claim(2))).toEqual([400, 600]);
    expect(span(first)).toEqual([200, 400]);
  });

  it("leaves a short span to its provider, unless that one stalls; then one other reads it, too", () => {
    let now_ms = 0;
    const plan = new ChunkPlan([{ from: 0, end: 90 }], 100, () => now_ms);
    const first = plan.claim(0)!;
    expect(plan.claim(1)).toBeUndefined();
    now_ms = 1_500;
    plan.moved(first, 10);
    now_ms = 3_499;
    expect(plan.claim(1)).toBeUndefined();
    now_ms = 3_500;
    expect(span(plan.claim(1))).toEqual([10, 90]);
    expect(plan.claim(2)).toBeUndefined();
  });

  it("gives what a provider could not read to the others, and never to it again", () => {
    const plan = new ChunkPlan(whole, 100, () => 0);
    const first = plan.claim(0)!;
    plan.end(first, [
      { from: 10, end: 20 },
      { from: 700, end: 701 },
    ]);
    expect(plan.isIdle).toBe(true);
    expect(plan.claim(0)).toBeUndefined();
    const [second, third] = [plan.claim(1)!, plan.claim(1)!];
    expect([span(second), span(third)]).toEqual([
      [10, 20],
      [700, 701],
    ]);
    plan.end(second, [{ from: 10, end: 20 }]);
    plan.end(third, []);
    expect(plan.claim(0)).toBeUndefined();
    expect(plan.claim(1)).toBeUndefined();
    expect(span(plan.claim(2))).toEqual([10, 20]);
  });

  it("does not give a part of a span to a provider that failed on it", () => {
    const plan = new ChunkPlan(whole, 100, () => 0);
    plan.end(plan.claim(0)!, whole);
    expect(span(plan.claim(1))).toEqual([0, 1000]);
    expect(plan.claim(0)).toBeUndefined();
  });
});
