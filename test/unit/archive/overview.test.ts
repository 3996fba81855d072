/** The copies of all files at points in time, compared with a count of each block on its own. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { copiesOverview } from "../../../archive/overview.ts";
import type { SameFiles } from "../../../archive/overview.ts";

const window = { from: 10, to: 30 };

describe("an overview of copies", () => {
  it("has the fewest, mean and most copies of each point, and the files that have too few", () => {
    const all: SameFiles[] = [
      {
        files: 3,
        series: [
          { block: 10, copies: 3 },
          { block: 20, copies: 1 },
        ],
      },
      { files: 1, series: [{ block: 10, copies: 2 }] },
    ];
    expect(copiesOverview(all, window, { points: 2, least: 2 })).toEqual([
      { block: 10, fewest: 2, most: 3, mean: 2.75, below: 0 },
      { block: 20, fewest: 1, most: 2, mean: 1.25, below: 3 },
    ]);
  });

  it("shows a dip of one block in the point that covers it", () => {
    const dip = [
      { block: 10, copies: 2 },
      { block: 17, copies: 0 },
      { block: 18, copies: 2 },
    ];
    const points = copiesOverview([{ files: 1, series: dip }], window, { points: 4, least: 1 });
    expect(points.map(({ block, fewest, below }) => [block, fewest, below])).toEqual([
      [10, 2, 0],
      [15, 0, 1],
      [20, 2, 0],
      [25, 2, 0],
    ]);
  });

  it("is empty without files or blocks", () => {
    expect(copiesOverview([], window, { points: 4, least: 1 })).toEqual([]);
    const one = [{ files: 1, series: [{ block: 5, copies: 1 }] }];
    expect(copiesOverview(one, { from: 5, to: 5 }, { points: 4, least: 1 })).toEqual([]);
  });

  it("is that of each block counted on its own", () => {
    const series = fc.uniqueArray(fc.integer({ min: 11, max: 29 }), { maxLength: 6 }).chain((blocks) =>
      fc
        .array(fc.integer({ min: 0, max: 4 }), {
          minLength: blocks.length + 1,
          maxLength: blocks.length + 1,
        })
        .map((copies) =>
          [10, ...blocks.sort((a, b) => a - b)].map((block, i) => ({ block, copies: copies[i] ?? 0 })),
        ),
    );
    const same = fc.record({ files: fc.integer({ min: 1, max: 5 }), series });
    fc.assert(
      fc.property(
        fc.array(same, { minLength: 1, maxLength: 4 }),
        fc.integer({ min: 1, max: 40 }),
        fc.integer({ min: 0, max: 4 }),
        (all, most, least) => {
          const points = copiesOverview(all, window, { points: most, least });
          expect(points).toHaveLength(Math.min(most, 20));
          for (const [i, point] of points.entries()) {
            const end = points[i + 1]?.block ?? window.to;
            const lows = all.map((one) => {
              const counts: number[] = [];
              for (let at = point.block; at < end; at++) {
                counts.push(one.series.findLast(({ block }) => block <= at)?.copies ?? 0);
              }
              return { files: one.files, low: Math.min(...counts) };
            });
            const files = all.reduce((sum, one) => sum + one.files, 0);
            expect(point.fewest).toBe(Math.min(...lows.map(({ low }) => low)));
            expect(point.most).toBe(Math.max(...lows.map(({ low }) => low)));
            expect(point.mean).toBeCloseTo(lows.reduce((sum, one) => sum + one.files * one.low, 0) / files);
            expect(point.below).toBe(
              lows.filter(({ low }) => low < least).reduce((sum, one) => sum + one.files, 0),
            );
          }
        },
      ),
    );
  });
});
