import { describe, expect, it } from "vitest";
import type { Effect } from "../../../../keeper/core/effects.ts";
import type { Hex } from "../../../../protocol/hash.ts";
import { step } from "../../../../keeper/core/machine.ts";
import type { MessageOf } from "../../../../protocol/messages.ts";
import { maySignNew } from "../../../../keeper/core/stages/sign.ts";
import { initialState } from "../../../../keeper/core/state.ts";
import type { KeeperState, TurnState } from "../../../../keeper/core/state.ts";
import { defaultParams } from "../../../../sim/cluster.ts";
import { groupAt, hashAt, Machine, machineConfig } from "../../../support/machine.ts";

const start = 30;
const snapshot = groupAt(10, { block: start, providers: [] });

function blocks(state: KeeperState, from: number, to: number): Effect[] {
  return new Machine(state).jump(from, to);
}

function hello(keeper: number, head: number, instance: Hex): MessageOf<"hello"> {
  const body = { kind: "hello", instance, head, speaks: 3 } as const;
  return { keeper, committee: 1, body, hash: hashAt(head), signature: "0x", bytes: new Uint8Array() };
}

/** A keeper that has seen blocks up to 71, in the first turn (te = 70). */
function running(): KeeperState {
  const state = initialState();
  step(state, { kind: "group", snapshot }, machineConfig);
  blocks(state, start, start);
  blocks(state, start + 1, 71);
  new Machine(state).vouch();
  return state;
}

function mayStillSign(state: KeeperState): boolean {
  return maySignNew({ state, config: machineConfig, effects: [] }, state.turn as TurnState);
}

describe("a keeper that hears its own key speak (D9)", () => {
  const other: Hex = `0x${"bb".repeat(16)}`;

  it("stops signing and says so, if the other process speaks of a head newer than its own start", () => {
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
    ["its own last life", hello(2, start, other)],
    ["its own hello", hello(2, start + 5, machineConfig.instance)],
    ["another keeper's", hello(1, start + 5, other)],
  ])("goes on after %s", (_name, message) => {
    const state = running();
    step(state, { kind: "message", message, way: "gossip" }, machineConfig);
    expect(mayStillSign(state)).toBe(true);
  });
});

describe("a keeper that has just started (R23)", () => {
  it("signs nothing new in a turn that it may have seen before, nor before f+1 others know of no double", () => {
    const state = initialState();
    step(state, { kind: "group", snapshot }, machineConfig);
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

describe("a keeper that says hello once a slot (D9)", () => {
  /** Heads of which each block's effects hold one of that kind. */
  const headsOf = (state: KeeperState, to: number, is: (effect: Effect) => boolean): number[] =>
    Array.from({ length: to - state.head }, (_, i) => state.head + 1 + i).filter((head) =>
      blocks(state, head, head).some(is),
    );
  const says = (effect: Effect): boolean => effect.kind === "broadcast" && effect.body.kind === "hello";
  const asks = (effect: Effect): boolean => effect.kind === "pull" && effect.turn === 0;

  it("says it in the slot's first block, and asks for the others' in the next, when those have arrived", () => {
    expect(headsOf(running(), 91, says)).toEqual([75, 80, 85, 90]);
    expect(headsOf(running(), 91, asks)).toEqual([72, 76, 81, 86, 91]);
  });

  it("asks with its next head if it skips the slot's second block, even if that is in another slot", () => {
    const state = running();
    blocks(state, 72, 75);
    expect(blocks(state, 76, 83).filter(asks)).toHaveLength(1);
    expect(blocks(state, 84, 84).filter(asks)).toHaveLength(1);
  });

  it.each([5, 6, 12])("asks every other keeper by turns, in slots of %i blocks", (slot) => {
    const state = initialState();
    const params = { ...defaultParams, slot, interval: 120, turn: 60 };
    step(state, { kind: "group", snapshot: { ...snapshot, params } }, machineConfig);
    blocks(state, start, start);
    blocks(state, start + 1, 60);
    new Machine(state).vouch();
    const asked = Array.from({ length: 6 * slot }, (_, i) => blocks(state, 61 + i, 61 + i))
      .flat()
      .flatMap((effect) => (effect.kind === "pull" && effect.turn === 0 ? [effect.keeper] : []));
    expect(new Set(asked.slice(0, 3))).toEqual(new Set([0, 1, 3]));
    expect(new Set(asked.slice(3, 6))).toEqual(new Set([0, 1, 3]));
  });

  it("asks with every block while it listens for its double", () => {
    const state = initialState();
    step(state, { kind: "group", snapshot }, machineConfig);
    expect(blocks(state, start, start).filter(asks)).toHaveLength(1);
    expect(headsOf(state, 36, asks)).toEqual([31, 32, 33, 34, 35, 36]);
  });
});
