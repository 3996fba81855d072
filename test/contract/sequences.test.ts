/** Any sequence of calls of committees and groups, against a model written from the rules (R2, R5-R7, R14-R16, R25, R29-R38, S1-S3, S8). */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { playSequences } from "../support/contracts/sequence-campaign.ts";
import { Stage } from "../support/contracts/sequence-stage.ts";

let stage: Stage;
beforeAll(async () => {
  stage = await Stage.open();
});
afterAll(() => stage.world.chain.close());

/** Calls and errors that must occur in every run: a sequence in which every call is refused would show nothing. */
const outcomes = [
  "deposit withdrawPayer withdrawProvider withdrawKeeper withdrawProviders withdrawKeepers invite resign",
  "addProvider changeData removeProvider giveNotice",
  "certify settle settled enter abandon terminate propose consent",
  "Upkeeping_NothingToMove Upkeeping_Underfunded Upkeeping_StaleInterval Upkeeping_NotAbandonable",
  "Upkeeping_SameCommittee Upkeeping_Terminated",
].flatMap((line) => line.split(" "));
/** What must be among the sequences of every run. */
const casts = [
  "n = 4",
  "n = 7",
  "coin",
  "token",
  "a second version",
  "several groups",
  "price 0",
  "a return",
];

describe("any sequence of calls of two committees and their groups", () => {
  it("moves money exactly like the model, and leaves none locked", async () => {
    const { calls, funded, outcomes: seen } = await playSequences(stage, { runs: 14, seed: 20_261 });
    expect([...seen.keys()]).toEqual(expect.arrayContaining([...outcomes, ...casts]));
    expect(calls).toBeGreaterThanOrEqual(600);
    // S8 speaks of enough settlements.
    expect(funded).toBeGreaterThanOrEqual(10);
  }, 240_000);
});
