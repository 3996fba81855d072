/** R19 as a follower sees it: which closed set it reveals for, and what two of them are worth. */
import { describe, expect, it } from "vitest";
import { roundKeyOf } from "../../../../keeper/core/turn.ts";
import { hashAt } from "../../../support/machine.ts";
import { confirmations, messageOf, Round, te } from "../../../support/round.ts";

const P = te + confirmations;
const auditBlock = P + 4;

/** A round in which all have committed, at `head`. */
function committed(head: number): Round {
  const round = Round.followed();
  round.announce();
  for (const keeper of round.others) round.commit(keeper);
  round.walkTo(head);
  return round;
}

describe("a closed set", () => {
  it("is accepted while the audit block lies ahead, and no more when it is there", () => {
    const before = committed(auditBlock - 1);
    before.close(auditBlock);
    expect(before.state.accepted).toBeDefined();
    const after = committed(auditBlock);
    after.close(auditBlock);
    expect(after.state.accepted).toBeUndefined();
    expect(after.details("close-too-late")).toHaveLength(1);
  });

  it("with another commitment in this keeper's name is none to reveal for", () => {
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

  it("that contradicts another one bars every new signature in the turn, and is kept as evidence", () => {
    const round = committed(P);
    round.close(auditBlock);
    expect(round.turn.contradicted).toBe(false);
    round.close(auditBlock);
    expect(round.turn.contradicted).toBe(false); // the same set, said again
    round.close(auditBlock + 1);
    expect(round.turn.contradicted).toBe(true);
    expect(round.machine.effects.filter(({ kind }) => kind === "evidence")).toHaveLength(1);
    expect(round.state.accepted?.message.body.auditBlock).toBe(auditBlock);
  });
});

describe("a leader that was started in the middle of its turn", () => {
  it("closes no set: it may have closed another one before", () => {
    let round = new Round();
    for (let seed = 2; round.turn.leader !== round.turn.me; seed++) round = new Round(seed);
    round.announce(); // others hand on what it said before
    for (const keeper of round.others) round.commit(keeper);
    round.walkTo(P + 8);
    expect(round.state.commits.size).toBe(4);
    const closed = round.machine.effects.filter(
      (one) => one.kind === "broadcast" && one.body.kind === "close",
    );
    expect(closed).toEqual([]);
  });
});

describe("a keeper that hears nothing of its turn", () => {
  it("asks for it, the leader first", () => {
    const round = Round.followed();
    round.walkTo(P + 8);
    const asked = round.machine.effects.flatMap((one) => (one.kind === "pull" && one.turn > 0 ? [one] : []));
    expect(asked.length).toBeGreaterThanOrEqual(2);
    expect(asked[0]).toMatchObject({ keeper: round.turn.leader, ts: round.turn.ts, turn: 1 });
    expect(new Set(asked.map(({ keeper }) => keeper)).size).toBeGreaterThan(1);
  });
});
