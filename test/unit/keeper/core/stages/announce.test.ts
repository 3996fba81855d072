/** R17: the leader's announcement, and which announcements a keeper takes part in. */
import { describe, expect, it } from "vitest";
import { roundKeyOf } from "../../../../../keeper/core/turn.ts";
import { hashAt } from "../../../../support/machine.ts";
import { confirmations, delivery, messageOf, Round, te, scopeName } from "../../../../support/round.ts";

const P = te + confirmations;

function commits(round: Round): number {
  return round.machine.effects.filter((e) => e.kind === "broadcast" && e.body.kind === "commit").length;
}

describe("the leader of a turn", () => {
  it("announces at the first head whose view reaches te, and commits to its own round", () => {
    const { machine } = Round.signing(true);
    const announced = machine.lines.findIndex((line) => line.includes("broadcast announce"));
    expect(machine.lines.slice(announced)).toEqual([
      `  → broadcast announce at head ${P}, 2 in scope`,
      "announce of keeper 2",
      "  → persist own values for ts 10, turn 1",
      "  → persist salt",
      "  → broadcast commit",
      "commit of keeper 2",
    ]);
  });

  it("does not announce if it may not sign in the turn (R23)", () => {
    let round = new Round();
    for (let seed = 2; round.turn.leader !== round.turn.me; seed++) round = new Round({ seed });
    round.walkTo(P + 3);
    expect(round.turn.announced).toBe(false);
    expect(round.details("barred-after-start")).toHaveLength(1);
  });
});

describe("a keeper that receives an announcement", () => {
  it.each([
    [P + delivery, true],
    [P + delivery + 1, false],
  ])("at head %i commits: %s", (heardAt, isInTime) => {
    const round = Round.followed();
    round.walkTo(heardAt);
    round.announce(P);
    expect(round.turn.round).toBeDefined();
    expect(round.state.commits.has(round.turn.me)).toBe(isInTime);
    expect(round.details("announce-too-late")).toHaveLength(isInTime ? 0 : 1);
  });

  it("accepts a head that confirms te, and refuses the head before", () => {
    const round = Round.followed();
    round.announce(P - 1);
    expect(round.details("bad-announce-head")).toEqual([`expected ≥ ${P}, actual ${P - 1}`]);
    expect(round.turn.round).toBeUndefined();
    expect(commits(round)).toBe(0);
    round.announce(P);
    expect(round.turn.round).toBeDefined();
  });

  it.each([
    ["two blocks before the announced head: waits until it is one block before", P + 3, 0],
    ["one block before the announced head: commits at once", P + 2, 1],
  ])("%s", (_name, announced, expected) => {
    const round = Round.followed();
    round.walkTo(P + 1);
    round.announce(announced);
    expect(commits(round)).toBe(expected);
    if (expected > 0) return;
    round.walkTo(announced - 1);
    expect(commits(round)).toBe(1);
  });

  it("commits one block later if its own view reaches te one block later", () => {
    const ahead = Round.followed();
    const round = Round.followed(P - 1);
    expect(round.turn).toBeUndefined();
    round.announce(P, roundKeyOf(ahead.turn));
    expect(commits(round)).toBe(0);
    round.walkTo(P);
    expect(commits(round)).toBe(1);
  });

  it("refuses another scope than the one on chain", () => {
    const round = Round.followed();
    round.announce(P, roundKeyOf(round.turn), { count: 1, root: hashAt(3) });
    expect(round.details("scope-mismatch")).toEqual([
      `expected 2 providers under ${scopeName.root}, actual 1 under ${hashAt(3)}`,
    ]);
    expect(round.turn.round).toBeUndefined();
  });

  it("refuses one that does not come from the leader", () => {
    const round = Round.followed();
    const sender = round.others.find((keeper) => keeper !== round.turn.leader) as number;
    const key = roundKeyOf(round.turn);
    round.hear(messageOf(sender, { kind: "announce", round: key, head: P, ...scopeName }));
    expect(round.turn.round).toBeUndefined();
    expect(round.machine.codes()).toContain("not-the-leader");
  });

  it("keeps two different ones as evidence and signs nothing new in the turn (R19)", () => {
    const round = Round.followed();
    round.announce(P);
    const lines = round.machine.trace(() => round.announce(P + 1));
    expect(lines.slice(0, 2)).toEqual([
      `announce of keeper ${round.turn.leader}`,
      `  → store evidence: two announce messages of keeper ${round.turn.leader}`,
    ]);
    expect(round.turn.contradicted).toBe(true);
  });
});
