/** Keepers as processes that die at the worst moments, chains that turn back, and keys that run twice (n = 4). */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { FaultFleet } from "../support/fault-fleet.ts";

let fleet: FaultFleet;
beforeAll(async () => {
  fleet = await FaultFleet.open({ keepers: 4, providers: 2, blockTime_ms: 500 });
}, 120_000);
afterAll(() => fleet.close());

describe("a leader that dies", () => {
  it("before its commit costs exactly one turn, and its share (L1, S3)", async () => {
    const ts = await fleet.ts();
    const victim = fleet.leader(ts);
    await fleet.role(victim, { kill: "before-commit" });
    await fleet.revive(victim);
    const settlement = await fleet.settled(ts);
    expect(settlement).toMatchObject({ turn: 2, failed: [victim], leader: fleet.leader(ts, 2) });
    expect(settlement.payees).not.toContain(victim);
  });

  it("after its closed set went out costs exactly one turn", async () => {
    const ts = await fleet.ts();
    const victim = fleet.leader(ts);
    await fleet.role(victim, { kill: "after-close" });
    await fleet.revive(victim);
    expect(await fleet.settled(ts)).toMatchObject({ turn: 2, failed: [victim] });
  });

  it("with the certificate in its hands costs no turn: another keeper submits it (R25)", async () => {
    const ts = await fleet.ts();
    const victim = fleet.leader(ts);
    await fleet.role(victim, { kill: "after-certificate" });
    await fleet.revive(victim);
    const settlement = await fleet.settled(ts);
    expect(settlement).toMatchObject({ turn: 1, failed: [], leader: victim });
    const { te, block } = settlement;
    expect(block).toBeGreaterThanOrEqual(te + Math.ceil((2 * fleet.params.turn) / 3));
  });
});

describe("a keeper that dies between the durable note and its signature", () => {
  it("is missed by nobody, and signs nothing else when it is back (R23, S5)", async () => {
    const ts = await fleet.ts();
    const [victim] = fleet.followers(ts) as [number];
    await fleet.role(victim, { kill: "after-note" });
    await fleet.revive(victim);
    const settlement = await fleet.settled(ts);
    expect(settlement).toMatchObject({ turn: 1, failed: [] });
    expect(await fleet.reasons(victim)).not.toContain("already-signed");
  });
});

describe("a reorg around a settlement", () => {
  for (const depth of [1, 2, 3]) {
    it(`of ${depth} blocks takes it back, and the interval is settled again, once (S1, S5)`, async () => {
      const ts = await fleet.ts();
      const { lost } = await fleet.reorg(ts, depth);
      const settlement = await fleet.settled(ts);
      const { document } = await fleet.document();
      expect(document.settlements.filter((one) => one.ts === ts)).toEqual([settlement]);
      expect(settlement.turn).toBeLessThanOrEqual(2);
      expect(lost).toMatch(/^0x/);
    });
  }
});

describe("two processes with the keys of one keeper", () => {
  it("do not both sign: the second hears of the first, falls silent and says so (D9, S5)", async () => {
    const ts = await fleet.ts();
    const [keeper] = fleet.followers(ts) as [number];
    const twin = await fleet.startTwin(keeper);
    try {
      expect(await fleet.settled(ts)).toMatchObject({ turn: 1, failed: [] });
      const next = await fleet.settled(await fleet.ts());
      expect(next.turn).toBe(1);
      expect(await twin.reasons()).toContain("second-instance");
    } finally {
      await twin.stop();
    }
  });
});

describe("a keeper that moves to another address", () => {
  it("is found there by the others, which run on as they are", async () => {
    const ts = await fleet.ts();
    const [keeper] = fleet.followers(ts) as [number];
    await fleet.move(keeper);
    await fleet.connected(keeper);
    expect(await fleet.settled(ts)).toMatchObject({ turn: 1, failed: [] });
  });
});

describe("when all is over", () => {
  it("the chain shows what the rules promise (S1, S2, S3, R5-R7, R29, R30)", async () => {
    const { complaints } = await fleet.document();
    expect(complaints).toEqual([]);
  });
});
