import { expect, it } from "vitest";
import { faultKinds } from "../../sim/scenario/schema.ts";
import { playCampaign } from "../support/campaign.ts";

it("six hundred intervals of random scenarios hold, and every kind of fault strikes in them", async () => {
  const { intervals, faults } = await playCampaign(10_000, 160);
  expect(intervals).toBeGreaterThanOrEqual(600);
  expect(faultKinds.filter((kind) => !(kind in faults))).toEqual([]);
}, 600_000);

it.each([7, 10, 13])(
  "committees of %i hold",
  async (n) => {
    const { intervals } = await playCampaign(1_000 * n, 5, ["--keepers", `${n}`]);
    expect(intervals).toBeGreaterThanOrEqual(15);
  },
  300_000,
);
