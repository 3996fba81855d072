import { describe, expect, it } from "vitest";
import { bitIndices } from "../../protocol/bitmap.ts";
import { leaderOf, turnOrder } from "../../protocol/turns.ts";
import { inflate } from "../../sim/byzantine/behaviours.ts";
import { changing } from "../../sim/byzantine/changing.ts";
import { dieAt, killPoints } from "../../sim/byzantine/kill-points.ts";
import type { KillPoint } from "../../sim/byzantine/kill-points.ts";
import { Cluster, defaultOptions } from "../../sim/cluster.ts";
import { membersOf, settledOf, tsOf } from "../support/first-group.ts";

/** Plays one interval in which its first leader dies at `point`, and stays dead. */
async function playDeath(point: KillPoint): Promise<{ cluster: Cluster; leader: number; died: number[] }> {
  const cluster = new Cluster({ ...defaultOptions, seed: 5 });
  const ts = tsOf(cluster);
  const { operators, seed } = membersOf(cluster);
  const leader = leaderOf(turnOrder(ts, seed, operators), 1);
  const died: number[] = [];
  cluster.decorate = (ports, keeper) => {
    if (keeper !== leader) return ports;
    return dieAt(point, () => {
      died.push(keeper);
      cluster.crash(keeper);
    })(ports);
  };
  for (let i = 0; i < cluster.options.committee; i++) cluster.start(i);
  await cluster.run(cluster.options.params.interval + 3 * cluster.options.params.turn);
  return { cluster, leader, died };
}

describe("a keeper that dies in the middle of a round", () => {
  for (const point of killPoints) {
    it(`delays no settlement beyond its own turn when it dies ${point}`, async () => {
      const { cluster, leader, died } = await playDeath(point);
      expect(died).toEqual([leader]);
      const [first] = settledOf(cluster);
      const { interval, turn } = cluster.options.params;
      const turns = ((first?.settlement.te ?? 0) - (first?.settlement.ts ?? 0) - interval) / turn + 1;
      // A certificate outlives its leader (R25); everything before it costs the leader's turn, and that turn alone (L1).
      expect(turns).toBe(point === "after-certificate" ? 1 : 2);
      expect(bitIndices(first?.settlement.failed ?? 0n)).toEqual(turns === 1 ? [] : died);
    });
  }
});

describe("a keeper whose behaviour changes while it runs", () => {
  it("is honest under an unknown name, and Byzantine only while a behaviour is set", async () => {
    const cluster = new Cluster({ ...defaultOptions, seed: 7 });
    let current = "honest";
    const behaviours = new Map([["inflate", inflate(150)]]);
    cluster.decorate = (ports, keeper) => (keeper === 1 ? changing(behaviours, () => current)(ports) : ports);
    for (let i = 0; i < cluster.options.committee; i++) cluster.start(i);
    await cluster.run(150);
    const valuesOf = (from: number): readonly bigint[][] =>
      cluster.network.heard
        .slice(from)
        .flatMap(({ message: { keeper, body } }) =>
          keeper === 1 && body.kind === "reveal"
            ? [body.values.kind === "inline" ? [...body.values.values] : []]
            : [],
        );
    const honest = valuesOf(0);
    const heard = cluster.network.heard.length;
    current = "inflate";
    await cluster.run(150);
    const lies = valuesOf(heard);
    expect(honest.length).toBeGreaterThan(0);
    expect(lies.length).toBeGreaterThan(0);
    for (const values of lies) {
      for (const [i, value] of values.entries()) {
        expect(value * 10n).toBeGreaterThan((honest.at(-1)?.[i] ?? 0n) * 14n);
      }
    }
  });
});
