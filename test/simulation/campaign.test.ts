import { expect, it } from "vitest";
import { faultKinds } from "../../scripts/sim/scenario/schema.ts";
import { playCampaigns } from "../support/campaign.ts";

it("five thousand intervals of random scenarios hold, and every kind of fault strikes in them", async () => {
  const { intervals, faults } = await playCampaigns([10_000, 20_000], 600);
  expect(intervals).toBeGreaterThanOrEqual(5_000);
  expect(faultKinds.filter((kind) => !(kind in faults))).toEqual([]);
}, 600_000);
