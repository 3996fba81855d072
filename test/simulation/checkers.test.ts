/**
 * The checkers of S6, R13, R17, R19, R22, R23 and R25 report violations. Keepers break a rule here without a fault that marks them as
 * Byzantine, or the test changes what the world recorded of an honest run.
 */
import { describe, expect, it } from "vitest";
import type { Body, BodyOf } from "../../protocol/messages.ts";
import { announceTwice, signAnything, withhold } from "../../sim/byzantine/behaviours.ts";
import type { Behaviour } from "../../sim/byzantine/behaviours.ts";
import { borrowReceipts, forgeReceipts } from "../../sim/byzantine/false-records.ts";
import { leaveSubmitting } from "../../sim/byzantine/idle-leader.ts";
import { censor, closeTwice, omitReveal } from "../../sim/byzantine/leaving-out.ts";
import { lyingTransport } from "../../sim/byzantine/lying-transport.ts";
import { override } from "../../sim/byzantine/override.ts";
import { checkers } from "../../sim/checkers/index.ts";
import type { Run } from "../../sim/checkers/checker.ts";
import { addressOfCommittee } from "../../sim/chain/snapshots.ts";
import { Cluster, defaultOptions } from "../../sim/cluster.ts";
import { scenarioSchema } from "../../sim/scenario/schema.ts";
import type { Fault } from "../../sim/scenario/schema.ts";
import { settledOf } from "../support/first-group.ts";

async function play(behaviourOf: (keeper: number) => Behaviour): Promise<Cluster> {
  const cluster = new Cluster({ ...defaultOptions, seed: 3 });
  cluster.decorate = (ports, keeper) => behaviourOf(keeper)(ports);
  cluster.seats.forEach((_, i) => cluster.start(i));
  await cluster.run(200);
  return cluster;
}

/** Still answers questions, since keepers sign only after others confirm that no second instance runs (D9). */
function answering(behaviour: Behaviour): Behaviour {
  return (ports) => {
    const changed = behaviour(ports);
    const serve: typeof ports.transport.serve = (question, handler) =>
      ports.transport.serve(question, handler);
    return { ...changed, transport: override(changed.transport, { serve }) };
  };
}

const asItIs: Behaviour = (ports) => ports;
const honest = (): Promise<Cluster> => play(() => asItIs);

/** Violations that the checkers of this name find in a run without a fault. */
function complaints(cluster: Cluster, name: string): string[] {
  const run: Run = { scenario: scenarioSchema.parse({ name: "no fault" }), cluster, fired: [] };
  return checkers
    .filter((checker) => checker.name === name)
    .flatMap(({ check, watch }) => [...(check?.(run) ?? []), ...(watch?.(run) ?? [])])
    .map(({ text }) => text);
}

/** A keeper that replaces its own messages and handles the replacements as its own. */
function saying(lie: (body: Body) => readonly Body[]): Behaviour {
  return (ports) => ({
    ...ports,
    transport: lyingTransport(ports.transport, ports.keyring, ({ body }) => lie(body), { convinced: true }),
  });
}

function both(one: Behaviour, two: Behaviour): Behaviour {
  return (ports) => two(one(ports));
}

/** Changes the record of a run. */
function change<T extends object>(noted: readonly T[], how: (one: T) => Partial<T>): void {
  for (const one of noted) Object.assign(one, how(one));
}

describe("a run of honest keepers", () => {
  it("has no violation", async () => {
    const cluster = await honest();
    expect(settledOf(cluster).length).toBeGreaterThan(2);
    for (const { name } of checkers) expect(complaints(cluster, name), name).toEqual([]);
  });
});

describe("a reveal that was published again", () => {
  it("counts once for the decided value (R24)", async () => {
    const cluster = new Cluster({ ...defaultOptions, seed: 3 });
    cluster.decorate = (ports) => ports;
    cluster.seats.forEach((_, i) => cluster.start(i));
    // Values differ by less than the tolerance, so no records are exchanged.
    cluster.proves = (provider, keeper) => (provider === 1 && cluster.chain.head % 60 < 5 * keeper ? 15 : 16);
    await cluster.run(200);
    const { heard } = cluster.network;
    const valueOf = ({ message: { body } }: (typeof heard)[number]): bigint =>
      body.kind === "reveal" && body.values.kind === "inline" ? (body.values.values[1] ?? 0n) : -1n;
    const reveals = heard.filter(({ message }) => message.body.kind === "reveal");
    const rounds = Map.groupBy(reveals, ({ message: { body } }) => (body as BodyOf<"reveal">).round.ts);
    const differing = [...rounds.values()].filter((round) => new Set(round.map(valueOf)).size > 2);
    expect(differing.length).toBeGreaterThan(0);
    for (const round of differing) {
      const largest = round.toSorted((a, b) => Number(valueOf(b) - valueOf(a)))[0];
      if (largest !== undefined) heard.push({ ...largest }, { ...largest });
    }
    expect(complaints(cluster, "R24")).toEqual([]);
  });
});

describe("checkers of a run without a fault", () => {
  const withHead = (head: (P: number) => number): Behaviour =>
    saying((body) => [body.kind === "announce" ? { ...body, head: head(body.head) } : body]);
  const cases: readonly [what: string, checker: string, Behaviour, message: RegExp][] = [
    [
      "announce a head that they have not seen",
      "R17",
      withHead((P) => P + 1),
      /announces head \d+, and has seen/,
    ],
    [
      "announce a head before the turn",
      "R17",
      withHead((P) => P - 1),
      /announces head \d+, expected \d+ or more/,
    ],
    [
      "announce another scope than the chain's",
      "R17",
      saying((body) => [body.kind === "announce" ? { ...body, count: body.count - 1 } : body]),
      /announces the scope 2 under 0x\w+, expected 3 under 0x\w+/,
    ],
    ["hear an announcement and take no part", "R17", withhold("commit"), /does not take part in turn 1/],
    [
      "sign a digest of a set without a commit that was in time",
      "R19",
      both(censor(0), signAnything()),
      /decided from a closed set without the commit of seat 0 that it had in time/,
    ],
    [
      "sign a digest of a bundle without a reveal that was in time",
      "R19",
      both(omitReveal(0), signAnything()),
      /decided from a bundle without the reveal of seat 0 that it had in time/,
    ],
    [
      "sign though the leader announced twice",
      "R19",
      both(announceTwice(), signAnything()),
      /holds two messages of the kind announce/,
    ],
    [
      "sign though the leader closed two sets",
      "R19",
      both(closeTwice(0), signAnything()),
      /holds two messages of the kind close/,
    ],
    [
      "do not wait for the reveals of all",
      "R22",
      saying((body) => [body.kind === "bundle" ? { ...body, reveals: body.reveals.slice(1) } : body]),
      /its bundle has 3 reveals of 4 at head \d+, expected from \d+ on/,
    ],
    [
      "list a reveal that they have not heard",
      "R22",
      saying((body) =>
        body.kind === "bundle"
          ? [{ ...body, reveals: body.reveals.map((one) => ({ ...one, hash: `0x${"11".repeat(32)}` })) }]
          : [body],
      ),
      /lists a reveal of seat 0 that it has not heard/,
    ],
    ["sign without a note", "R23", signAnything(), /signed before it had a note on its disk/],
    ["record receipts that nobody gave", "R13", forgeReceipts(() => true), /a receipt that was never given/],
    ["record receipts of others", "R13", borrowReceipts(() => true), /: a receipt of provider \d to 0x/],
  ];
  it.each(cases)("report keepers that %s (%s)", async (_what, checker, behaviour, message) => {
    expect(complaints(await play(() => answering(behaviour)), checker).join("\n")).toMatch(message);
  });

  it("report a leader that holds a certificate and does not send it (R25)", async () => {
    const cluster = await play((keeper) => leaveSubmitting(keeper));
    expect(complaints(cluster, "R25").join("\n")).toMatch(
      /holds a quorum of signatures and has sent nothing by/,
    );
  });
});

describe("checkers of a changed record of a run", () => {
  it("report commits after a late or missing announcement (R17)", async () => {
    const cluster = await honest();
    const { witness } = cluster.network;
    const late = Math.floor(cluster.options.params.turn / 12) + 1;
    change(witness.arrivalsAt(cluster.operatorOf(2)), ({ head }) => ({ head: head + late }));
    const found = complaints(cluster, "R17");
    expect(found.length).toBeGreaterThan(0);
    for (const text of found) expect(text).toMatch(/^keeper 2 commits at head \d+ .* heard at \d+$/);
  });

  it("report a bundle before the audit block was confirmed (R22)", async () => {
    const cluster = await honest();
    for (const { name } of cluster.processes) {
      change(cluster.network.witness.shownTo(name), ({ head }) => ({ head: head - 1 }));
    }
    expect(complaints(cluster, "R22").join("\n")).toMatch(/has 4 reveals of 4 at head/);
  });

  it("report signatures in turns that began before the start of the signer (R23)", async () => {
    const cluster = await honest();
    const { starts } = cluster.seats[1] as Cluster["seats"][number];
    change(starts, () => ({ known: cluster.options.params.originBlock + cluster.options.params.interval }));
    expect([...new Set(complaints(cluster, "R23"))]).toEqual([
      "keeper 1 was started at 70 and signed anew for ts 10, turn 1",
    ]);
  });

  it("report settlements that others sent within the leader's time (R25)", async () => {
    const cluster = await honest();
    const { sent } = cluster.network.witness;
    change(sent, ({ submission }) => ({ keeper: (submission.certificate.leader + 1) % 4 }));
    const found = complaints(cluster, "R25");
    expect(found).toHaveLength(sent.length);
    expect(found[0]).toMatch(
      /^keeper \d sends to committee 0 at head \d+ in the place of keeper \d, expected from \d+ on$/,
    );
  });

  it("report a keeper that lost one record of those that its disk acknowledged (S6)", async () => {
    const cluster = await honest();
    const state = cluster.seats[2]?.keeper?.stateOf(addressOfCommittee(0));
    const ofProvider = state?.records.get("1/1");
    const slot = Math.max(...(ofProvider?.keys() ?? []));
    expect(ofProvider?.delete(slot)).toBe(true);
    expect(complaints(cluster, "S6")).toEqual([
      `keeper 2 lost 1 records, the first of group 0, provider 1 in slot ${slot}`,
    ]);
  });

  it("report second records of a slot, and answers that were verified too late (R13)", async () => {
    const cluster = await honest();
    const [first, second] = cluster.seats.map(({ store }) => store.recorded);
    const [one] = first ?? [];
    if (one === undefined || second === undefined) throw new Error("expected records, actual none");
    first?.push({ ...one, at_ms: one.at_ms + 1 });
    change(second.slice(0, 1), ({ at_ms }) => ({ at_ms: at_ms + 5 * cluster.options.blockMs[1] }));
    expect(complaints(cluster, "R13")).toEqual([
      expect.stringMatching(/^keeper 0 recorded provider \d of group 0 in slot 0: a second time$/),
      expect.stringMatching(
        /^keeper 1 recorded provider \d of group 0 in slot 0: an answer verified at head \d+, expected by/,
      ),
    ]);
  });
});

describe("a committee that certifies nothing after a partition", () => {
  it("is reported though another committee of the same keepers certifies (L2)", async () => {
    const cluster = new Cluster({ ...defaultOptions, seed: 3, committees: 2, groups: 2 });
    const second = addressOfCommittee(1);
    cluster.decorate = (ports) => ({
      ...ports,
      chain: override(ports.chain, {
        submit: (submission, signal) =>
          submission.committee === second
            ? Promise.resolve({ kind: "failed", detail: "not sent" })
            : ports.chain.submit(submission, signal),
      }),
    });
    cluster.seats.forEach((_, i) => cluster.start(i));
    await cluster.run(150);
    const cut: Fault = { kind: "partition", when: { block: 20 }, groups: [[0], [1, 2, 3]], untilBlock: 25 };
    const run: Run = {
      scenario: scenarioSchema.parse({ name: "two committees", committees: 2, groups: 2 }),
      cluster,
      fired: [{ fault: cut, keepers: [], block: 20, until: 25 }],
    };
    const found = checkers.filter(({ name }) => name === "L2").flatMap(({ check }) => check?.(run) ?? []);
    expect(cluster.chain.certifiedOf(0).length).toBeGreaterThan(0);
    expect(cluster.chain.certifiedOf(1)).toEqual([]);
    expect(found.map(({ text }) => text)).toEqual([
      expect.stringMatching(/^the network healed at 25, but turn 1 of committee 1 from \d+ did not settle$/),
    ]);
  });
});
