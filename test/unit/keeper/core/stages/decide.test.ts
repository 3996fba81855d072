/** R19, R22: when a keeper decides from the leader's bundle. */
import { describe, expect, it } from "vitest";
import { confirmations, delivery, Round, te } from "../../../../support/round.ts";

const P = te + confirmations;

describe("a bundle", () => {
  it("with fewer reveals than a quorum is refused", () => {
    const round = Round.audited();
    for (const keeper of round.others) round.reveal(keeper);
    round.bundle(round.others.slice(0, 2));
    expect(round.details("bad-bundle")).toEqual(["expected ≥ 3 ascending reveals, actual 2"]);
    expect(round.state.bundle).toBeUndefined();
  });

  it("that omits a reveal in time is refused, after the last head at which a reveal is in time (R19)", () => {
    const round = Round.audited();
    const [left, ...rest] = round.others as [number, ...number[]];
    for (const keeper of rest) round.reveal(keeper);
    const heard = [round.turn.me, ...rest].sort((a, b) => a - b);
    round.bundle(heard);
    expect(round.state.bundle).toBeDefined();
    expect(round.state.evaluation).toBeUndefined();
    const last = P + 4 + confirmations + delivery - 1;
    round.walkTo(last);
    round.reveal(left);
    expect(round.state.evaluation).toBeUndefined();
    round.walkTo(last + 1);
    expect(round.state.evaluation).toBeUndefined();
    expect(round.details("keeper-left-out")).toEqual([`the bundle lacks the reveal of keeper ${left}`]);
  });

  it("of a quorum needs f+1 values that agree, with the f of the committee", () => {
    const round = Round.followed();
    // This keeper's own value is 0, as it has no records; so no two of three agree.
    round.bytesOf = (keeper) => 1_000n + 100n * BigInt(keeper);
    round.announce();
    for (const keeper of round.others.slice(0, 2)) round.commit(keeper);
    round.walkTo(P + 5);
    round.close(P + 8);
    round.walkTo(P + 8 + confirmations);
    for (const keeper of round.others.slice(0, 2)) round.reveal(keeper);
    round.bundle([round.turn.me, ...round.others.slice(0, 2)].sort((a, b) => a - b));
    expect(round.state.evaluation?.disputed).toEqual([0, 1]);
  });

  it("that omits a reveal that this keeper did not pass on decides (R19)", () => {
    const round = Round.audited();
    const [left, ...rest] = round.others as [number, ...number[]];
    for (const keeper of rest) round.reveal(keeper);
    const surplus = round.reveal(left, 0, "surplus");
    expect(round.state.reveals.get(surplus.hash)?.status).toBe("counted");
    round.bundle([round.turn.me, ...rest].sort((a, b) => a - b));
    round.walkTo(P + 4 + confirmations + delivery);
    expect(round.details("keeper-left-out")).toEqual([]);
    expect(round.state.evaluation?.disputed).toBeDefined();
  });

  it("that omits a late reveal decides", () => {
    const round = Round.audited();
    const [left, ...rest] = round.others as [number, ...number[]];
    for (const keeper of rest) round.reveal(keeper);
    round.bundle([round.turn.me, ...rest].sort((a, b) => a - b));
    round.walkTo(P + 4 + confirmations + delivery);
    round.reveal(left);
    expect(round.details("keeper-left-out")).toEqual([]);
    expect(round.state.evaluation?.disputed).toBeDefined();
  });
});
