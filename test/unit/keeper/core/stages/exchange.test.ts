/** R24: which records a leader pins, and which pinned records a keeper accepts. */
import { describe, expect, it } from "vitest";
import { fittingDisputes, pinnedHolds } from "../../../../../keeper/core/stages/exchange.ts";
import type { Pinned } from "../../../../../protocol/messages.ts";
import { maxPinned, maxPinnedBytes, maxRecordBytes } from "../../../../../protocol/pinned.ts";
import { RecordScope } from "../../../../../protocol/records.ts";
import { hashAt } from "../../../../support/machine.ts";
import { roundKeyOf } from "../../../../../keeper/core/turn.ts";
import { confirmations, messageOf, Round, te } from "../../../../support/round.ts";

/** A scope of one provider for each number of slots, in two groups. */
function scopeOf(slots: readonly number[]): RecordScope {
  return new RecordScope(
    slots
      .map((count, i) => ({ group: 1 + (i % 2), provider: i, fromSlot: 0, toSlot: count }))
      .sort((a, b) => a.group - b.group || a.provider - b.provider),
  );
}

describe("an exchange", () => {
  /** A decided round. By default all providers are disputed: this keeper's own value is 0, as it has no records. */
  function disputed(bytesOf = (keeper: number): bigint => 1_000n + 100n * BigInt(keeper)): Round {
    const round = Round.followed();
    round.bytesOf = bytesOf;
    round.announce();
    for (const keeper of round.others.slice(0, 2)) round.commit(keeper);
    round.walkTo(te + confirmations + 5);
    round.close(te + confirmations + 8);
    round.walkTo(te + confirmations + 8 + confirmations);
    for (const keeper of round.others.slice(0, 2)) round.reveal(keeper);
    round.bundle([round.turn.me, ...round.others.slice(0, 2)].sort((a, b) => a - b));
    return round;
  }

  it("accepts a quorum of the bundle's keepers for a provider, in the order of the scope", () => {
    const round = disputed();
    const owners = round.state.bundle?.body.reveals.map(({ keeper }) => keeper) ?? [];
    const holds = (pinned: readonly Pinned[], pages = [hashAt(1)]): boolean =>
      pinnedHolds(round.turn, round.state, { pinned, pages });
    const first = { group: 1, provider: 0, keepers: owners };
    const second = { group: 1, provider: 1, keepers: owners };
    expect(holds([first])).toBe(true);
    expect(holds([first, second])).toBe(true);
    expect(holds([], [])).toBe(true);
    expect(holds([])).toBe(false);
    expect(holds([second, first])).toBe(false);
    expect(holds([{ ...first, keepers: owners.slice(1) }])).toBe(false);
    expect(holds([{ ...first, keepers: [owners[0], owners[1], owners[1]] as number[] }])).toBe(false);
    expect(holds([{ ...first, group: 2 }])).toBe(false);
    const outsider = [0, 1, 2, 3].filter((keeper) => !owners.includes(keeper));
    expect(holds([{ ...first, keepers: [...owners.slice(1), ...outsider].sort((a, b) => a - b) }])).toBe(
      false,
    );
  });

  it("is refused for a provider whose values all agree", () => {
    const round = disputed(() => 0n);
    const keepers = round.state.bundle?.body.reveals.map(({ keeper }) => keeper) ?? [];
    const pinned = [{ group: 1, provider: 0, keepers }];
    expect(round.state.evaluation?.disputed).toEqual([]);
    expect(pinnedHolds(round.turn, round.state, { pinned, pages: [hashAt(1)] })).toBe(false);
  });

  it("with wrong pages of the leader ends: nothing is signed, and no page is asked for again (R23)", () => {
    const round = disputed();
    const { id, bundle } = round.state;
    if (bundle === undefined) throw new Error("expected a bundle");
    const keepers = bundle.body.reveals.map(({ keeper }) => keeper);
    const body = {
      kind: "proposal" as const,
      round: roundKeyOf(round.turn),
      bundle: bundle.hash,
      digest: hashAt(9),
      pinned: [{ group: 1, provider: 0, keepers }],
      pages: [hashAt(1)],
    };
    round.hear(messageOf(round.turn.leader, body));
    const fetched = (): number => round.machine.effects.filter(({ kind }) => kind === "fetch-pages").length;
    expect(fetched()).toBe(1);
    round.walkTo(round.head + 1);
    expect(fetched()).toBe(2);
    round.machine.step({ kind: "pages", round: id, result: { kind: "fault", detail: "another owner" } });
    round.walkTo(round.head + 3);
    expect(fetched()).toBe(2);
    expect(round.details("bad-pages")).toEqual(["another owner"]);
    expect(round.state.signed).toBe(false);
  });

  it("takes the smallest disputes first, so that a large one excludes no other", () => {
    const records = scopeOf([20_000, 12, 12]);
    const large = records.positionOf({ group: 1, provider: 0 });
    expect([...fittingDisputes({ records }, [0, 1, 2], 4)].sort((a, b) => a - b)).toEqual(
      [0, 1, 2].filter((position) => position !== large),
    );
  });

  it("takes as many disputes as the pages and the proposal hold", () => {
    const records = scopeOf(Array.from({ length: 8_000 }, () => 1));
    const all = records.ranges.map((_, i) => i);
    expect(fittingDisputes({ records }, all, 3).size).toBe(maxPinned);
    const each = 7 * maxRecordBytes(records.depth);
    expect(fittingDisputes({ records }, all, 7).size).toBe(
      Math.min(maxPinned, Math.floor(maxPinnedBytes / each)),
    );
  });
});
