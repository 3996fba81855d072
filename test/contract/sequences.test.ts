import fc from "fast-check";
import type { Wallet } from "ethers";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Model } from "../../sim/chain/contract-model.ts";
import { Player } from "../support/contracts/sequence-player.ts";
import { beginning, steps, type Step } from "../support/contracts/sequence-steps.ts";
import { range, World, type Keeper } from "../support/contracts/world.ts";

const long = process.env["WHITEPAY_LONG"] === "1";

let world: World;
let keepers: Keeper[];
let operators: Wallet[];

beforeAll(async () => {
  world = await World.open();
  keepers = await world.keepers(10);
  operators = await Promise.all(range(6).map((i) => world.chain.account(`model provider ${i}`)));
  for (const i of range(6)) await world.provider(`model provider ${i}`);
});
afterAll(() => world.chain.close());

/** Short periods, so that a sequence sees many of them. */
const config = { interval: 24, turn: 24, slot: 3, answer: 1, confirmations: 0, lockup: 96 };

async function player(n: number, price: bigint, keeperShareBps: number): Promise<Player> {
  const group = await world.group(n, { config: { ...config, price, keeperShareBps }, deposit: 0n });
  const allowance = world.token.connect(world.payer) as typeof world.token;
  await (await allowance.getFunction("approve")(await group.address(), 1n << 95n)).wait();
  const origin = group.created.blockNumber;
  const model = new Model({ ...config, origin, price, keeperShareBps: BigInt(keeperShareBps) }, range(n));
  return new Player(group, model, keepers, operators);
}

async function holds(n: number, price: bigint, share: number, sequence: readonly Step[]): Promise<Player> {
  const game = await player(n, price, share);
  // Half of the groups begin with no more than R32 asks for: they run short.
  const times = sequence.length % 2 === 0 ? 8n : 1n;
  for (const step of beginning(game.model, times)) await game.play(step);
  for (const step of sequence) {
    await game.play(step);
    await game.compare();
  }
  await game.windUp();
  return game;
}

/** Events that must occur in every run. */
const outcomes = [
  "deposit withdrawPayer withdrawProvider withdrawKeeper collectArrears touch",
  "addProvider changeData removeProvider settle abandon terminate",
  "proposeCommittee acceptSeat cancelCommittee",
  "Upkeeping_NothingToMove Upkeeping_NotWithdrawable Upkeeping_TooEarly Upkeeping_NotLeader",
  "Upkeeping_WrongItemCount Upkeeping_NotAbandonable Upkeeping_Underfunded Upkeeping_OtherCommitteeSize",
].flatMap((line) => line.split(" "));

describe("any sequence of calls", () => {
  it(
    "moves money exactly like the model, and leaves none locked (R16, R30-R34, S1-S3)",
    async () => {
      let calls = 0;
      const seen = new Set<string>();
      const game = fc.asyncProperty(
        fc.constantFrom(4, 4, 7),
        fc.constantFrom(1n, 1_000_003n, 12_345_678_901n),
        fc.constantFrom(0, 1000, 3333, 10_000),
        fc.array(steps, { minLength: 20, maxLength: 60, size: "max" }),
        async (n, price, share, sequence) => {
          const played = await holds(n, price, share, sequence);
          calls += played.calls;
          for (const outcome of played.outcomes) seen.add(outcome);
        },
      );
      const numRuns = long ? 2_500 : 16;
      await fc.assert(game, { numRuns, seed: long ? 7 : 20_261, endOnFailure: true });
      // A sequence in which every call is refused would show nothing.
      expect([...seen]).toEqual(expect.arrayContaining(outcomes));
      expect(calls).toBeGreaterThanOrEqual(long ? 100_000 : 600);
    },
    long ? 4_000_000 : 120_000,
  );
});
