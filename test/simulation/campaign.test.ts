import { expect, it } from "vitest";
import { faultKinds } from "../../sim/scenario/schema.ts";
import { playCampaign } from "../support/campaign.ts";

it("thirteen hundred intervals of random scenarios hold, and every kind of fault strikes in them", async () => {
  const { intervals, faults } = await playCampaign(10_000, 320);
  expect(intervals).toBeGreaterThanOrEqual(1_300);
  expect(faultKinds.filter((kind) => !(kind in faults))).toEqual([]);
}, 600_000);

it.each([7, 10, 13])(
  "committees of %i hold",
  async (n) => {
    const { intervals } = await playCampaign(1_000 * n, 10, ["--keepers", `${n}`]);
    expect(intervals).toBeGreaterThanOrEqual(35);
  },
  300_000,
);
