/** Times of blocks, between blocks whose times are known. */
import type { Provider } from "ethers";
import { inParallel } from "../../client/in-parallel.ts";

/** Requests to the endpoint; a block between two of them may be off by as much as the chain's pace changes within a 64th of the time. */
const samples = 65;
const atOnce = 8;

export type TimeOf = (block: number) => number;

/** @param known ascending by block, at least one; outside, the nearest pace continues */
export function timesBetween(known: readonly { readonly block: number; readonly time_s: number }[]): TimeOf {
  return (block) => {
    let right = known.findIndex((one) => one.block >= block);
    if (right < 0) right = known.length - 1;
    const b = known[Math.max(right, 1)] ?? known[0];
    const a = known[Math.max(right, 1) - 1] ?? b;
    if (a === undefined || b === undefined) return 0;
    if (a.block === b.block) return a.time_s;
    return a.time_s + ((block - a.block) * (b.time_s - a.time_s)) / (b.block - a.block);
  };
}

/** @throws if the endpoint does not answer */
export async function blockTimes(provider: Provider, from: number, to: number): Promise<TimeOf> {
  const wanted = new Set(
    Array.from({ length: samples }, (_, i) => from + Math.round(((to - from) * i) / (samples - 1))),
  );
  const blocks = await inParallel([...wanted], atOnce, (block) => provider.getBlock(block));
  return timesBetween(
    blocks.flatMap((block) => (block === null ? [] : [{ block: block.number, time_s: block.timestamp }])),
  );
}
