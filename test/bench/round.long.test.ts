import { beforeAll, describe, expect, it } from "vitest";
import { measureRound } from "../../scripts/bench/round/play.ts";
import type { RoundFigures } from "../../scripts/bench/round/play.ts";

describe("the cost of a settlement for a keeper", () => {
  let small: RoundFigures;
  let larger: RoundFigures;
  let fuller: RoundFigures;
  let grouped: RoundFigures;
  beforeAll(async () => {
    small = await measureRound(4, 10);
    larger = await measureRound(13, 10);
    fuller = await measureRound(4, 40);
    grouped = await measureRound(4, 3, 100);
  });

  /** Figures for each other keeper that it listens to. */
  const perOther = (figures: RoundFigures, total: number): number => total / (figures.keepers - 1);

  it("grows at most linearly with the committee, in messages and in bytes", () => {
    const [few, many] = [small, larger].map((f) => perOther(f, f.messagesPerKeeper)) as [number, number];
    // The number of questions varies slightly with the leader and with the messages that are missing at a block.
    expect(many).toBeLessThanOrEqual(few * 1.05);
    const [light, heavy] = [small, larger].map((f) => perOther(f, f.bytesPerKeeper)) as [number, number];
    expect(heavy).toBeLessThanOrEqual(light * 1.05);
  });

  it("grows at most linearly with the providers, in messages and in bytes", () => {
    expect(fuller.messagesPerKeeper).toBe(small.messagesPerKeeper);
    expect(fuller.bytesPerKeeper).toBeLessThanOrEqual(small.bytesPerKeeper * 4);
  });

  it("has one round of messages for a hundred groups, and costs less than ten times one group's (R40)", () => {
    expect(grouped.messagesPerKeeper).toBe(small.messagesPerKeeper);
    expect(grouped.bytesPerKeeper).toBeLessThan(small.bytesPerKeeper * 2);
    expect(grouped.cpu_ms).toBeLessThan(small.cpu_ms * 10);
  });

  it("sends every message body once, with few repeated requests", () => {
    for (const { bytesByKind } of [small, larger, fuller]) {
      expect(bytesByKind["answer"] ?? 0).toBeLessThan(0.02 * (bytesByKind["reveal"] ?? 0));
    }
  });

  it("grows about linearly in CPU time, within the noise of a busy machine", () => {
    expect(perOther(larger, larger.cpu_ms)).toBeLessThan(perOther(small, small.cpu_ms) * 1.5);
    expect(fuller.cpu_ms).toBeLessThan(small.cpu_ms * 4);
  });
});
