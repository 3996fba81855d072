import { expect, it } from "vitest";
import { faultKinds } from "../../sim/scenario/schema.ts";
import { playCampaign } from "../support/campaign.ts";

it("a hundred thousand intervals of random scenarios hold, and every kind of fault strikes in them", async () => {
  const { intervals, faults } = await playCampaign(100_000, 24_000);
  expect(intervals).toBeGreaterThanOrEqual(100_000);
  expect(faultKinds.filter((kind) => !(kind in faults))).toEqual([]);
}, 5_400_000);

it("committees of four to thirteen hold, and so do those whose providers really store", async () => {
  const larger = await playCampaign(300_000, 800, ["--keepers", "4,7,10,13"]);
  expect(larger.intervals).toBeGreaterThanOrEqual(2_000);
  const storing = await playCampaign(500_000, 300, ["--proofs", "real"]);
  expect(storing.intervals).toBeGreaterThanOrEqual(1_000);
}, 3_600_000);
