import { describe, expect, it } from "vitest";
import type { Hex } from "../../../protocol/hash.ts";
import { initialState, turnKey } from "../../../keeper/core/state.ts";
import type { KeeperState, TurnState } from "../../../keeper/core/state.ts";
import { Drain } from "../../../keeper/drain.ts";

const digest: Hex = `0x${"ab".repeat(32)}`;

/** The part of a group's state that a drain reads: the present turn and the notes. */
function during(ts: number, turn: number | undefined, noted: readonly number[] = []): KeeperState {
  const notes = new Map(noted.map((each) => [turnKey(ts, each), digest]));
  const on = turn === undefined ? undefined : ({ ts, turn } as TurnState);
  return { ...initialState(), turn: on, notes };
}

describe("a drain", () => {
  it("ends at once without a present turn, and for a group that is not read yet", () => {
    expect(new Drain([during(10, undefined), undefined]).waiting([during(10, undefined), undefined])).toBe(0);
  });

  it("waits for the turn that it began in, until that is settled or over", () => {
    const drain = new Drain([during(10, 1)]);
    expect(drain.waiting([during(10, 1)])).toBe(1);
    expect(drain.waiting([during(40, undefined)])).toBe(0);
    expect(drain.waiting([during(10, 2)])).toBe(0);
  });

  it("does not wait for a later turn, unless this keeper has noted a digest in it (R23)", () => {
    const drain = new Drain([during(10, 1)]);
    expect(drain.waiting([during(10, 2, [2])])).toBe(1);
    expect(drain.waiting([during(10, 2, [1])])).toBe(0);
  });

  it("waits for every group", () => {
    const drain = new Drain([during(10, 1), during(20, 3), during(30, undefined)]);
    expect(drain.waiting([during(10, 1), during(20, 3), during(30, 1)])).toBe(2);
    expect(drain.waiting([during(10, 2), during(20, 3), during(30, 1)])).toBe(1);
  });
});
