/** More of the sequences of sequences.test.ts, and all that they can come to. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { playSequences } from "../support/contracts/sequence-campaign.ts";
import { Stage } from "../support/contracts/sequence-stage.ts";

let stage: Stage;
beforeAll(async () => {
  stage = await Stage.open();
});
afterAll(() => stage.world.chain.close());

const seeds = [1, 2, 3, 4, 5];

/** Rare ones, beside those of the shorter run. */
const outcomes = [
  "collectArrears collectKeeperArrears collectAllArrears raiseCeiling reclaim withdrawProposal rotateSeat",
  "Upkeeping_WrongItemCount Upkeeping_ProviderNotActive Upkeeping_NotMyCommittee Upkeeping_TooManyChanges",
  "Upkeeping_ProviderLeaves Upkeeping_NoticeGiven Upkeeping_NotEnded Upkeeping_BadCeiling Upkeeping_ServiceEnds",
  "Upkeeping_WrongSequence Upkeeping_ConsentExpired Upkeeping_BadConsent Upkeeping_NotPayerOrProvider",
  "Committee_TooEarly Committee_NotLeader Committee_WrongVersion Committee_TooFewSigners Committee_BadSignature",
  "Committee_WrongFailedCount Committee_FailedPayee Committee_FeeTooLow Committee_SameKey Committee_NotMember",
  "Committee_NotOver Committee_ProposalOpen Committee_NotInvited Committee_NothingToResign",
  "Committee_BadGroupProof Committee_BadProofLength",
].flatMap((line) => line.split(" "));

describe("many sequences of calls of two committees and their groups", () => {
  const seen = new Set<string>();
  it.each(seeds)(
    "move money exactly like the model (seed %i)",
    async (seed) => {
      const played = await playSequences(stage, { runs: 100, seed });
      expect(played.funded).toBeGreaterThanOrEqual(80);
      for (const outcome of played.outcomes.keys()) seen.add(outcome);
    },
    1_800_000,
  );

  it("come to everything that may happen", () => {
    expect([...seen]).toEqual(expect.arrayContaining(outcomes));
  });
});
