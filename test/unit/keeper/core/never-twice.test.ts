/** S5 where notes could be missing: what is not remembered is not signed again. */
import { describe, expect, it } from "vitest";
import { maySignNew } from "../../../../keeper/core/stages/sign.ts";
import type { TurnState } from "../../../../keeper/core/state.ts";
import { groupAt, Machine, machineConfig } from "../../../support/machine.ts";

function maySign(machine: Machine): boolean {
  const { state } = machine;
  return maySignNew({ state, config: machineConfig, effects: [] }, state.turn as TurnState);
}

/** Started at block 11 and listening no more. */
function listened(): Machine {
  const machine = new Machine();
  machine.step({ kind: "group", snapshot: groupAt(10) });
  machine.jump(11, 11);
  machine.jump(12, 40);
  machine.vouch();
  return machine;
}

describe("a reorg that brings an interval back", () => {
  it("lets a keeper go on signing where its notes are kept: one interval back", () => {
    const machine = listened();
    machine.jump(41, 75);
    expect(maySign(machine)).toBe(true);
    machine.step({ kind: "group", snapshot: groupAt(70) });
    machine.jump(76, 76);
    machine.step({ kind: "group", snapshot: groupAt(10) });
    machine.jump(75, 76, 1);
    expect(machine.state.turn?.ts).toBe(10);
    expect(maySign(machine)).toBe(true);
  });

  it("bars every new signature where they are gone, and says so once a turn: two intervals back", () => {
    const machine = listened();
    machine.jump(41, 75);
    machine.step({ kind: "group", snapshot: groupAt(70) });
    machine.jump(76, 135);
    machine.step({ kind: "group", snapshot: groupAt(130) });
    machine.jump(136, 136);
    machine.step({ kind: "group", snapshot: groupAt(10) });
    const said = machine.effects.length;
    machine.jump(74, 75, 1);
    machine.jump(76, 76, 1);
    expect(machine.state.turn?.ts).toBe(10);
    expect(maySign(machine)).toBe(false);
    // This keeper leads the turn.
    expect(machine.state.turn?.leader).toBe(machine.state.turn?.me);
    expect(machine.details("barred-after-reorg")).toHaveLength(1);
    const announced = machine.effects
      .slice(said)
      .some((e) => e.kind === "broadcast" && e.body.kind === "announce");
    expect(announced).toBe(false);
    machine.jump(77, 195, 1);
    machine.step({ kind: "group", snapshot: groupAt(130) });
    machine.jump(196, 196, 1);
    expect(maySign(machine)).toBe(true);
  });
});
