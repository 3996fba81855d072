/** Many groups in one transaction, against half of its gas cap (R41). */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { gasCap } from "../support/contracts/chain.ts";
import { differences, type Row } from "../support/contracts/gas-report.ts";
import { gibibyte } from "../support/contracts/group-contract.ts";
import { ServiceWorld } from "../support/contracts/service-world.ts";

const count = 400;
let world: ServiceWorld;
beforeAll(async () => {
  world = await ServiceWorld.open();
});
afterAll(() => world.chain.close());

describe("400 groups of one committee", () => {
  it("settle in one transaction for as much gas as docs/figures/gas-committees.md says", async () => {
    // So long that all groups begin in the first interval.
    const interval = 4_000;
    const committee = await world.committee({ rhythm: { interval } });
    for (let i = 0; i < count; i += 1) {
      const group = await world.group(committee, { ceiling: 1, config: { lockup: 5_000 } });
      await group.add("many p0", { size: 10n * gibibyte });
    }
    const scope = await world.scopeOf(committee, 0, Number.MAX_SAFE_INTEGER);
    const settle = async (length: number): Promise<number> => {
      const { receipt } = await committee.certifyNext(scope.slice(0, length));
      expect(committee.events(receipt).map(({ name }) => name)).toEqual(["Certified"]);
      return Number(receipt.gasUsed);
    };
    // Before that, so that no slot is new, in two halves: a first settlement costs twice as much.
    const first = await committee.certifyNext(scope, { length: count / 2 });
    await committee.settle(first.certificate, scope, { first: count / 2 });
    await settle(count);
    const all = await settle(count);
    const one = await settle(1);
    const further = (all - one) / (count - 1);
    const rows: Row[] = [
      [`${count} groups`, all, Math.round((100 * all) / gasCap)],
      ["as many groups as stay below half of the cap", Math.floor((gasCap / 2 - one) / further) + 1, 50],
    ];
    expect(
      differences("gas-committees.md", "| one transaction, n = 4 | gas, or groups | % of the cap |", rows),
    ).toEqual([]);
    expect(all).toBeLessThan(gasCap);
  }, 600_000);
});
