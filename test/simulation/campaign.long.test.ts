import { expect, it } from "vitest";
import { faultKinds } from "../../scripts/sim/scenario/schema.ts";
import { playCampaigns } from "../support/campaign.ts";

it("a hundred thousand intervals of random scenarios hold, and every kind of fault strikes in them", async () => {
  const { intervals, faults } = await playCampaigns([100_000, 200_000], 12_000);
  expect(intervals).toBeGreaterThanOrEqual(100_000);
  expect(faultKinds.filter((kind) => !(kind in faults))).toEqual([]);
}, 5_400_000);

it("committees of four, seven and ten hold, and so do those whose providers really store", async () => {
  const larger = await playCampaigns([300_000, 400_000], 300, ["--keepers", "4,7,10"]);
  expect(larger.intervals).toBeGreaterThanOrEqual(2_000);
  const storing = await playCampaigns([500_000, 600_000], 150, ["--proofs", "real"]);
  expect(storing.intervals).toBeGreaterThanOrEqual(1_000);
}, 3_600_000);
