/** R24: which records a leader pins, and which pinned records a keeper accepts. */
import { describe, expect, it } from "vitest";
import { fittingDisputes, pinnedHolds } from "../../../../../keeper/core/stages/exchange.ts";
import { hashAt } from "../../../../support/machine.ts";
import { Round } from "../../../../support/round.ts";

describe("an exchange", () => {
  /** A decided round in which all providers are disputed; `slots` holds the number of slots of each. */
  function disputed(slots: readonly number[]): Round {
    const round = Round.audited();
    for (const keeper of round.others) round.reveal(keeper);
    round.bundle([0, 1, 2, 3]);
    const recordScope = slots.map((count, provider) => ({ provider, fromSlot: 0, toSlot: count }));
    const evaluation = { decisions: new Map(), disputed: slots.map((_, i) => i), payees: 0n };
    round.machine.state.turn = { ...round.turn, recordScope };
    round.state.evaluation = evaluation;
    return round;
  }

  it("accepts a quorum of the bundle's keepers or none for a provider", () => {
    const round = disputed([12]);
    const holds = (keepers: readonly number[]): boolean =>
      pinnedHolds(round.turn, round.state, {
        pinned: [{ provider: 0, keepers }],
        pages: keepers.length > 0 ? [hashAt(1)] : [],
      });
    expect(holds([0, 1, 2])).toBe(true);
    expect(holds([0, 1, 2, 3])).toBe(true);
    expect(holds([])).toBe(true);
    expect(holds([0, 1])).toBe(false);
    expect(holds([0, 1, 1])).toBe(false);
    expect(holds([0, 1, 4])).toBe(false);
  });

  it("takes the smallest disputes first, so that a large one excludes no other", () => {
    const round = disputed([20_000, 12, 12]);
    expect([...fittingDisputes(round.turn, round.state)]).toEqual([1, 2]);
    const holds = (pinnedOfLarge: readonly number[]): boolean =>
      pinnedHolds(round.turn, round.state, {
        pinned: [pinnedOfLarge, [0, 1, 2], [0, 1, 2]].map((keepers, provider) => ({ provider, keepers })),
        pages: [hashAt(1)],
      });
    expect(holds([])).toBe(true);
    expect(holds([0, 1, 2])).toBe(false);
  });
});
