/** R40: what a thousand groups, ten thousand providers and the groups of one provider cost. docs/figures/scale.md has the figures. */
import { describe, expect, it } from "vitest";
import { measureChallenges } from "../../scripts/bench/challenges/measure.ts";
import { measureLoopback } from "../../scripts/bench/round/loopback.ts";
import { measureRound } from "../../scripts/bench/round/play.ts";

describe("a round of a thousand groups of three providers", () => {
  it.each([4, 13])(
    "costs less than 25 times one of one group, n = %i",
    async (n) => {
      // Not counted: code is compiled in the first round.
      await measureRound(n, 3);
      const one = await measureRound(n, 3);
      const thousand = await measureRound(n, 3, 1_000);
      expect(thousand.messagesPerKeeper).toBe(one.messagesPerKeeper);
      expect(thousand.bytesPerKeeper).toBeLessThan(25 * one.bytesPerKeeper);
      expect(thousand.cpu_ms).toBeLessThan(25 * one.cpu_ms);
    },
    300_000,
  );

  it("certifies over real libp2p within a turn of thirty blocks of two seconds", async () => {
    const figures = await measureLoopback({ keepers: 4, groups: 1_000, providers: 3, slots: 2 }, 2_000);
    expect(figures.turn).toBe(30);
    expect(figures.blocks).toBeLessThanOrEqual(figures.turn);
  }, 300_000);
});

describe("a keeper of ten thousand providers", () => {
  it("needs at most 1 GiB of memory, with the records of an interval of 24 slots", async () => {
    const figures = await measureLoopback({ keepers: 4, groups: 3_334, providers: 3, slots: 24 }, 5_000);
    expect(figures.memory_MiB).toBeLessThanOrEqual(1_024);
  }, 1_200_000);
});

describe("the challenges of one keeper and one provider in a slot", () => {
  it("grow at most linearly with the groups that the provider serves", async () => {
    const few = await measureChallenges(10);
    const many = await measureChallenges(100);
    expect(many.messages).toBe(2);
    expect(many.bytes).toBeLessThan(10 * few.bytes);
    expect(many.keeper_ms).toBeLessThan(10 * few.keeper_ms);
    expect(many.provider_ms).toBeLessThan(10 * few.provider_ms);
  }, 120_000);
});
