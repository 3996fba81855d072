/**
 * Measures how often a keeper that skips part of its challenges is paid (S7). It plays committees of four in the simulated world; in
 * each, one keeper sends only a share of its challenges. It prints the share of settlements that pay this keeper.
 * Run: node scripts/bench/lazy-keepers.ts [blocks]
 */
import { bitIndices } from "../../protocol/bitmap.ts";
import { lazy } from "../../sim/byzantine/behaviours.ts";
import { Cluster, defaultOptions } from "../../sim/cluster.ts";

const lazyKeeper = 1;

export type LazyResult = { readonly skipped: number; readonly settlements: number; readonly paid: number };

/** `settlements` counts those in which the lazy keeper is not a failed leader (R7), `paid` those of them that pay it. */
async function playLazy(skipped: number, blocks: number, seed: number): Promise<LazyResult> {
  const params = { ...defaultOptions.params, interval: 40 };
  const cluster = new Cluster({ ...defaultOptions, seed, params });
  cluster.decorate = (ports, keeper) =>
    keeper === lazyKeeper ? lazy(() => cluster.world.random.next() >= skipped)(ports) : ports;
  for (let i = 0; i < cluster.options.committee; i++) cluster.start(i);
  await cluster.run(blocks);
  const settled = cluster.chain.certified.filter(
    ({ certificate }) => !bitIndices(certificate.failed).includes(lazyKeeper),
  );
  const paid = settled.filter(({ certificate }) =>
    bitIndices(certificate.payees).includes(lazyKeeper),
  ).length;
  return { skipped, settlements: settled.length, paid };
}

if (import.meta.main) {
  const blocks = Number(process.argv[2] ?? 12_000);
  process.stdout.write("skipped  settlements  paid   measured  computed (1 - skipped)\n");
  for (const [i, skipped] of [1, 0.8, 0.5, 0.2, 0].entries()) {
    const { settlements, paid } = await playLazy(skipped, blocks, 100 + i);
    const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;
    process.stdout.write(
      `${percent(skipped).padStart(7)}  ${String(settlements).padStart(11)}  ${String(paid).padStart(4)}  ${percent(paid / settlements).padStart(9)}  ${percent(1 - skipped).padStart(9)}\n`,
    );
  }
}
