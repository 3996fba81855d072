/** Compared with a count of each block on its own, written from the definition of a proven copy. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { copiesOverTime, hasTooFew } from "../../../archive/copies.ts";
import type { Commitment, SettledInterval } from "../../../archive/copies.ts";

const window = { from: 10, to: 40 };
const commitment = (provider: string, from: number, to: number, ...roots: string[]): Commitment => ({
  provider,
  from,
  to,
  roots: new Set(roots),
});
const interval = (provider: string, from: number, to: number, isProven = true): SettledInterval => ({
  provider,
  from,
  to,
  isProven,
});

describe("copies over time", () => {
  it("count a provider while it is committed and proves", () => {
    const commitments = [commitment("a", 0, 30, "r"), commitment("b", 20, 100, "r", "s")];
    const settled = [interval("a", 0, 20), interval("a", 20, 40), interval("b", 20, 40)];
    const [r, s] = copiesOverTime(["r", "s"], commitments, settled, window);
    expect(r).toEqual({
      root: "r",
      now: 1,
      worst: { block: 10, copies: 1 },
      holders: [{ provider: "b", since: 20 }],
      series: [
        { block: 10, copies: 1 },
        { block: 20, copies: 2 },
        { block: 30, copies: 1 },
      ],
    });
    // Nobody promised it before block 20.
    expect(s).toMatchObject({ now: 1, worst: { block: 20, copies: 1 } });
  });

  it("last without a gap over intervals that follow one another, and while one provider takes over from another", () => {
    const settled = [
      interval("a", 0, 20),
      interval("a", 20, 40),
      interval("b", 0, 30),
      interval("c", 30, 40),
    ];
    const commitments = ["a", "b", "c"].map((name) => commitment(name, 0, 100, "r"));
    const [r] = copiesOverTime(["r"], commitments, settled, window);
    expect(r?.holders).toEqual([
      { provider: "a", since: 10 },
      { provider: "c", since: 30 },
    ]);
    expect(r?.series).toEqual([{ block: 10, copies: 2 }]);
  });

  it("were fewest from the first copy on, also where that is before the window", () => {
    const settled = [interval("a", 0, 5), interval("a", 5, 20, false), interval("a", 20, 40)];
    const [r] = copiesOverTime(["r"], [commitment("a", 0, 100, "r")], settled, window);
    expect(r).toMatchObject({ now: 1, worst: { block: 10, copies: 0 } });
  });

  it("do not count an interval in which the provider proved too little", () => {
    const settled = [interval("a", 0, 20), interval("a", 20, 30, false), interval("a", 30, 50)];
    const [r] = copiesOverTime(["r"], [commitment("a", 0, 100, "r")], settled, window);
    expect(r).toMatchObject({
      now: 1,
      worst: { block: 20, copies: 0 },
      holders: [{ provider: "a", since: 30 }],
    });
  });

  it("are 0 for a file that nobody has, and where nothing is settled", () => {
    const [r] = copiesOverTime(["r"], [commitment("a", 0, 100, "s")], [interval("a", 0, 100)], window);
    expect(r).toEqual({
      root: "r",
      now: 0,
      worst: { block: 10, copies: 0 },
      holders: [],
      series: [{ block: 10, copies: 0 }],
    });
    expect(copiesOverTime(["r"], [commitment("a", 0, 9, "r")], [], { from: 5, to: 5 })[0]?.now).toBe(0);
  });

  it("count a provider once that commits to a file by two lists at once", () => {
    const commitments = [commitment("a", 0, 30, "r"), commitment("a", 20, 100, "r")];
    const [r] = copiesOverTime(["r"], commitments, [interval("a", 0, 100)], window);
    expect(r?.series).toEqual([{ block: 10, copies: 1 }]);
  });

  it("are those of each block counted on its own", () => {
    const block = fc.integer({ min: 0, max: 50 });
    const span = fc.tuple(block, block).map(([a, b]) => ({ from: Math.min(a, b), to: Math.max(a, b) }));
    const provider = fc.constantFrom("a", "b", "c");
    const commitments = fc.array(
      fc
        .record({ provider, span, roots: fc.subarray(["r", "s", "t"]) })
        .map(({ provider: name, span: { from, to }, roots }): Commitment =>
          commitment(name, from, to, ...roots),
        ),
      { maxLength: 8 },
    );
    const settled = fc.array(
      fc
        .record({ provider, span, isProven: fc.boolean() })
        .map(({ provider: name, span: { from, to }, isProven }) => interval(name, from, to, isProven)),
      { maxLength: 8 },
    );
    fc.assert(
      fc.property(commitments, settled, (all, intervals) => {
        const has = (name: string, root: string, at: number): boolean =>
          all.some((one) => one.provider === name && one.from <= at && at < one.to && one.roots.has(root)) &&
          intervals.some((one) => one.provider === name && one.from <= at && at < one.to && one.isProven);
        for (const found of copiesOverTime(["r", "s"], all, intervals, window)) {
          const counts: number[] = [];
          for (let at = window.from; at < window.to; at++) {
            const holders = ["a", "b", "c"].filter((name) => has(name, found.root, at));
            counts.push(holders.length);
            const said = found.series.findLast((entry) => entry.block <= at);
            expect(said?.copies).toBe(holders.length);
          }
          expect(found.now).toBe(counts.at(-1));
          const blocks = Array.from({ length: window.to }, (_, at) => at);
          const first = blocks.find((at) => ["a", "b", "c"].some((name) => has(name, found.root, at)));
          const begin = Math.max(0, (first ?? 0) - window.from);
          expect(found.worst.copies).toBe(Math.min(...counts.slice(begin)));
          expect(found.worst.block).toBe(window.from + counts.indexOf(found.worst.copies, begin));
          for (const { provider: name, since } of found.holders) {
            for (let at = since; at < window.to; at++) expect(has(name, found.root, at)).toBe(true);
            expect(since > window.from && has(name, found.root, since - 1)).toBe(false);
          }
          expect(found.holders).toHaveLength(found.now);
          for (const [i, entry] of found.series.entries()) {
            expect(entry.copies).not.toBe(found.series[i - 1]?.copies);
          }
        }
      }),
    );
  });
});

describe("the alarm", () => {
  it("is due below the least number of copies, but not for a file that can be derived from another one", () => {
    expect([1, 2, 3].map((copies) => hasTooFew({}, copies, 2))).toEqual([true, false, false]);
    expect(hasTooFew({ derivedFrom: { file: "a", by: "b" } }, 0, 2)).toBe(false);
  });
});
