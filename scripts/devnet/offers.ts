/** What the devnet's providers offer to payers, and by which policy they accept (R42). */
import type { OfferedContracts } from "../fleet/build.ts";

/** Whole tokens a TiB and month: of the first provider, and how much more each further one asks. */
const price = { first: 4, step: 0.5 } as const;
/** Seconds; the pace of the devnet's chain. */
const blockTime_s = 1;
/** Blocks for which data stays whose commitment has ended: ten minutes. */
const graceBlocks = 600;

/** Each in a region of its own, each at another price; public data is taken, and nobody is refused. */
export function offerOf(index: number, { factory, token }: OfferedContracts): object {
  return {
    factories: [factory],
    prices: [{ token, perMonth: String(price.first + price.step * index) }],
    blockTime_s,
    graceBlocks,
    regions: [`region-${index}`],
  };
}
