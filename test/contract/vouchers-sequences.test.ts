/** Any sequence of calls of readers and providers, against a model written from the rule (R47). */
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Cast, Run, steps } from "../support/contracts/vouchers-run.ts";

let cast: Cast;
beforeAll(async () => {
  cast = await Cast.open();
});
afterAll(() => cast.world.chain.close());

describe("any sequence of calls of readers and providers", () => {
  it("moves money exactly like the model, and pays no provider more than was signed", async () => {
    const outcomes = new Map<string, number>();
    const property = fc.asyncProperty(steps, async (list) => {
      const snapshot = await cast.world.chain.rpc("evm_snapshot");
      const run = new Run(cast, outcomes);
      for (const step of list) {
        await run.step(step);
        await run.check();
      }
      await cast.world.chain.rpc("evm_revert", [snapshot]);
    });
    await fc.assert(property, { numRuns: 8, seed: 471 });
    // A campaign in which every call is refused would show nothing.
    for (const outcome of [
      "deposit done",
      "deposit ReadVouchers_NotReader",
      "deposit ReadVouchers_BadExpiry",
      "redeem done",
      "redeem ReadVouchers_NothingToMove",
      "withdraw done",
      "withdraw ReadVouchers_NotExpired",
      "release done",
    ]) {
      expect(outcomes.get(outcome) ?? 0, outcome).toBeGreaterThanOrEqual(2);
    }
  }, 120_000);
});
