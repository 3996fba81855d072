/** R29: what a keeper keeps and prunes when the chain shows a settlement. */
import { describe, expect, it } from "vitest";
import { memberOf } from "../../../../../sim/signatures/cheap-signatures.ts";
import { committeeAt, hashAt, Machine } from "../../../../support/machine.ts";
import { messageOf } from "../../../../support/round.ts";

/** A keeper that has challenged through block `head`. */
function walked(head: number): Machine {
  const machine = new Machine();
  machine.step({ kind: "committee", snapshot: committeeAt(10) });
  machine.walk(10, head, () => "proven");
  return machine;
}

function slotsOf(machine: Machine): number[] {
  return [...(machine.state.records.get("1/0")?.keys() ?? [])];
}

describe("a settlement on chain", () => {
  it("is stored with the bytes that the next interval carries, and prunes what lies before the settled interval", () => {
    const machine = walked(75);
    const lines = machine.trace(() => void machine.step({ kind: "committee", snapshot: committeeAt(70) }));
    expect(lines).toEqual([
      "committee certified through 70",
      "  → persist bytes before 70: 1600,1600",
      "  → prune before 10",
    ]);
    expect(machine.state.turn).toBeUndefined();
  });

  it("carries the bytes of a group that the next snapshot does not show, because a reorg may show it again (R14)", () => {
    const machine = walked(75);
    machine.step({ kind: "committee", snapshot: committeeAt(70, { groups: [] }) });
    expect([...(machine.state.before.get(70) ?? [])]).toEqual([
      ["1/0", 1_600n],
      ["1/1", 1_600n],
    ]);
  });

  it("keeps the records of the settled interval, and prunes them with the next settlement", () => {
    const machine = walked(75);
    machine.step({ kind: "committee", snapshot: committeeAt(70) });
    expect(slotsOf(machine)).toContain(0);
    machine.walk(76, 135, () => "proven");
    machine.step({ kind: "committee", snapshot: committeeAt(130) });
    expect(Math.min(...slotsOf(machine))).toBe(12);
    expect([...machine.state.hashes.keys()].every((block) => block >= 70)).toBe(true);
  });

  it("prunes notes, own values and salts of earlier intervals, and bars new signatures there (S5)", () => {
    const machine = walked(75);
    machine.state.notes.set("10/1", hashAt(1));
    machine.state.own.set("10/1", { ts: 10, turn: 1, values: [], recordsRoot: hashAt(2) });
    machine.state.salts.set(hashAt(3), { ts: 10, salt: hashAt(4) });
    machine.step({ kind: "committee", snapshot: committeeAt(70) });
    expect(machine.state.notes.size).toBe(1);
    machine.step({ kind: "committee", snapshot: committeeAt(130) });
    const { notes, own, salts, notesFrom } = machine.state;
    expect([notes.size, own.size, salts.size, notesFrom]).toEqual([0, 0, 0, 70]);
  });

  it("is undone by a reorg: the turn before is entered again with its certificate", () => {
    const machine = walked(75);
    const { turn } = machine.state;
    if (turn === undefined) throw new Error("expected a turn");
    turn.submission.sent = true;
    machine.step({ kind: "committee", snapshot: committeeAt(70) });
    expect(machine.state.turn).not.toBe(turn);
    machine.step({ kind: "committee", snapshot: committeeAt(10) });
    expect(machine.state.turn).toBe(turn);
    expect(turn.submission.sent).toBe(false);
  });
});

describe("a turn without a settlement", () => {
  it("is reported when the next turn begins, and the next leader leads", () => {
    const machine = walked(75);
    const first = machine.state.turn?.leader;
    machine.jump(76, 101);
    expect(machine.details("turn-missed")).toEqual([`ts 10, turn 1, leader ${first}`]);
    expect(machine.state.turn).toMatchObject({ turn: 2, failed: [first] });
    expect(machine.state.turn?.leader).not.toBe(first);
  });
});

describe("a committee without this keeper", () => {
  const version = { version: 2, seed: hashAt(7), members: [0, 1, 3, 4].map(memberOf), resigned: [] };

  it("is reported once, and the keeper has no turn", () => {
    const machine = walked(75);
    machine.step({ kind: "committee", snapshot: committeeAt(70, { version }) });
    machine.step({ kind: "committee", snapshot: committeeAt(70, { version, block: 71 }) });
    machine.jump(76, 135);
    expect(machine.codes().filter((code) => code === "not-a-member")).toHaveLength(1);
    expect(machine.state.turn).toBeUndefined();
  });

  it("forgets hellos of the version before, in which an index is another keeper", () => {
    const machine = walked(75);
    const body = { kind: "hello", instance: hashAt(1), head: 75, speaks: 4 } as const;
    machine.step({ kind: "message", message: messageOf(0, body), way: "gossip" });
    expect(machine.state.hellos.size).toBe(1);
    machine.step({ kind: "committee", snapshot: committeeAt(70) });
    expect(machine.state.hellos.size).toBe(1);
    machine.step({ kind: "committee", snapshot: committeeAt(70, { version }) });
    expect(machine.state.hellos.size).toBe(0);
  });
});
