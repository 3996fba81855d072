import { describe, expect, it } from "vitest";
import { Cluster, defaultOptions } from "../../sim/cluster.ts";
import type { Work } from "../../keeper/runtime/keeper.ts";

/** The work that keeper 0 reports just before each block, from block `from` on. */
async function workBeforeBlocks(
  spoil: (c: Cluster) => void = () => undefined,
): Promise<(Work & { block: number })[]> {
  const c = new Cluster(defaultOptions);
  for (let i = 0; i < c.options.committee; i++) c.start(i);
  spoil(c);
  const said: (Work & { block: number })[] = [];
  c.onBlock((block) => {
    const work = c.seats[0]?.keeper?.work();
    if (work !== undefined && work.head >= 0) said.push({ ...work, block });
  });
  await c.run(90);
  return said;
}

describe("the work that a keeper reports", () => {
  it("is none before the next block, if blocks are slower than the work for one", async () => {
    const said = await workBeforeBlocks();
    expect(said.length).toBeGreaterThan(80);
    for (const { block, head, underWay } of said) {
      expect({ block, head, underWay }).toEqual({ block, head: block - 1, underWay: 0 });
    }
    const handled = said.map((work) => work.handled);
    expect(handled).toEqual([...handled].sort((a, b) => a - b));
    expect(new Set(handled).size).toBeGreaterThan(80);
  });

  it("includes a challenge whose answer takes longer than a block", async () => {
    const said = await workBeforeBlocks(
      (c) => (c.spoils = (provider) => (provider === 1 ? "slow" : undefined)),
    );
    expect(said.filter(({ underWay }) => underWay > 0).length).toBeGreaterThan(10);
  });

  it("does not include a challenge to an offline provider, which only blocks can end", async () => {
    const said = await workBeforeBlocks((c) => (c.proves = (provider) => (provider === 1 ? undefined : 16)));
    expect(said.filter(({ underWay }) => underWay > 0)).toEqual([]);
  });
});
