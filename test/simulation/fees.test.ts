/** The sender of a settlement, by gas price (R25). */
import { describe, expect, it } from "vitest";
import { keepersPart } from "../../protocol/dues.ts";
import type { SubmitResult } from "../../keeper/ports/chain.ts";
import { leaveSubmitting } from "../../sim/byzantine/idle-leader.ts";
import { override } from "../../sim/byzantine/override.ts";
import { Cluster, defaultOptions, defaultParams } from "../../sim/cluster.ts";
import { settledOf } from "../support/first-group.ts";
import type { FirstSettled } from "../support/first-group.ts";

const { turn, interval } = defaultParams;
const others = Math.ceil((2 * turn) / 3);

function start(decorate?: Cluster["decorate"]): Cluster {
  const cluster = new Cluster(defaultOptions);
  if (decorate !== undefined) cluster.decorate = decorate;
  cluster.seats.forEach((_, i) => cluster.start(i));
  return cluster;
}

/** The pay of all keepers and of one keeper in the first settlement of this world. */
async function sharesOfFirst(): Promise<{ whole: bigint; each: bigint; block: number }> {
  const cluster = start();
  await cluster.run(interval + turn + 10);
  const [first] = settledOf(cluster) as [FirstSettled];
  const { ts, te, items } = first.settlement;
  const [membership] = cluster.chain.snapshot(0, te).groups;
  if (membership === undefined) throw new Error("expected one group");
  const whole = keepersPart(membership, { number: 1, group: membership.address, items }, ts, te);
  return { whole, each: whole / BigInt(defaultOptions.committee), block: first.block - te };
}

/** The turn of a settlement, its distance from te in blocks, and whether the leader sent it. */
function told({ settlement, block, sender }: FirstSettled, cluster: Cluster): object {
  const { ts, te, leader } = settlement;
  const number = (te - ts - interval) / turn + 1;
  return { turn: number, after: block - te, byLeader: sender === cluster.operatorOf(leader) };
}

const codes = (cluster: Cluster): Set<string> =>
  new Set(cluster.reasons.map(({ code }) => code).filter((code) => code.startsWith("fee-")));

describe("a leader", () => {
  it("sends at once if its own share covers the gas", async () => {
    const { each, block } = await sharesOfFirst();
    const cluster = start();
    cluster.fee = each;
    await cluster.run(interval + turn + 10);
    expect(told(settledOf(cluster)[0] as FirstSettled, cluster)).toEqual({
      turn: 1,
      after: block,
      byLeader: true,
    });
    expect(codes(cluster)).toEqual(new Set());
  });

  it("waits if only all keepers' shares together cover the gas, and sends before others may (R25)", async () => {
    const { each, whole } = await sharesOfFirst();
    for (const fee of [each + 1n, whole]) {
      const cluster = start();
      cluster.fee = fee;
      await cluster.run(interval + turn + 10);
      const [first] = settledOf(cluster) as [FirstSettled];
      expect(told(first, cluster)).toEqual({ turn: 1, after: others - 1, byLeader: true });
      expect(codes(cluster)).toEqual(new Set(["fee-high"]));
    }
  });

  it("lets the turn lapse at a higher fee and gives the reason; the next leader settles a longer interval", async () => {
    const { whole } = await sharesOfFirst();
    const cluster = start();
    cluster.fee = whole + 1n;
    await cluster.run(interval + 2 * turn + 10);
    expect(settledOf(cluster)).toHaveLength(1);
    const [first] = settledOf(cluster) as [FirstSettled];
    expect(told(first, cluster)).toEqual({ turn: 2, after: others - 1, byLeader: true });
    const noted = cluster.reasons.filter(({ code }) => code === "fee-above-share");
    expect(noted.map(({ keeper, block }) => [keeper, block - first.settlement.ts - interval])).toEqual([
      [Math.log2(Number(first.settlement.failed)), turn - 4],
    ]);
    expect(noted[0]?.detail).toMatch(new RegExp(`^fee ${whole + 1n}, .* all keepers' ${whole} token units$`));
    expect(codes(cluster)).toContain("fee-above-gain");
  });

  it("sends if the fee falls in time, and not later", async () => {
    const { whole } = await sharesOfFirst();
    for (const [falls, settled] of [
      [turn - 5, true],
      [turn - 3, false],
    ] as const) {
      const cluster = start();
      cluster.fee = whole + 1n;
      cluster.onBlock((block) => {
        if (block === defaultParams.originBlock + interval + falls) cluster.fee = whole;
      });
      await cluster.run(interval + turn + defaultParams.confirmations);
      const first = settledOf(cluster).map((one) => told(one, cluster));
      expect(first, `falls at ${falls}`).toEqual(
        settled ? [{ turn: 1, after: falls + 1, byLeader: true }] : [],
      );
    }
  });
});

describe("another keeper", () => {
  it("sends in the leader's place only if the leader's share covers the gas", async () => {
    const { each } = await sharesOfFirst();
    for (const fee of [each, each + 1n]) {
      const cluster = start((ports, keeper) => leaveSubmitting(keeper)(ports));
      cluster.fee = fee;
      await cluster.run(interval + turn);
      const first = settledOf(cluster).map((one) => told(one, cluster));
      expect(first).toEqual(fee === each ? [{ turn: 1, after: others + 1, byLeader: false }] : []);
      expect(codes(cluster).has("fee-above-gain")).toBe(fee > each);
    }
  });

  it("that has failed earns nothing in a leader's place, and sends nothing that costs gas", async () => {
    // The first turn lapses, as the fee is above every share; then it is small.
    const play = async (decorate?: Cluster["decorate"]): Promise<Cluster> => {
      const cluster = start(decorate);
      cluster.fee = 2n ** 100n;
      const second = defaultParams.originBlock + interval + turn;
      cluster.onBlock((block) => {
        if (block === second) cluster.fee = 1n;
      });
      await cluster.run(interval + 2 * turn);
      return cluster;
    };
    const [settled] = settledOf(await play()) as [FirstSettled];
    const failed = Math.log2(Number(settled.settlement.failed));
    // No other keeper sends a transaction.
    const cluster = await play((ports, keeper) => {
      const submit = async (): Promise<SubmitResult> => ({ kind: "superseded", detail: "left to others" });
      return keeper === failed ? ports : { ...ports, chain: override(ports.chain, { submit }) };
    });
    expect(settledOf(cluster)).toEqual([]);
    const noted = cluster.reasons.filter(
      ({ code, keeper }) => code === "fee-above-gain" && keeper === failed,
    );
    expect(noted.map(({ detail }) => detail)).toEqual(["fee 1, gain 0 token units"]);
  });
});
