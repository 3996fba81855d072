/** R23: what a keeper may sign after a start, if its endpoint shows less of the chain than it has seen before. */
import { describe, expect, it } from "vitest";
import { maySignNew } from "../../../../keeper/core/stages/sign.ts";
import type { TurnState } from "../../../../keeper/core/state.ts";
import { groupAt, Machine, machineConfig } from "../../../support/machine.ts";

/** Started with a store that has seen head `stored`, on an endpoint that shows `head`; listening is over. */
function started(stored: number, head: number): Machine {
  const machine = new Machine();
  const nothing = { records: [], notes: [], own: [], salts: [], before: [] };
  machine.step({ kind: "restored", head: stored, ...nothing });
  machine.step({ kind: "group", snapshot: groupAt(10) });
  machine.jump(10, head);
  return machine;
}

/** Whether it may sign in the turn of [10, 70), whose view begins at head 71. */
function maySign(machine: Machine): boolean {
  const { state } = machine;
  machine.jump(state.head + 1, 79);
  machine.vouch();
  machine.jump(80, 80);
  return maySignNew({ state, config: machineConfig, effects: [] }, state.turn as TurnState);
}

describe("a keeper that is started on an endpoint that lags behind what its store has seen", () => {
  it("signs nothing new in a turn that it had seen before", () => {
    const machine = started(75, 50);
    expect(maySign(machine)).toBe(false);
    expect(machine.details("barred-after-start")).toEqual(["te 70, head at start 75"]);
  });

  it("signs in a turn that it had not seen before", () => {
    expect(maySign(started(50, 50))).toBe(true);
    expect(maySign(started(68, 50))).toBe(true);
  });

  it("signs nothing new from the head on at which another's view may have reached te", () => {
    // One confirmation: the first of these whose te of 70 is not beyond the head at the start and the confirmations.
    expect(maySign(started(69, 50))).toBe(false);
    expect(maySign(started(50, 69))).toBe(false);
  });

  it("is told of no double by what it said itself before the start", () => {
    const machine = started(75, 50);
    const own = machine.state.group?.committee.members.findIndex(
      ({ operator }) => operator === machineConfig.me,
    );
    const hello = { kind: "hello", instance: `0x${"bb".repeat(16)}`, head: 75, speaks: 3 } as const;
    const rest = { hash: hello.instance, signature: "0x", bytes: new Uint8Array() } as const;
    machine.step({
      kind: "message",
      message: { keeper: own ?? -1, committee: 1, body: hello, ...rest },
      way: "gossip",
    });
    expect(machine.codes()).not.toContain("second-instance");
    const later = { ...hello, head: 76 };
    machine.step({
      kind: "message",
      message: { keeper: own ?? -1, committee: 1, body: later, ...rest },
      way: "gossip",
    });
    expect(machine.codes()).toContain("second-instance");
  });
});
