/** Keepers as processes that are cut off or lie, one at a time (n = 4). */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { SettlementEntry } from "../../scripts/demo/document.ts";
import type { BehaviourName } from "../../scripts/sim/byzantine/behaviours.ts";
import { FaultFleet } from "../support/fault-fleet.ts";

let fleet: FaultFleet;
beforeAll(async () => {
  fleet = await FaultFleet.open({ keepers: 4, providers: 2, blockTime_ms: 500 });
}, 120_000);
afterAll(() => fleet.close());

/** S4: every provider held all its data and answered, so its committed bytes are the only honest value. */
async function expectHonestPay({ ts, te, items }: SettlementEntry): Promise<void> {
  const { document } = await fleet.document();
  expect(items.map(({ provider, spaceTime }) => ({ provider, spaceTime }))).toEqual(
    document.providers.map(({ index, bytes }) => ({ provider: index, spaceTime: bytes * BigInt(te - ts) })),
  );
}

describe("a network that breaks", () => {
  it("apart 2-2 settles nothing, and the next turn after it heals does (L2)", async () => {
    // The first interval carries nothing in, so what follows is measured from the second on.
    await fleet.settled(await fleet.ts());
    const ts = await fleet.ts();
    const sides = [
      [0, 1],
      [2, 3],
    ];
    for (const side of sides) {
      const cutOff = [0, 1, 2, 3].filter((keeper) => !side.includes(keeper));
      for (const keeper of side) await fleet.role(keeper, { cutOff });
    }
    await fleet.until(fleet.firstTurn(ts) + fleet.params.turn - 2);
    expect(await fleet.ts()).toBe(ts);
    for (const keeper of [0, 1, 2, 3]) await fleet.role(keeper, {});
    const settlement = await fleet.settled(ts);
    expect(settlement).toMatchObject({ turn: 2, failed: [fleet.leader(ts)] });
    await expectHonestPay(settlement);
  });

  it("apart 1-3 settles in time without the one, which loses its share and nothing else", async () => {
    const ts = await fleet.ts();
    const [alone] = fleet.followers(ts) as [number];
    const others = [0, 1, 2, 3].filter((keeper) => keeper !== alone);
    await fleet.role(alone, { cutOff: others });
    for (const keeper of others) await fleet.role(keeper, { cutOff: [alone] });
    const settlement = await fleet.settled(ts);
    for (const keeper of [0, 1, 2, 3]) await fleet.role(keeper, {});
    expect(settlement).toMatchObject({ turn: 1, failed: [] });
    expect(settlement.signers).not.toContain(alone);
    expect(settlement.payees).not.toContain(alone);
    await expectHonestPay(settlement);
  });

  it("one way, losing every other message to a keeper, costs no turn", async () => {
    const ts = await fleet.ts();
    const [lossy] = fleet.followers(ts) as [number];
    await fleet.role(lossy, { loses: true });
    const settlement = await fleet.settled(ts);
    await fleet.role(lossy, {});
    expect(settlement).toMatchObject({ turn: 1, failed: [] });
    await expectHonestPay(settlement);
  });
});

describe("one Byzantine keeper of four", () => {
  const played = async (
    behaviour: BehaviourName,
  ): Promise<{ cheat: number; settlement: SettlementEntry }> => {
    const ts = await fleet.ts();
    const [cheat] = fleet.followers(ts) as [number];
    await fleet.restart(cheat, { behaviour });
    const settlement = await fleet.settled(ts);
    await fleet.restart(cheat);
    return { cheat, settlement };
  };

  for (const behaviour of ["inflate", "deflate"] as const) {
    it(`moves no pay and no turn by ${behaviour} (S4, L1)`, async () => {
      const { settlement } = await played(behaviour);
      expect(settlement).toMatchObject({ turn: 1, failed: [] });
      await expectHonestPay(settlement);
    });
  }

  for (const behaviour of ["copy-commit", "withhold-reveal"] as const) {
    it(`moves no pay and no turn by ${behaviour}, and is no payee (S4, L1)`, async () => {
      const { cheat, settlement } = await played(behaviour);
      expect(settlement).toMatchObject({ turn: 1, failed: [] });
      expect(settlement.payees).not.toContain(cheat);
      await expectHonestPay(settlement);
    });
  }

  it("is no payee of an interval in which it asked nothing (S7)", async () => {
    const ts = await fleet.ts();
    const cheat = fleet.followers(ts)[0] as number;
    await fleet.restart(cheat, { behaviour: "lazy" });
    await fleet.settled(ts);
    const whole = await fleet.settled(await fleet.ts());
    await fleet.restart(cheat);
    expect(whole.payees).not.toContain(cheat);
    await expectHonestPay(whole);
  });

  it("that leads and publishes two closed sets settles rightly or loses its turn, and leaves evidence", async () => {
    const ts = await fleet.ts();
    const cheat = fleet.leader(ts);
    await fleet.restart(cheat, { behaviour: "equivocate-close" });
    const settlement = await fleet.settled(ts);
    await fleet.restart(cheat);
    expect(settlement.turn).toBeLessThanOrEqual(2);
    await expectHonestPay(settlement);
    const others = [0, 1, 2, 3].filter((keeper) => keeper !== cheat);
    const told = await Promise.all(others.map((keeper) => fleet.reasons(keeper)));
    expect(told.flat()).toContain("equivocation");
  });
});

describe("when all is over", () => {
  it("the chain shows what the rules promise (S1, S2, S3, R5-R7, R29, R30)", async () => {
    const { complaints } = await fleet.document();
    expect(complaints).toEqual([]);
  });
});
