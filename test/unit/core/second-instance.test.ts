import { describe, expect, it } from "vitest";
import type { GroupSnapshot } from "../../../keeper/core/group.ts";
import type { Hex } from "../../../keeper/core/hash.ts";
import { step } from "../../../keeper/core/machine.ts";
import type { MessageOf } from "../../../keeper/core/messages.ts";
import { maySignNew } from "../../../keeper/core/stages/sign.ts";
import { initialState } from "../../../keeper/core/state.ts";
import type { KeeperState, TurnState } from "../../../keeper/core/state.ts";
import { memberOf, operatorOf } from "../../../scripts/sim/cheap-crypto.ts";
import { defaultParams } from "../../../scripts/sim/cluster.ts";

const hash = (n: number): Hex => `0x${n.toString(16).padStart(64, "0")}`;
const config = { me: operatorOf(2), instance: `0x${"aa".repeat(16)}` as const };
const start = 30;

const snapshot: GroupSnapshot = {
  chainId: 1,
  address: `0x${"67".repeat(20)}`,
  block: start,
  params: defaultParams,
  ts: 10,
  committee: { version: 1, seed: hash(7), members: [0, 1, 2, 3].map(memberOf) },
  pending: undefined,
  providers: [],
};

function blocks(state: KeeperState, from: number, to: number): void {
  const list = Array.from({ length: to - from + 1 }, (_, i) => ({ number: from + i, hash: hash(from + i) }));
  step(state, { kind: "blocks", blocks: list, entropy: hash(1) }, config);
}

function hello(keeper: number, head: number, instance: Hex): MessageOf<"hello"> {
  const body = { kind: "hello", instance, head } as const;
  return { keeper, committee: 1, body, hash: hash(head), signature: "0x", bytes: new Uint8Array() };
}

/** A keeper that has seen blocks up to 71, in the first turn (te = 70). */
function running(): KeeperState {
  const state = initialState();
  step(state, { kind: "group", snapshot }, config);
  blocks(state, start, start);
  blocks(state, start + 1, 71);
  vouch(state);
  return state;
}

/** Two others, one more than f, answered after the first slot that they know of no double. */
function vouch(state: KeeperState): void {
  for (const keeper of [0, 1]) step(state, { kind: "pulled", keeper, askedAt: state.head }, config);
}

function mayStillSign(state: KeeperState): boolean {
  return maySignNew({ state, config, effects: [] }, state.turn as TurnState);
}

describe("a keeper that hears its own key speak (D9)", () => {
  const other: Hex = `0x${"bb".repeat(16)}`;

  it("stops signing and says so, if the other process speaks of a head newer than its own start", () => {
    const state = running();
    expect(mayStillSign(state)).toBe(true);
    const { effects } = step(state, { kind: "message", message: hello(2, start + 5, other) }, config);
    expect(effects).toContainEqual(expect.objectContaining({ kind: "reason", code: "second-instance" }));
    expect(mayStillSign(state)).toBe(false);
  });

  it.each([
    ["its own last life", hello(2, start, other)],
    ["its own hello", hello(2, start + 5, config.instance)],
    ["another keeper's", hello(1, start + 5, other)],
  ])("goes on after %s", (_name, message) => {
    const state = running();
    step(state, { kind: "message", message }, config);
    expect(mayStillSign(state)).toBe(true);
  });
});

describe("a keeper that has just started (R23)", () => {
  it("signs nothing new in a turn that it may have seen before, nor before f+1 others know of no double", () => {
    const state = initialState();
    step(state, { kind: "group", snapshot }, config);
    blocks(state, 72, 72);
    expect(mayStillSign(state)).toBe(false);
    blocks(state, 73, 92);
    expect(state.turn?.turn).toBe(2);
    expect(mayStillSign(state)).toBe(false);
    step(state, { kind: "pulled", keeper: 0, askedAt: 92 }, config);
    step(state, { kind: "pulled", keeper: 1, askedAt: 72 + defaultParams.slot }, config);
    expect(mayStillSign(state)).toBe(false);
    vouch(state);
    expect(mayStillSign(state)).toBe(true);
  });
});
