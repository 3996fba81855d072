/** D9, R23: whom a keeper asks after a start, while some of the others are down or lie. */
import { describe, expect, it } from "vitest";
import { maySignNew } from "../../../../keeper/core/stages/sign.ts";
import type { TurnState } from "../../../../keeper/core/state.ts";
import { memberOf } from "../../../../sim/signatures/cheap-signatures.ts";
import { groupAt, hashAt, Machine, machineConfig } from "../../../support/machine.ts";

const start = 20;

/** Started at head 20 in a committee of n, and then told of heads `every` blocks apart; who is asked, and whether it answers. */
function started(
  n: number,
  every: number,
  answers: (keeper: number) => boolean,
): Machine & { asked: number[] } {
  const committee = {
    version: 1,
    seed: hashAt(7),
    members: Array.from({ length: n }, (_, i) => memberOf(i)),
  };
  const machine = Object.assign(new Machine(), { asked: [] as number[] });
  machine.step({ kind: "group", snapshot: groupAt(10, { committee }) });
  machine.jump(10, start);
  for (let head = start; head < start + 45; head += every) {
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

function maySign(machine: Machine): boolean {
  machine.jump(machine.state.head + 1, 75);
  const { state } = machine;
  return maySignNew({ state, config: machineConfig, effects: [] }, state.turn as TurnState);
}

describe("after a start", () => {
  for (const n of [4, 7, 10]) {
    for (const every of [1, 2, 3, n - 1]) {
      it(`all others are asked by turns, if heads come ${every} blocks apart (n=${n})`, () => {
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

  it("a keeper signs again with any f of the others silent, however far apart heads come", () => {
    for (const silent of [0, 1, 3]) {
      for (const every of [1, 2, 3, 4, 5, 6]) {
        const machine = started(4, every, (keeper) => keeper !== silent);
        expect(maySign(machine), `keeper ${silent} is silent, heads ${every} apart`).toBe(true);
      }
    }
  });
});
