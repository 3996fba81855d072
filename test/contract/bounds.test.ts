/** R4's bounds: compares the contract, the function that all other code calls, and the text of the rule. */
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { decodeBytes32String } from "ethers";
import { brokenBound } from "../../protocol/group-bounds.ts";
import { refusal } from "../support/contracts/chain.ts";
import { range, World, type Config } from "../support/contracts/world.ts";

const long = process.env["WHITEPAY_LONG"] === "1";

let world: World;
let operators: string[];
beforeAll(async () => {
  world = await World.open();
  operators = (await world.keepers(13)).map(({ operator }) => operator.address);
});
afterAll(() => world.chain.close());

/** The factory's refusal of a group: a rule with its values, or none. A call only; no transaction is sent. */
async function contractSays(config: Config, n: number): Promise<unknown> {
  const create = world.factory.getFunction("createGroup");
  const call = create.staticCall(config, operators.slice(0, n), { gasLimit: 16_000_000 });
  const refused = await call.then(
    () => undefined,
    () => refusal(call, world.factory.interface),
  );
  if (refused === undefined) return undefined;
  expect(refused.error).toBe("UpkeepingFactory_BadConfig");
  const [rule, expected, actual] = refused.args as [string, bigint, bigint];
  return { rule: decodeBytes32String(rule), expected, actual };
}

/** The conditions of R4 as the protocol states them, in blocks. */
function roundFits(turn: number, confirmations: number): boolean {
  const a = Math.floor(turn / 12);
  return Math.ceil((2 * turn) / 3) >= 2 * Math.ceil(turn / 6) + 2 * confirmations + Math.max(8, a + 6);
}

const configs = fc.record({
  price: fc.constantFrom(0n, 1n, 1n, 1n, 1n, 1n, 1n),
  slots: fc.nat(60),
  turns: fc.integer({ min: 1, max: 4 }),
  slot: fc.oneof(fc.integer({ min: 0, max: 12 }), fc.integer({ min: 1, max: 900 })),
  odd: fc.constantFrom(0, 0, 0, 0, 0, 1),
  oddInterval: fc.constantFrom(0, 0, 0, 0, 0, 1),
  answer: fc.integer({ min: 0, max: 9 }),
  confirmations: fc.oneof(fc.integer({ min: 0, max: 7 }), fc.integer({ min: 0, max: 80 })),
  spare: fc.integer({ min: -2, max: 3 }),
  keeperShareBps: fc.constantFrom(0, 1000, 10_000, 10_001),
  toleranceBps: fc.constantFrom(0, 100, 10_000, 10_001),
});

describe("the bounds of a group's parameters (R4)", () => {
  it("are those of the contract, rule and values included, for any parameters", async () => {
    const seen = new Map<string, number>();
    const same = fc.asyncProperty(configs, fc.constantFrom(4, 7, 13), async (drawn, n) => {
      const { slots, turns, odd, oddInterval, spare, ...rest } = drawn;
      const turn = slots * drawn.slot + odd;
      const interval =
        turn * turns + (drawn.confirmations > drawn.slot ? 0 : drawn.slot) * (turns % 2) + oddInterval;
      const lockup = Math.max(0, interval + ((n - 1) / 3 + 1) * turn + spare);
      const config = await world.config({ ...rest, turn, interval, lockup });
      const expected = brokenBound(config, n);
      expect(await contractSays(config, n)).toEqual(expected);
      const rule = expected?.rule ?? "none";
      seen.set(rule, (seen.get(rule) ?? 0) + 1);
    });
    await fc.assert(same, { numRuns: long ? 20_000 : 1_200, seed: 4, endOnFailure: true });
    // Every rule was violated at least once, and many configurations violated none.
    expect([...seen.keys()]).toHaveLength(12);
    expect(seen.get("none")).toBeGreaterThan(30);
  });

  it("take a turn from 0 to 40 blocks exactly where a round fits, for 0 to 6 confirmations", async () => {
    for (const confirmations of range(7)) {
      for (const turn of range(41).filter((blocks) => blocks > 0)) {
        const config = { slot: 1, answer: 0, confirmations, turn, interval: turn + confirmations };
        const all = await world.config({ ...config, slot: 1, lockup: 5_000 });
        const { rule } = brokenBound(all, 4) ?? {};
        expect(rule).toBe("slot > confirmations+answer+1");
        // The longest possible slot is the turn.
        const whole = await world.config({ ...config, slot: turn, interval: 2 * turn, lockup: 5_000 });
        const fits = turn > confirmations + 1 && roundFits(turn, confirmations);
        expect({ confirmations, turn, fits: (await contractSays(whole, 4)) === undefined }).toEqual({
          confirmations,
          turn,
          fits,
        });
      }
    }
  });

  it("refuse groups that a single absent keeper can stop for ever", async () => {
    for (const [confirmations, turn] of [
      [1, 15],
      [2, 20],
      [64, 210],
      [64, 225],
    ] as const) {
      const config = await world.config({
        confirmations,
        turn,
        slot: turn,
        interval: turn * 2,
        lockup: 4 * turn,
      });
      expect(Math.ceil((2 * turn) / 3)).toBeGreaterThanOrEqual(2 * confirmations + 8);
      expect((await contractSays(config, 4)) as object).toMatchObject({
        rule: "2/3 turn >= time for its round",
      });
    }
  });
});
