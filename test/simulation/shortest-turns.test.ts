/**
 * R4, L1: in the shortest turns that a group may have, keepers at fault cost no correct leader its turn. The bound is computed here
 * from the rule's own words.
 */
import { describe, expect, it } from "vitest";
import { bitIndices } from "../../protocol/bitmap.ts";
import { leaderOf, turnOrder } from "../../protocol/turns.ts";
import { withhold } from "../../sim/byzantine/behaviours.ts";
import type { Behaviour } from "../../sim/byzantine/behaviours.ts";
import { atLastBlock } from "../../sim/byzantine/timed.ts";
import { Cluster, defaultOptions } from "../../sim/cluster.ts";
import { membersOf, settledOf } from "../support/first-group.ts";

const longestTurn = 8_000;

function fits(turn: number, confirmations: number): boolean {
  const a = Math.floor(turn / 12);
  const needed = 2 * Math.ceil(turn / 6) + 2 * confirmations + Math.max(8, a + 6);
  return Math.ceil((2 * turn) / 3) >= needed;
}

/** The three shortest turns for which the bound and that of every longer turn hold. */
function shortestTurns(confirmations: number): number[] {
  let first = longestTurn;
  while (fits(first - 1, confirmations)) first--;
  return [first, first + 1, first + 2];
}

type Faults = {
  readonly committee: number;
  readonly dead?: number;
  readonly other?: readonly [number, (c: Cluster) => Behaviour];
};

async function play(turn: number, confirmations: number, faults: Faults): Promise<Cluster> {
  const { committee, dead, other } = faults;
  const params = { ...defaultOptions.params, slot: turn, turn, interval: 2 * turn, confirmations };
  const c = new Cluster({
    ...defaultOptions,
    seed: turn,
    committee,
    params,
    terms: { ...defaultOptions.terms, lockup: 6 * turn },
  });
  c.decorate = (ports, keeper) => (other?.[0] === keeper ? other[1](c)(ports) : ports);
  for (let i = 0; i < committee; i++) if (i !== dead) c.start(i);
  await c.run(8 * turn);
  return c;
}

/** Intervals that are not settled by the first leader without a fault, in its turn and before others may send. */
function slowIntervals(c: Cluster, atFault: readonly number[]): string[] {
  const { turn } = c.options.params;
  const { operators, seed } = membersOf(c);
  if (settledOf(c).length < 2) return [`only ${settledOf(c).length} intervals were settled`];
  return settledOf(c).flatMap(({ settlement, sender, block }) => {
    const { ts, te, leader } = settlement;
    const order = turnOrder(ts, seed, operators);
    const leaders = operators.map((_, i) => leaderOf(order, i + 1));
    const first = leaders.find((keeper) => !atFault.includes(keeper)) ?? -1;
    const prompt = leader === first && sender === operators[first] && block < te + Math.ceil((2 * turn) / 3);
    return prompt ? [] : [`${ts}: led by ${leader}, sent by ${sender} in block ${block}, expected ${first}`];
  });
}

/** Late with everything that is agreed on, and quick with its signature. */
const late = (c: Cluster): Behaviour => atLastBlock(c, () => ({ after_ms: 150, only: undefined }));

describe("the shortest turns that R4 allows", () => {
  for (const confirmations of [0, 1, 2, 3, 4, 5, 6]) {
    for (const turn of shortestTurns(confirmations)) {
      const name = `turns of ${turn} blocks with ${confirmations} confirmations`;

      it(`${name} settle with one keeper dead`, async () => {
        const c = await play(turn, confirmations, { committee: 4, dead: 1 });
        expect(slowIntervals(c, [1])).toEqual([]);
      });

      it(`${name} settle with one keeper late, which gets no leader's share`, async () => {
        const c = await play(turn, confirmations, { committee: 4, other: [2, late] });
        expect(slowIntervals(c, [])).toEqual([]);
        for (const { settlement } of settledOf(c)) expect(bitIndices(settlement.payees)).toContain(2);
      });

      for (const kind of ["reveal", "partial"] as const) {
        it(`${name} settle with one keeper of seven dead and one that withholds its ${kind}`, async () => {
          const other = [5, () => withhold(kind)] as const;
          const c = await play(turn, confirmations, { committee: 7, dead: 3, other });
          // A leader that withholds its reveal names it in its own bundle, so its own turn lapses.
          expect(slowIntervals(c, kind === "reveal" ? [3, 5] : [3])).toEqual([]);
        });
      }
    }
  }

  it("are longer than those of the first edition, in which one dead keeper stopped a group", async () => {
    for (const [turn, confirmations] of [
      [15, 1],
      [20, 2],
    ] as const) {
      expect(fits(turn, confirmations)).toBe(false);
      const c = await play(turn, confirmations, { committee: 4, dead: 1 });
      expect(settledOf(c)).toHaveLength(0);
      expect(c.reasons.some(({ code }) => code === "no-time-to-close")).toBe(true);
    }
  });
});
