/** The bounds of a committee's parameters (R4), against the rule's text. */
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { range } from "../support/contracts/basics.ts";
import type { Rhythm } from "../support/contracts/committee.ts";
import { CommitteeWorld, rhythm } from "../support/contracts/committee-world.ts";

let world: CommitteeWorld;
beforeAll(async () => {
  world = await CommitteeWorld.open();
});
afterAll(() => world.chain.close());

/** Whether the factory accepts the parameters: it goes on to the members then, of whom there are none here. */
async function accepted(parameters: Rhythm): Promise<boolean> {
  const args = [parameters, await world.terms(), [], []];
  const { error } = await world.failing(world.factory.getFunction("createCommittee").staticCall(...args));
  expect(["UpkeepingFactory_BadConfig", "Committee_BadSize"]).toContain(error);
  return error === "Committee_BadSize";
}

const roundedUp = (numerator: number, denominator: number): number => Math.ceil(numerator / denominator);

/** R4: a round with a silent committer and a silent revealer ends before others than the leader may send. */
function roundFits({ turn, confirmations }: Rhythm): boolean {
  const a = Math.floor(turn / 12);
  return roundedUp(2 * turn, 3) >= 2 * roundedUp(turn, 6) + 2 * confirmations + Math.max(8, a + 6);
}

function meetsR4(r: Rhythm): boolean {
  return (
    r.slot > 0 &&
    r.turn > 0 &&
    r.turn % r.slot === 0 &&
    r.interval % r.slot === 0 &&
    r.slot > r.confirmations + r.answer + 1 &&
    r.interval >= r.turn + r.confirmations &&
    r.turn <= 8_000 &&
    roundFits(r) &&
    r.toleranceBps <= 10_000
  );
}

describe("the bounds of a committee's parameters (R4)", () => {
  it("admit a turn of 12 to 60 blocks exactly where a round fits, for 0 to 6 confirmations", async () => {
    let fitting = 0;
    for (const confirmations of range(7)) {
      for (const turn of range(49, 12)) {
        // One slot a turn, so that no other bound matters.
        const parameters = { ...rhythm, interval: 2 * turn, turn, slot: turn, answer: 1, confirmations };
        const fits = roundFits(parameters);
        expect(await accepted(parameters), JSON.stringify(parameters)).toBe(fits);
        if (fits) fitting += 1;
      }
    }
    expect(fitting).toBeGreaterThan(100);
    expect(fitting).toBeLessThan(7 * 49);
  });

  it("are those of the rule for any parameters", async () => {
    let met = 0;
    const parameters = fc
      .record({
        slot: fc.integer({ min: 0, max: 12 }),
        slotsOfTurn: fc.integer({ min: 0, max: 12 }),
        slotsOfInterval: fc.integer({ min: 0, max: 24 }),
        off: fc.constantFrom(0, 0, 0, 1),
        answer: fc.integer({ min: 0, max: 4 }),
        confirmations: fc.integer({ min: 0, max: 4 }),
        toleranceBps: fc.constantFrom(0, 100, 10_000, 10_001),
      })
      .map(({ slot, slotsOfTurn, slotsOfInterval, off, ...rest }): Rhythm => {
        return { ...rest, slot, turn: slot * slotsOfTurn, interval: slot * slotsOfInterval + off };
      });
    const property = fc.asyncProperty(parameters, async (r) => {
      expect(await accepted(r)).toBe(meetsR4(r));
      if (meetsR4(r)) met += 1;
    });
    await fc.assert(property, { numRuns: 400, seed: 4 });
    expect(met).toBeGreaterThan(20);
  });
});
