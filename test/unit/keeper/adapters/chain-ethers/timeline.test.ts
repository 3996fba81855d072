import { describe, expect, it } from "vitest";
import { Timeline } from "../../../../../keeper/adapters/chain-ethers/timeline.ts";

type Event = { readonly block: number; readonly add: number };

const add = (state: number, { add: amount }: Event): number => state + amount;

/** Sums of what was added in blocks 12, 12, 15 and 20, from block 10 on. */
const whole = Timeline.from(10, 0).after(
  [
    { block: 12, add: 1 },
    { block: 12, add: 2 },
    { block: 15, add: 0 },
    { block: 20, add: 4 },
  ],
  add,
);

describe("a timeline", () => {
  it("has the state after each block, and none before its first", () => {
    expect([9, 10, 11, 12, 14, 15, 19, 20, 99].map((block) => whole.at(block))).toEqual([
      undefined,
      0,
      0,
      3,
      3,
      3,
      3,
      7,
      7,
    ]);
    expect(whole.latest).toBe(7);
  });

  it("stays the same object if no event changes the state", () => {
    expect(whole.after([{ block: 30, add: 0 }], add)).toBe(whole);
  });

  it("takes back what a reorg removed, and the other branch takes its place", () => {
    const fork = whole.through(14)?.after([{ block: 16, add: 5 }], add);
    expect([12, 16, 20].map((block) => fork?.at(block))).toEqual([3, 8, 8]);
    expect(whole.at(20)).toBe(7);
    expect(whole.through(9)).toBe(undefined);
    expect(whole.through(20)).toBe(whole);
  });

  it("forgets states that were replaced, but not the one in force", () => {
    const short = whole.since(13);
    expect([11, 12, 13, 20].map((block) => short.at(block))).toEqual([undefined, 3, 3, 7]);
    expect(short.begin).toBe(12);
  });
});
