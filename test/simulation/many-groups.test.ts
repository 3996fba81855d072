/** Several groups, payers and committees: one round and one signature for all of them (R17, R27, R39, R41). */
import { describe, expect, it } from "vitest";
import { addressOfCommittee } from "../../sim/chain/snapshots.ts";
import { Cluster, defaultOptions } from "../../sim/cluster.ts";
import { scenarioSchema } from "../../sim/scenario/schema.ts";
import type { Scenario } from "../../sim/scenario/schema.ts";
import { simulate } from "../../sim/simulate.ts";
import type { SimulationResult } from "../../sim/simulate.ts";

async function play(
  scenario: Omit<Partial<Scenario>, "faults"> & { readonly faults?: readonly object[] },
): Promise<SimulationResult> {
  const result = await simulate(scenarioSchema.parse({ name: "groups", ...scenario }), 7);
  expect(result.violations).toEqual([]);
  return result;
}

/** Groups with a settled interval from block `from` on. */
function settledFrom({ events }: SimulationResult, from: number): number[] {
  const groups = events.flatMap((event) =>
    event.kind === "settled" && event.ts >= from ? [event.group] : [],
  );
  return [...new Set(groups)].sort((a, b) => a - b);
}

describe("one committee with ten groups", () => {
  it("settles all of them with one round of messages", async () => {
    const one = await play({ settlements: 3 });
    const ten = await play({ settlements: 3, groups: 10 });
    const said = ({ events }: SimulationResult): number =>
      events.filter((event) => event.kind === "said" && event.message !== "hello").length;
    expect(ten.settled).toBe(30);
    expect(said(ten)).toBe(said(one));
  });

  it("asks a provider once a slot for all of its groups (R9)", async () => {
    const c = new Cluster({ ...defaultOptions, groups: 10 });
    const asked: number[] = [];
    c.decorate = (ports) => ({
      ...ports,
      provider: {
        pieceList: (...args) => ports.provider.pieceList(...args),
        challenge: (target, request, limits) => {
          asked.push(request.targets.length);
          return ports.provider.challenge(target, request, limits);
        },
      },
    });
    c.seats.forEach((_, i) => c.start(i));
    await c.run(5);
    expect(asked).toEqual(Array.from({ length: 4 * 3 }, () => 10));
  });
});

describe("more groups than fit a transaction", () => {
  it("are settled by the leader in further transactions, each group once (R41)", async () => {
    const c = new Cluster({ ...defaultOptions, groups: 300, providers: [1_000] });
    c.seats.forEach((_, i) => c.start(i));
    await c.run(75);
    const [certified] = c.chain.certified;
    expect(certified?.certificate.count).toBe(300);
    const [, ...later] = new Set(c.chain.settled.map(({ block }) => block));
    expect(later.length).toBeGreaterThan(0);
    expect(c.chain.settled.every(({ sender }) => sender === certified?.sender)).toBe(true);
    expect(c.chain.settled.map(({ group }) => group).sort((a, b) => a - b)).toEqual(
      Array.from({ length: 300 }, (_, i) => i),
    );
    expect(c.chain.refusedGroups).toEqual([]);
  });
});

describe("what a leader leaves of its certificate", () => {
  it("is settled by the others in turn order, even if none of them noted it (R29, R41)", async () => {
    const c = new Cluster({ ...defaultOptions, groups: 300, providers: [1_000] });
    c.seats.forEach((_, i) => c.start(i));
    while (c.chain.certified.length === 0) await c.run(1);
    const [certified] = c.chain.certified;
    const leader = c.seats.findIndex((_, i) => c.operatorOf(i) === certified?.sender);
    c.crash(leader);
    // All but one lose what they noted, as after a handover; that one is not the next in turn order.
    const keeps = (leader + 2) % 4;
    c.seats.forEach(({ keeper }, i) => {
      if (i !== keeps) keeper?.stateOf(addressOfCommittee(0))?.certificates.clear();
    });
    await c.run(40);
    const settled = c.chain.settled.filter(({ certificate }) => certificate.ts === certified?.certificate.ts);
    expect(settled).toHaveLength(300);
    expect(new Set(settled.map(({ group }) => group)).size).toBe(300);
    expect(new Set(settled.map(({ sender }) => sender)).size).toBeGreaterThan(1);
  });
});

describe("memberships (R38)", () => {
  it("a group that joins is served without a restart, from its first slot on", async () => {
    const result = await play({ settlements: 4, faults: [{ kind: "join", when: { block: 90 } }] });
    expect(settledFrom(result, 130)).toEqual([0, 1]);
    const first = result.events.find((event) => event.kind === "settled" && event.group === 1);
    expect(first).toMatchObject({ ts: 95, te: 130 });
  });

  it("a group that moves is settled by both committees without a gap", async () => {
    const result = await play({
      settlements: 10,
      groups: 3,
      committees: 2,
      faults: [{ kind: "move", when: { block: 80 }, group: 0, to: 1 }],
    });
    const intervals = result.events.flatMap((e) =>
      e.kind === "settled" && e.group === 0 ? [[e.ts, e.te]] : [],
    );
    intervals.slice(1).forEach(([ts], i) => expect(ts).toBe(intervals[i]?.[1]));
    expect(intervals.at(-1)?.[1]).toBeGreaterThan(500);
    expect(settledFrom(result, 400)).toEqual([0, 1, 2]);
  });

  it("a group without a provider is released", async () => {
    const faults = [
      ...[0, 1, 2].map((provider) => ({ kind: "remove-provider", when: { block: 80 }, group: 1, provider })),
      { kind: "release", when: { block: 100 }, group: 1 },
    ];
    const result = await play({ settlements: 8, groups: 2, faults });
    expect(settledFrom(result, 130)).toEqual([0]);
  });

  it("a terminated group ends, and the others go on", async () => {
    const faults = [{ kind: "terminate", when: { block: 80 }, group: 1 }];
    const result = await play({ settlements: 8, groups: 2, faults });
    expect(settledFrom(result, 370)).toEqual([0]);
  });

  it("a group whose payer runs short owes, and costs the others nothing (L3)", async () => {
    const faults = [{ kind: "shortage", when: { block: 80 }, group: 1, forBlocks: 400 }];
    const result = await play({ settlements: 12, groups: 3, faults });
    expect(result.settled).toBe(36);
  });
});

describe("members (R37)", () => {
  it("hand over all groups at once", async () => {
    const faults = [{ kind: "handover", when: { block: 80 }, keepers: [0] }];
    const result = await play({ settlements: 5, groups: 4, committees: 2, faults });
    expect(settledFrom(result, 250)).toEqual([0, 1, 2, 3]);
  });

  it("that resign cost their turns and no more", async () => {
    const faults = [{ kind: "resign", when: { block: 80 }, keeper: 2 }];
    const result = await play({ settlements: 8, groups: 2, faults });
    expect(settledFrom(result, 400)).toEqual([0, 1]);
  });
});
