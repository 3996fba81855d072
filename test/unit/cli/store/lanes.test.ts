import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { inAllLanes, inPacedLanes } from "../../../../cli/store/lanes.ts";

/** Steps that take `took_ms` each, by a clock that the test moves. */
function stepsOf(count: number, took_ms: (step: number) => number) {
  const seen = { begun: 0, now: 0, most: 0, widths: [] as number[] };
  const step = async (): Promise<boolean> => {
    if (seen.begun === count) return false;
    const own = seen.begun++;
    seen.most = Math.max(seen.most, ++seen.now);
    await new Promise((resolve) => setTimeout(resolve, took_ms(own)));
    seen.widths.push(seen.now--);
    return true;
  };
  return { seen, step };
}

beforeEach(() => void vi.useFakeTimers({ toFake: ["setTimeout", "performance"] }));
afterEach(() => void vi.useRealTimers());

describe("lanes", () => {
  it("do every step once, so many at a time", async () => {
    const { seen, step } = stepsOf(20, () => 10);
    const done = inAllLanes(4, step);
    await vi.runAllTimersAsync();
    await done;
    expect(seen).toMatchObject({ begun: 20, most: 4, now: 0 });
  });

  it("become more on a quick line, up to the most, and one on a slow line", async () => {
    const quick = stepsOf(40, () => 100);
    const slow = stepsOf(10, () => 20_000);
    const done = Promise.all([inPacedLanes(7, quick.step), inPacedLanes(7, slow.step)]);
    await vi.runAllTimersAsync();
    await done;
    expect(quick.seen).toMatchObject({ begun: 40, most: 7 });
    expect(slow.seen).toMatchObject({ begun: 10, most: 2 });
    expect(slow.seen.widths.slice(2)).toEqual(Array.from({ length: 8 }, () => 1));
  });

  it("become fewer when the line slows down", async () => {
    const { seen, step } = stepsOf(60, (own) => (own < 30 ? 100 : 9_000));
    const done = inPacedLanes(7, step);
    await vi.runAllTimersAsync();
    await done;
    expect(Math.max(...seen.widths.slice(0, 30))).toBe(7);
    expect(seen.widths.at(-10)).toBe(1);
  });

  it("end with the first failure, after the steps that have begun", async () => {
    let ended = 0;
    let begun = 0;
    const done = inAllLanes(3, async () => {
      const own = begun++;
      await new Promise((resolve) => setTimeout(resolve, 10 * (own + 1)));
      ended++;
      if (own === 1) throw new Error("the second");
      return true;
    });
    const [failed] = await Promise.allSettled([done, vi.runAllTimersAsync()]);
    expect(failed).toMatchObject({ status: "rejected", reason: { message: "the second" } });
    expect([begun, ended]).toEqual([4, 4]);
  });
});
