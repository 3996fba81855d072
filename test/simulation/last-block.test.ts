/**
 * L1 and R19 against keepers that say everything at the last block: delays are drawn to hurt, at the bound or nothing, and heads
 * are nearly one block apart.
 */
import { describe, expect, it } from "vitest";
import { bitIndices } from "../../protocol/bitmap.ts";
import { deliveryBlocks } from "../../protocol/turns.ts";
import { atLastBlock } from "../../sim/byzantine/timed.ts";
import type { Release } from "../../sim/byzantine/timed.ts";
import { Cluster, defaultOptions } from "../../sim/cluster.ts";
import { settledOf } from "../support/first-group.ts";

const block_ms = 1_000;

/** A world in which the liars release what they hold around the last block, each time to other keepers. */
async function play(
  committee: number,
  liars: readonly number[],
  rhythm: Partial<typeof defaultOptions.params>,
  seed: number,
  blocks: number,
): Promise<Cluster> {
  const c = new Cluster({
    ...defaultOptions,
    seed,
    committee,
    blockMs: [block_ms, block_ms],
    params: { ...defaultOptions.params, ...rhythm },
    terms: { ...defaultOptions.terms, lockup: 1_000 },
  });
  const { random } = c.world;
  const honest = c.seats.flatMap((_, i) => (liars.includes(i) ? [] : [c.operatorOf(i)]));
  const longest_ms = (deliveryBlocks(c.options.params.turn) - 1) * block_ms - 50;
  const lying = new Set(liars.map((i) => c.operatorOf(i)));
  c.network.delayOf = (from) => (lying.has(from) || random.next() < 0.25 ? 1 : longest_ms);
  c.headDelay_ms = () => (random.next() < 0.5 ? 1 : block_ms - 20);
  const release = (): Release => ({
    after_ms: random.integer(0, 3 * block_ms),
    only: random.next() < 0.2 ? undefined : new Set([honest[random.integer(0, honest.length - 1)] as never]),
  });
  c.decorate = (ports, keeper) => (liars.includes(keeper) ? atLastBlock(c, release)(ports) : ports);
  for (let i = 0; i < committee; i++) c.start(i);
  await c.run(blocks);
  return c;
}

describe("Byzantine keepers that publish at the last allowed block", () => {
  for (const [committee, liars, rhythm] of [
    [4, [2], {}],
    [4, [1], { interval: 120, turn: 60, slot: 10, answer: 3, confirmations: 2 }],
    [7, [1, 5], { interval: 96, turn: 48, slot: 8, answer: 3, confirmations: 2 }],
    [10, [0, 3, 8], { interval: 60, turn: 36, slot: 6, answer: 2, confirmations: 1 }],
  ] as const) {
    const turn = "turn" in rhythm ? rhythm.turn : defaultOptions.params.turn;
    it(`cost no honest leader its turn (n=${committee}, turns of ${turn} blocks, L1)`, async () => {
      for (const seed of committee > 7 ? [1] : [1, 2]) {
        const c = await play(committee, liars, rhythm, seed, 900);
        expect(settledOf(c).length).toBeGreaterThan(5);
        for (const { settlement } of settledOf(c)) {
          for (const keeper of bitIndices(settlement.failed)) expect(liars, `seed ${seed}`).toContain(keeper);
        }
      }
    });
  }
});
