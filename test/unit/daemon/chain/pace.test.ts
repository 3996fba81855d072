import { describe, expect, it } from "vitest";
import { ChainPace, headAgeLimit_s, oldHeadText } from "../../../../daemon/chain/pace.ts";

const start_ms = 1_700_000_000_000;

/** A chain of `blocks` blocks, one every `each_s` seconds; the last one is new. */
function chainOf(blocks: number, each_s: number): { pace: ChainPace; now_ms: number; head: number } {
  const pace = new ChainPace();
  for (let block = 0; block < blocks; block++) {
    pace.note(block, start_ms / 1000 + block * each_s);
    pace.saw(block, start_ms + block * each_s * 1000);
  }
  return { pace, now_ms: start_ms + (blocks - 1) * each_s * 1000, head: blocks - 1 };
}

describe("the limit of a head's age", () => {
  it("is five times the 95th percentile of the block times, and never below 10 s", () => {
    expect(headAgeLimit_s([])).toBe(10);
    expect(headAgeLimit_s(Array(100).fill(0.5))).toBe(10);
    expect(headAgeLimit_s(Array(100).fill(12))).toBe(60);
    // Five slow blocks of 100 change nothing, six do.
    expect(headAgeLimit_s([...Array(95).fill(12), ...Array(5).fill(150)])).toBe(60);
    expect(headAgeLimit_s([...Array(94).fill(12), ...Array(6).fill(150)])).toBe(750);
  });
});

describe("the pace of a chain", () => {
  it("distinguishes a stopped chain from a slow one", () => {
    const slow = chainOf(300, 12);
    expect(slow.pace.blockTimes_s()).toEqual(Array(100).fill(12));
    expect(slow.pace.look(slow.now_ms + 60_000)).toEqual({
      block: 299,
      age_s: 60,
      limit_s: 60,
      isOld: false,
    });
    expect(slow.pace.look(slow.now_ms + 61_000)).toMatchObject({ age_s: 61, isOld: true });
    const fast = chainOf(300, 1);
    expect(fast.pace.look(fast.now_ms + 11_000)).toMatchObject({ age_s: 11, limit_s: 10, isOld: true });
  });

  it("calls a head old only if the age and the limit that it shows say so, to a tenth of a second", () => {
    const { pace, now_ms } = chainOf(300, 1);
    expect(pace.look(now_ms + 10_030)).toMatchObject({ age_s: 10, limit_s: 10, isOld: false });
    expect(pace.look(now_ms + 10_060)).toMatchObject({ age_s: 10.1, limit_s: 10, isOld: true });
  });

  it("ignores one outage of any length", () => {
    const { pace, now_ms, head } = chainOf(300, 2);
    pace.note(head + 1, now_ms / 1000 + 150);
    pace.saw(head + 1, now_ms + 150_000);
    expect(pace.look(now_ms + 151_000)).toMatchObject({
      block: head + 1,
      age_s: 1,
      limit_s: 10,
      isOld: false,
    });
  });

  it("takes the mean where blocks in between were not seen", () => {
    const pace = new ChainPace();
    for (const block of [0, 50, 100]) pace.note(block, start_ms / 1000 + block * 12);
    pace.saw(100, start_ms + 1_200_000);
    expect(pace.blockTimes_s()).toEqual(Array(100).fill(12));
  });

  it("uses a block's timestamp at a start on a stopped chain", () => {
    const pace = new ChainPace();
    pace.note(7, start_ms / 1000 - 150);
    pace.saw(7, start_ms);
    expect(pace.look(start_ms)).toMatchObject({ age_s: 150, isOld: true });
    // Minus the known offset of this machine's clock.
    expect(pace.look(start_ms, 150_000)).toMatchObject({ age_s: 0, isOld: false });
  });

  it("counts from the start if no block was seen, and reports that", () => {
    const pace = new ChainPace();
    expect(pace.look(start_ms)).toMatchObject({ block: undefined, age_s: 0, isOld: false });
    expect(pace.look(start_ms + 9_000)).toMatchObject({ block: undefined, isOld: false });
    const look = pace.look(start_ms + 11_000);
    expect(look.isOld).toBe(true);
    expect(oldHeadText(look)).toMatch(/no block .* 10 s$/);
  });

  it("forgets blocks that a reorg removed, and bounds its memory", () => {
    const { pace, now_ms } = chainOf(300, 1);
    pace.note(250, now_ms / 1000 + 5);
    pace.saw(250, now_ms + 5_000);
    expect(pace.look(now_ms + 5_000)).toMatchObject({ block: 250, age_s: 0, isOld: false });
    expect(pace.blockTimes_s()).toHaveLength(51);
    for (let block = 1_000; block < 9_000; block++) pace.note(block, start_ms / 1000 + block);
    pace.saw(9_000, now_ms);
    expect(pace.blockTimes_s().length).toBeLessThanOrEqual(100);
  });
});
