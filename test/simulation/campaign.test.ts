import { expect, it } from "vitest";
import { faultKinds } from "../../sim/scenario/schema.ts";
import { playCampaign } from "../support/campaign.ts";

it("six hundred intervals of random scenarios hold, and every kind of fault strikes in them", async () => {
  const { intervals, faults } = await playCampaign(10_000, 160);
  expect(intervals).toBeGreaterThanOrEqual(600);
  expect(faultKinds.filter((kind) => !(kind in faults))).toEqual([]);
}, 600_000);

// Larger committees play in the long campaign.
it("committees of seven hold", async () => {
  const { intervals } = await playCampaign(7_000, 5, ["--keepers", "7"]);
  expect(intervals).toBeGreaterThanOrEqual(15);
}, 300_000);
