/** D9, R22, R23: hellos, detection of a second instance, and questions for missed messages. */
import { describe, expect, it } from "vitest";
import type { Effect } from "../../../../keeper/core/effects.ts";
import { step } from "../../../../keeper/core/machine.ts";
import { maySignNew } from "../../../../keeper/core/stages/sign.ts";
import { initialState } from "../../../../keeper/core/state.ts";
import type { KeeperState, TurnState } from "../../../../keeper/core/state.ts";
import type { Hex } from "../../../../protocol/hash.ts";
import type { MessageOf } from "../../../../protocol/messages.ts";
import { memberOf } from "../../../../sim/signatures/cheap-signatures.ts";
import { defaultParams } from "../../../../sim/cluster.ts";
import { committeeAt, hashAt, Machine, machineConfig } from "../../../support/machine.ts";
import { confirmations, Round, te } from "../../../support/round.ts";

const P = te + confirmations;
const startHead = 20;
const start = 30;
const snapshot = committeeAt(10, { block: start, providers: [] });

function blocks(state: KeeperState, from: number, to: number): Effect[] {
  return new Machine(state).jump(from, to);
}

function hello(keeper: number, head: number, instance: Hex): MessageOf<"hello"> {
  const body = { kind: "hello", instance, head, speaks: 3 } as const;
  return { keeper, version: 1, body, hash: hashAt(head), signature: "0x", bytes: new Uint8Array() };
}

/** A keeper that has seen blocks up to 71, in the first turn (te = 70). */
function running(): KeeperState {
  const state = initialState();
  step(state, { kind: "committee", snapshot }, machineConfig);
  blocks(state, start, start);
  blocks(state, start + 1, 71);
  new Machine(state).vouch();
  return state;
}

function mayStillSign(state: KeeperState): boolean {
  return maySignNew({ state, config: machineConfig, effects: [] }, state.turn as TurnState);
}

describe("a keeper that receives a hello with its own key (D9)", () => {
  const other: Hex = `0x${"bb".repeat(16)}`;

  it("stops signing and reports it, if the hello of another process names a head after its own start", () => {
    const state = running();
    expect(mayStillSign(state)).toBe(true);
    const { effects } = step(
      state,
      { kind: "message", message: hello(2, start + 5, other), way: "gossip" },
      machineConfig,
    );
    expect(effects).toContainEqual(expect.objectContaining({ kind: "reason", code: "second-instance" }));
    expect(mayStillSign(state)).toBe(false);
  });

  it.each([
    ["its own hello of before the restart", hello(2, start, other)],
    ["its own hello of this process", hello(2, start + 5, machineConfig.instance)],
    ["another keeper's hello", hello(1, start + 5, other)],
  ])("continues to sign after %s", (_name, message) => {
    const state = running();
    step(state, { kind: "message", message, way: "gossip" }, machineConfig);
    expect(mayStillSign(state)).toBe(true);
  });
});

describe("a keeper that has just started (R23)", () => {
  it("signs nothing new in a turn that it may have seen before, nor until f+1 others have confirmed", () => {
    const state = initialState();
    step(state, { kind: "committee", snapshot }, machineConfig);
    blocks(state, 72, 72);
    expect(mayStillSign(state)).toBe(false);
    blocks(state, 73, 102);
    expect(state.turn?.turn).toBe(2);
    expect(mayStillSign(state)).toBe(false);
    step(state, { kind: "pulled", keeper: 0, askedAt: 102 }, machineConfig);
    step(state, { kind: "pulled", keeper: 1, askedAt: 72 + defaultParams.slot }, machineConfig);
    expect(mayStillSign(state)).toBe(false);
    new Machine(state).vouch();
    expect(mayStillSign(state)).toBe(true);
  });
});

describe("a keeper that sends one hello a slot (D9)", () => {
  /** Heads of which each block's effects hold one of that kind. */
  const headsOf = (state: KeeperState, to: number, is: (effect: Effect) => boolean): number[] =>
    Array.from({ length: to - state.head }, (_, i) => state.head + 1 + i).filter((head) =>
      blocks(state, head, head).some(is),
    );
  const says = (effect: Effect): boolean => effect.kind === "broadcast" && effect.body.kind === "hello";
  const asks = (effect: Effect): boolean => effect.kind === "pull" && effect.turn === 0;

  it("sends it in the first block of the slot and asks for the others' hellos in the next one", () => {
    expect(headsOf(running(), 91, says)).toEqual([75, 80, 85, 90]);
    expect(headsOf(running(), 91, asks)).toEqual([72, 76, 81, 86, 91]);
  });

  it("asks with its next head if it skips the second block of the slot, even across a slot boundary", () => {
    const state = running();
    blocks(state, 72, 75);
    expect(blocks(state, 76, 83).filter(asks)).toHaveLength(1);
    expect(blocks(state, 84, 84).filter(asks)).toHaveLength(1);
  });

  it.each([5, 6, 12])("asks every other keeper in rotation, in slots of %i blocks", (slot) => {
    const state = initialState();
    const params = { ...defaultParams, slot, interval: 120, turn: 60 };
    step(state, { kind: "committee", snapshot: { ...snapshot, params } }, machineConfig);
    blocks(state, start, start);
    blocks(state, start + 1, 60);
    new Machine(state).vouch();
    const asked = Array.from({ length: 6 * slot }, (_, i) => blocks(state, 61 + i, 61 + i))
      .flat()
      .flatMap((effect) => (effect.kind === "pull" && effect.turn === 0 ? [effect.keeper] : []));
    expect(new Set(asked.slice(0, 3))).toEqual(new Set([0, 1, 3]));
    expect(new Set(asked.slice(3, 6))).toEqual(new Set([0, 1, 3]));
  });

  it("asks with every block while it listens for a second instance", () => {
    const state = initialState();
    step(state, { kind: "committee", snapshot }, machineConfig);
    expect(blocks(state, start, start).filter(asks)).toHaveLength(1);
    expect(headsOf(state, 36, asks)).toEqual([31, 32, 33, 34, 35, 36]);
  });
});

/** Started at head 20 in a committee of n, with heads `every` blocks apart. `asked`: the keepers asked, in order. */
function started(
  n: number,
  every: number,
  answers: (keeper: number) => boolean,
): Machine & { asked: number[] } {
  const version = {
    version: 1,
    seed: hashAt(7),
    members: Array.from({ length: n }, (_, i) => memberOf(i)),
    resigned: [],
  };
  const machine = Object.assign(new Machine(), { asked: [] as number[] });
  machine.step({ kind: "committee", snapshot: committeeAt(10, { version }) });
  machine.jump(10, startHead);
  for (let head = startHead; head < startHead + 45; head += every) {
    const effects = machine.jump(head + 1, head + every);
    for (const effect of effects) {
      if (effect.kind !== "pull") continue;
      machine.asked.push(effect.keeper);
      if (answers(effect.keeper))
        machine.step({ kind: "pulled", keeper: effect.keeper, askedAt: effect.askedAt });
    }
  }
  return machine;
}

function maySignAtTe(machine: Machine): boolean {
  machine.jump(machine.state.head + 1, 75);
  const { state } = machine;
  return maySignNew({ state, config: machineConfig, effects: [] }, state.turn as TurnState);
}

describe("a keeper after its start", () => {
  for (const n of [4, 7, 10]) {
    for (const every of [1, 2, 3, n - 1]) {
      it(`asks all others in rotation, with heads ${every} blocks apart (n=${n})`, () => {
        const { asked } = started(n, every, () => false);
        const others = Array.from({ length: n }, (_, i) => i).filter(
          (i) => memberOf(i).operator !== machineConfig.me,
        );
        const round = asked.slice(0, n - 1);
        expect(new Set(round).size).toBe(round.length);
        expect(others).toEqual(expect.arrayContaining(round));
      });
    }
  }

  it("signs again while any f others are silent, for every distance of heads", () => {
    for (const silent of [0, 1, 3]) {
      for (const every of [1, 2, 3, 4, 5, 6]) {
        const machine = started(4, every, (keeper) => keeper !== silent);
        expect(maySignAtTe(machine), `keeper ${silent} is silent, heads ${every} apart`).toBe(true);
      }
    }
  });
});

describe("a keeper that receives no message of its turn", () => {
  it("asks for them, the leader first", () => {
    const round = Round.followed();
    round.walkTo(P + 8);
    const asked = round.machine.effects.flatMap((one) => (one.kind === "pull" && one.turn > 0 ? [one] : []));
    expect(asked.length).toBeGreaterThanOrEqual(2);
    expect(asked[0]).toMatchObject({ keeper: round.turn.leader, ts: round.turn.ts, turn: 1 });
    expect(new Set(asked.map(({ keeper }) => keeper)).size).toBeGreaterThan(1);
  });
});
