import { describe, expect, it } from "vitest";
import type { Hex } from "../../../protocol/hash.ts";
import { initialState, turnKey } from "../../../keeper/core/state.ts";
import type { KeeperState, TurnState } from "../../../keeper/core/state.ts";
import { Drain } from "../../../keeper/drain.ts";

const digest: Hex = `0x${"ab".repeat(32)}`;

/** The part of a committee's state that a drain reads: the present turn and the notes. */
function during(ts: number, turn: number | undefined, noted: readonly number[] = []): KeeperState {
  const notes = new Map(noted.map((each) => [turnKey(ts, each), digest]));
  const on = turn === undefined ? undefined : ({ ts, turn } as TurnState);
  return { ...initialState(), turn: on, notes };
}

/** By committee. */
function states(...all: KeeperState[]): ReadonlyMap<Hex, KeeperState> {
  return new Map(all.map((state, i) => [`0x${String(i).padStart(40, "0")}`, state]));
}

describe("a drain", () => {
  it("ends at once without a present turn, and without a committee", () => {
    expect(new Drain(states(during(10, undefined))).waiting(states(during(10, undefined)))).toBe(0);
    expect(new Drain(states()).waiting(states())).toBe(0);
  });

  it("does not wait for a committee that came after it began", () => {
    expect(new Drain(states()).waiting(states(during(10, 1)))).toBe(0);
  });

  it("waits for the turn that it began in, until that is settled or over", () => {
    const drain = new Drain(states(during(10, 1)));
    expect(drain.waiting(states(during(10, 1)))).toBe(1);
    expect(drain.waiting(states(during(40, undefined)))).toBe(0);
    expect(drain.waiting(states(during(10, 2)))).toBe(0);
  });

  it("does not wait for a later turn, unless this keeper has noted a digest in it (R23)", () => {
    const drain = new Drain(states(during(10, 1)));
    expect(drain.waiting(states(during(10, 2, [2])))).toBe(1);
    expect(drain.waiting(states(during(10, 2, [1])))).toBe(0);
  });

  it("waits for every committee", () => {
    const drain = new Drain(states(during(10, 1), during(20, 3), during(30, undefined)));
    expect(drain.waiting(states(during(10, 1), during(20, 3), during(30, 1)))).toBe(2);
    expect(drain.waiting(states(during(10, 2), during(20, 3), during(30, 1)))).toBe(1);
  });
});
