/** R18: what a keeper commits to, and how it passes on the commits of others. */
import { describe, expect, it } from "vitest";
import { committeeAt, hashAt, Machine } from "../../../../support/machine.ts";
import { confirmations, messageOf, Round, te } from "../../../../support/round.ts";

const P = te + confirmations;

describe("the own commit", () => {
  it("is sent after values and salt are stored", () => {
    const round = Round.followed();
    const { leader, me } = round.turn;
    expect(round.machine.trace(() => round.announce())).toEqual([
      `announce of keeper ${leader}`,
      "  → persist own values for ts 10, turn 1",
      "  → persist salt",
      "  → broadcast commit",
      `commit of keeper ${me}`,
    ]);
  });

  it("has a salt that depends on entropy and not only on public data", () => {
    const salts = [1, 2].map((entropy) => {
      const round = Round.followed();
      const block = { number: round.head + 1, hash: hashAt(round.head + 1) };
      round.machine.step({ kind: "blocks", blocks: [block], entropy: hashAt(entropy) });
      round.announce();
      return round.machine.state.salts.get(round.state.id)?.salt;
    });
    expect(salts[0]).toMatch(/^0x[0-9a-f]{64}$/);
    expect(salts[1]).not.toBe(salts[0]);
  });

  it("is not sent if the records differ from those that were stored for the turn", () => {
    const round = Round.followed();
    const { ts, turn } = round.turn;
    const stored = { ts, turn, values: [], recordsRoot: hashAt(99) };
    round.machine.state.own.set(`${ts}/${turn}`, stored);
    round.announce();
    expect(round.details("values-changed")).toEqual([`ts ${ts}, turn ${turn}`]);
    expect(round.state.commits.size).toBe(0);
    expect(round.machine.state.own.get(`${ts}/${turn}`)).toBe(stored);
  });

  it("is the same after a restart in the turn: values and salt come from the store", () => {
    const first = Round.followed();
    first.announce();
    const writes = first.machine.effects.flatMap((e) => (e.kind === "persist" ? e.writes : []));
    const machine = new Machine();
    machine.step({
      kind: "restored",
      head: first.head,
      records: [],
      notes: [],
      own: writes.flatMap((w) => (w.kind === "own" ? [w.own] : [])),
      salts: writes.flatMap((w) => (w.kind === "salt" ? [w] : [])),
      before: [],
      certificates: [],
      consents: [],
    });
    const { version } = first.machine.state.committee ?? committeeAt(10);
    machine.step({ kind: "committee", snapshot: committeeAt(10, { version }) });
    machine.jump(11, P);
    machine.step({ kind: "message", message: first.state.announce, way: "gossip" });
    const commitments = [first.machine, machine].map(({ effects }) =>
      effects.flatMap((e) => (e.kind === "broadcast" && e.body.kind === "commit" ? [e.body.commitment] : [])),
    );
    expect(commitments[1]).toEqual(commitments[0]);
    expect(commitments[1]).toHaveLength(1);
  });
});

describe("a commit of another keeper", () => {
  it.each([
    ["gossip", 0, P],
    ["question", 1, P],
    ["surplus", 0, Number.POSITIVE_INFINITY],
  ] as const)("that came by %s is passed on %i times, and counts from head %d", (way, times, from) => {
    const round = Round.followed();
    round.announce();
    const [keeper] = round.others as [number];
    round.commit(keeper, way);
    expect(round.machine.effects.filter(({ kind }) => kind === "pass-on")).toHaveLength(times);
    expect(round.state.commits.get(keeper)?.passedOnAt).toBe(from);
  });

  it("that came by a question before its round was known counts from the head at which it is passed on", () => {
    const known = Round.followed();
    known.announce();
    const round = Round.followed();
    const [keeper] = round.others.filter((other) => other !== round.turn.leader) as [number];
    round.commit(keeper, "question", known.state.id);
    round.walkTo(P + 1);
    round.announce(P);
    expect(round.state.id).toBe(known.state.id);
    expect(round.machine.effects.filter(({ kind }) => kind === "pass-on")).toHaveLength(1);
    expect(round.state.commits.get(keeper)?.passedOnAt).toBe(P + 1);
  });

  it("that contradicts an earlier one of its keeper is evidence, and the first one stays", () => {
    const round = Round.followed();
    round.announce();
    const [keeper] = round.others as [number];
    round.commit(keeper);
    const first = round.state.commits.get(keeper)?.message;
    const body = { kind: "commit", round: round.state.announce.body.round, commitment: hashAt(5) } as const;
    expect(round.machine.trace(() => round.hear(messageOf(keeper, body)))).toEqual([
      `commit of keeper ${keeper}`,
      `  → store evidence: two commit messages of keeper ${keeper}`,
      `  → reason equivocation: commit of keeper ${keeper}`,
    ]);
    expect(round.state.commits.get(keeper)?.message).toBe(first);
  });
});
