import { describe, expect, it } from "vitest";
import type { ReasonCode } from "../../protocol/reasons.ts";
import { bitIndices } from "../../protocol/bitmap.ts";
import {
  announceTwice,
  copyCommit,
  deflate,
  equivocateClose,
  equivocateReveal,
  flood,
  inflate,
  lazy,
  withhold,
} from "../../sim/byzantine/behaviours.ts";
import type { Behaviour } from "../../sim/byzantine/behaviours.ts";
import { censor, closeTwice, omitReveal } from "../../sim/byzantine/leaving-out.ts";
import { operatorOf } from "../../sim/signatures/cheap-signatures.ts";
import { Cluster, defaultOptions } from "../../sim/cluster.ts";
import { committedOf, settledOf } from "../support/first-group.ts";

async function play(
  behaviours: ReadonlyMap<number, (c: Cluster) => Behaviour>,
  options: Partial<typeof defaultOptions> = {},
  blocks = 330,
): Promise<Cluster> {
  const c = new Cluster({ ...defaultOptions, ...options });
  c.decorate = (ports, keeper) => behaviours.get(keeper)?.(c)(ports) ?? ports;
  for (let i = 0; i < c.options.committee; i++) c.start(i);
  await c.run(blocks);
  return c;
}

/** With providers that keep everything, S4 leaves one value: what is committed. The first interval carries nothing in. */
function expectHonestPay(c: Cluster): void {
  for (const { settlement } of settledOf(c).slice(1)) {
    for (const item of settlement.items) {
      expect(item.spaceTime).toBe(committedOf(c, item.provider, settlement.ts, settlement.te));
    }
  }
}

function leads(c: Cluster, keeper: number): number {
  return settledOf(c).filter((s) => s.settlement.leader === keeper).length;
}

describe("one Byzantine keeper of four", () => {
  const values: readonly [string, Behaviour][] = [
    ["inflates its values by half", inflate(150)],
    ["reports zero", deflate()],
    ["withholds its reveal", withhold("reveal")],
    ["withholds its signature", withhold("partial")],
    ["sends another keeper's commitment as its own", copyCommit()],
    ["publishes two closed sets when it leads", equivocateClose()],
  ];
  for (const [name, behaviour] of values) {
    it(`moves no pay when it ${name}`, async () => {
      const c = await play(new Map([[2, () => behaviour]]), { seed: 3 });
      expect(settledOf(c).length).toBeGreaterThanOrEqual(3);
      expectHonestPay(c);
    });
  }

  it("is no payee with a copied commitment, which it cannot open", async () => {
    const c = await play(new Map([[2, () => copyCommit()]]), { seed: 3 });
    // As leader it lists its own true commitment, so only the turns of other leaders count.
    const others = settledOf(c).filter((s) => s.settlement.leader !== 2);
    expect(others.length).toBeGreaterThan(0);
    for (const { settlement } of others) expect(bitIndices(settlement.payees)).not.toContain(2);
  });

  it("leaves evidence of two closed sets with the others", async () => {
    const c = await play(new Map([[2, () => equivocateClose()]]), { seed: 3 }, 700);
    const kept = await Promise.all([0, 1, 3].map(async (i) => c.seats[i]?.store.evidence()));
    expect(kept.every((pairs) => (pairs?.length ?? 0) > 0)).toBe(true);
  });

  it("costs no turn of an honest leader when it publishes two reveals (L1)", async () => {
    const c = await play(new Map([[2, equivocateReveal]]), { seed: 3 }, 1_200);
    const { interval } = c.options.params;
    const honest = settledOf(c).filter((s) => s.settlement.leader !== 2);
    expect(honest.length).toBeGreaterThan(8);
    // A turn after the first is due only where the cheat itself led the one before.
    const late = honest.filter(({ settlement: s }) => s.te - s.ts > interval);
    for (const { settlement } of late) expect(bitIndices(settlement.failed)).toEqual([2]);
    expectHonestPay(c);
  });

  it("costs no turn by withholding its reveal while another keeper misses the closed set (L1, R26)", async () => {
    const slowAndSilent = (c: Cluster): Behaviour => {
      const { paused } = c.network;
      c.network.onSaid = ({ keeper, body }) => {
        if (body.kind === "announce" && (keeper === 1 || keeper === 2)) paused.add(operatorOf(0));
        if (body.kind === "close") paused.clear();
      };
      return withhold("reveal");
    };
    const c = await play(new Map([[3, slowAndSilent]]), { seed: 5 }, 1_500);
    // A quorum of the rest is enough only if the late keeper is in the set: otherwise the next leader's turn comes.
    for (const { settlement } of settledOf(c)) expect(bitIndices(settlement.payees)).not.toContain(3);
    expect(settledOf(c).length).toBeGreaterThan(12);
    expectHonestPay(c);
  });

  const leavingOut: readonly [string, (victim: number) => Behaviour, ReasonCode][] = [
    ["omits a commit from the closed set", censor, "keeper-left-out"],
    ["omits a reveal from the bundle", omitReveal, "keeper-left-out"],
    ["closes a second set without a commit", closeTwice, "equivocation"],
  ];
  for (const [name, behaviour, refusal] of leavingOut) {
    it(`loses its turn as leader when it ${name}, and its victim is paid (R19)`, async () => {
      const c = await play(new Map([[2, () => behaviour(0)]]), { seed: 3 }, 1_500);
      expect(settledOf(c).length).toBeGreaterThan(12);
      expect(leads(c, 2)).toBe(0);
      // The Byzantine leader completes the attack; only the other keepers refuse.
      const refusing = c.reasons.filter(({ code }) => code === refusal).map(({ keeper }) => keeper);
      expect([...new Set(refusing)].sort((a, b) => a - b)).toEqual([0, 1, 3]);
      expect(settledOf(c).some(({ settlement }) => bitIndices(settlement.failed).includes(2))).toBe(true);
      for (const { settlement } of settledOf(c)) {
        const expected = [0, 1, 2, 3].filter((keeper) => !bitIndices(settlement.failed).includes(keeper));
        expect(bitIndices(settlement.payees)).toEqual(expected);
      }
      expectHonestPay(c);
    });
  }

  it("loses its turn as leader when it announces it twice with different heads (R19)", async () => {
    const c = await play(new Map([[2, () => announceTwice()]]), { seed: 3 }, 1_500);
    expect(leads(c, 2)).toBe(0);
    expect(c.reasons.some(({ code }) => code === "leader-contradicts-itself")).toBe(true);
    expect(settledOf(c).length).toBeGreaterThan(12);
    expectHonestPay(c);
  });

  it("floods no other keeper: the first receiver drops the excess, and the others settle (D6)", async () => {
    const c = await play(new Map([[2, () => flood(400)]]), { seed: 3 });
    expect(settledOf(c).length).toBeGreaterThanOrEqual(3);
    expectHonestPay(c);
    const floods = c.reasons.filter(({ code }) => code === "wire-flood");
    expect(new Set(floods.map(({ keeper }) => keeper))).toEqual(new Set([0, 1, 3]));
    for (const { detail } of floods) expect(detail).toMatch(/keeper 2$/);
  });

  it("is never a payee if it sends no challenges (S7)", async () => {
    const c = await play(new Map([[1, () => lazy(() => false)]]), { seed: 4 }, 700);
    expect(settledOf(c).length).toBeGreaterThanOrEqual(8);
    for (const { settlement } of settledOf(c)) expect(bitIndices(settlement.payees)).not.toContain(1);
    expectHonestPay(c);
  });

  it("is a payee about as often as it sends challenges (S7)", async () => {
    const c = await play(
      new Map([[1, (cluster: Cluster) => lazy(() => cluster.world.random.next() < 0.5)]]),
      { seed: 6, params: { ...defaultOptions.params, interval: 40 } },
      4_000,
    );
    const others = settledOf(c).filter((s) => s.settlement.leader !== 1);
    const paid = others.filter((s) => bitIndices(s.settlement.payees).includes(1)).length;
    const share = paid / others.length;
    expect(others.length).toBeGreaterThan(60);
    // Binomial with p = 0.5: five standard deviations.
    const bound = 5 * Math.sqrt(0.25 / others.length);
    expect(Math.abs(share - 0.5)).toBeLessThan(bound + 0.05);
  });
});

describe("f Byzantine keepers of seven at once", () => {
  it("move no pay when one inflates and one withholds its reveal", async () => {
    const c = await play(
      new Map([
        [1, () => inflate(150)],
        [5, () => withhold("reveal")],
      ]),
      { committee: 7, seed: 8 },
    );
    expect(settledOf(c).length).toBeGreaterThanOrEqual(3);
    expectHonestPay(c);
    expect(leads(c, 0) + leads(c, 2) + leads(c, 3) + leads(c, 4) + leads(c, 6)).toBeGreaterThan(0);
  });
});
