/** R19: when a leader closes, and which closed set a follower accepts. */
import { describe, expect, it } from "vitest";
import { omittedFromSet } from "../../../../../keeper/core/stages/close.ts";
import type { CloseState } from "../../../../../keeper/core/state.ts";
import { roundKeyOf } from "../../../../../keeper/core/turn.ts";
import { hashAt } from "../../../../support/machine.ts";
import { confirmations, delivery, messageOf, Round, te } from "../../../../support/round.ts";

const P = te + confirmations;
const auditBlock = P + 4;

/** A round with all commits, at `head`. */
function committed(head: number): Round {
  const round = Round.followed();
  round.announce();
  for (const keeper of round.others) round.commit(keeper);
  round.walkTo(head);
  return round;
}

describe("a closed set", () => {
  it("is accepted below its audit block, and refused at it", () => {
    const before = committed(auditBlock - 1);
    before.close(auditBlock);
    expect(before.state.accepted).toBeDefined();
    const after = committed(auditBlock);
    after.close(auditBlock);
    expect(after.state.accepted).toBeUndefined();
    expect(after.details("close-too-late")).toHaveLength(1);
  });

  it("is refused after the audit block was seen, even if the endpoint shows an older head now", () => {
    const round = committed(auditBlock + 1);
    round.machine.jump(auditBlock - 2, auditBlock - 2);
    expect(round.head).toBeLessThan(auditBlock);
    round.close(auditBlock);
    expect(round.state.accepted).toBeUndefined();
    expect(round.details("close-too-late")).toHaveLength(1);
  });

  it.each([
    [P + 5 + 2, false],
    [P + 5 + 3, true],
    [te + 20 - confirmations - 4, true],
    [te + 20 - confirmations - 3, false],
  ])("without all commits and with audit block %i is accepted: %s", (auditBlock, isAccepted) => {
    const round = Round.followed();
    round.announce(P);
    for (const keeper of round.others.slice(0, 2)) round.commit(keeper);
    round.walkTo(P + 5);
    round.close(auditBlock);
    expect(round.state.accepted?.message.body.auditBlock).toBe(isAccepted ? auditBlock : undefined);
    expect(round.details("bad-audit-block")).toHaveLength(isAccepted ? 0 : 1);
  });

  it("must list a keeper whose commit was passed on by P + a − 1", () => {
    const round = Round.followed();
    round.announce();
    const params = round.machine.state.committee!.params;
    const body = {
      kind: "close",
      round: round.state.announce.body.round,
      commits: [],
      auditBlock: P + 4,
    } as const;
    const close: CloseState = {
      message: messageOf(round.turn.leader, body),
      hash: hashAt(1),
      audit: undefined,
    };
    const [keeper] = round.others as [number];
    const omitted = (passedOnAt: number): number | undefined => {
      const commit = messageOf(keeper, {
        kind: "commit" as const,
        round: body.round,
        commitment: hashAt(2),
      });
      const commits = new Map([[keeper, { message: commit, passedOnAt }]]);
      return omittedFromSet({ ...round.state, commits }, close, params);
    };
    expect(omitted(P + delivery - 1)).toBe(keeper);
    expect(omitted(P + delivery)).toBeUndefined();
  });

  it("with a commitment that this keeper did not make is refused", () => {
    const round = committed(P);
    const commits = [...round.state.commits]
      .sort(([a], [b]) => a - b)
      .map(([keeper, { message }]) => ({
        keeper,
        commitment: keeper === round.turn.me ? hashAt(77) : message.body.commitment,
        signature: message.signature,
      }));
    const body = { kind: "close", round: roundKeyOf(round.turn), commits, auditBlock } as const;
    round.hear(messageOf(round.turn.leader, body));
    expect(round.state.accepted).toBeUndefined();
    expect(round.details("bad-closed-set")).toEqual(["own commit differs from the one listed"]);
  });

  it("that contradicts another one is evidence and bars every new signature in the turn", () => {
    const round = committed(P);
    round.close(auditBlock);
    expect(round.turn.contradicted).toBe(false);
    round.close(auditBlock);
    expect(round.turn.contradicted).toBe(false); // the same set once more
    round.close(auditBlock + 1);
    expect(round.turn.contradicted).toBe(true);
    expect(round.machine.effects.filter(({ kind }) => kind === "evidence")).toHaveLength(1);
    expect(round.state.accepted?.message.body.auditBlock).toBe(auditBlock);
  });
});

describe("the leader", () => {
  const closed = (round: Round): string[] =>
    round.machine.lines.filter((line) => line.includes("broadcast close"));

  it("closes with all commits at once, and leaves a block more than delivery takes before the audit block", () => {
    const round = Round.signing(true);
    for (const keeper of round.others) round.commit(keeper);
    expect(closed(round)).toEqual([`  → broadcast close with keepers 0,1,2,3, audit block ${P + 3}`]);
  });

  it("closes with a quorum only after a sixth of the turn", () => {
    const round = Round.signing(true);
    const [absent, ...present] = round.others as [number, ...number[]];
    for (const keeper of present) round.commit(keeper);
    round.walkTo(P + 4);
    expect(closed(round)).toEqual([]);
    round.walkTo(P + 5);
    const keepers = [0, 1, 2, 3].filter((keeper) => keeper !== absent).join();
    expect(closed(round)).toEqual([`  → broadcast close with keepers ${keepers}, audit block ${P + 8}`]);
  });

  it("reports a turn without a quorum of commits in time, and closes nothing", () => {
    const round = Round.signing(true);
    const [one, two] = round.others as [number, number];
    round.commit(one);
    round.walkTo(te + 20);
    expect(closed(round)).toEqual([]);
    round.commit(two);
    expect(closed(round)).toEqual([]);
    expect(round.details("no-time-to-close")).toHaveLength(1);
  });
});

describe("a leader that starts in the middle of its turn", () => {
  it("closes no set, because it may have closed another one before", () => {
    let round = new Round();
    for (let seed = 2; round.turn.leader !== round.turn.me; seed++) round = new Round({ seed });
    round.announce(); // the others serve its own message of before
    for (const keeper of round.others) round.commit(keeper);
    round.walkTo(P + 8);
    expect(round.state.commits.size).toBe(4);
    const closed = round.machine.effects.filter(
      (one) => one.kind === "broadcast" && one.body.kind === "close",
    );
    expect(closed).toEqual([]);
  });
});
