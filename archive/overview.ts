/** The copies of all files of an archive together, at points in time. */
import type { BlockWindow, CopiesFrom } from "./copies.ts";

/** Files with the same changes. */
export type SameFiles = { readonly files: number; readonly series: readonly CopiesFrom[] };

/** The blocks from `block` to the next point: of each file, its fewest copies there. */
export type OverviewPoint = {
  readonly block: number;
  /** Of the file with the fewest copies, and of that with the most. */
  readonly fewest: number;
  readonly most: number;
  readonly mean: number;
  /** Files with fewer than `least` copies. */
  readonly below: number;
};

/** @param points most points; a short dip is in the point that covers it */
export function copiesOverview(
  all: readonly SameFiles[],
  window: BlockWindow,
  { points, least }: { readonly points: number; readonly least: number },
): OverviewPoint[] {
  const files = all.reduce((sum, one) => sum + one.files, 0);
  const blocks = window.to - window.from;
  const count = Math.min(points, blocks);
  if (files === 0 || count <= 0) return [];
  const begins = Array.from({ length: count + 1 }, (_, i) => window.from + Math.floor((blocks * i) / count));
  const found = begins
    .slice(0, count)
    .map((block) => ({ block, fewest: Infinity, most: 0, sum: 0, below: 0 }));
  for (const { files: weight, series } of all) {
    let at = 0;
    for (const [i, point] of found.entries()) {
      while ((series[at + 1]?.block ?? Infinity) <= point.block) at++;
      let copies = series[at]?.copies ?? 0;
      const end = begins[i + 1] as number;
      for (let next = at + 1; (series[next]?.block ?? Infinity) < end; next++) {
        copies = Math.min(copies, series[next]?.copies ?? 0);
      }
      point.fewest = Math.min(point.fewest, copies);
      point.most = Math.max(point.most, copies);
      point.sum += weight * copies;
      if (copies < least) point.below += weight;
    }
  }
  return found.map(({ sum, ...rest }) => ({ ...rest, mean: sum / files }));
}
