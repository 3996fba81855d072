/** R19, R22: when a keeper decides from the leader's bundle. */
import { describe, expect, it } from "vitest";
import { bitmap } from "../../../../../protocol/bitmap.ts";
import { phaseTimeout } from "../../../../../protocol/turns.ts";
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

  it("waits for a reveal that its leader is checking, although the time for reveals is over (R19)", () => {
    const round = Round.signing(true);
    for (const keeper of round.others) round.commit(keeper);
    const auditBlock = round.state.closes[0]?.message.body.auditBlock ?? 0;
    round.walkTo(auditBlock + confirmations);
    const [last, ...rest] = round.others as [number, ...number[]];
    for (const keeper of rest) round.reveal(keeper);
    round.checksEnd = false;
    const { hash } = round.reveal(last);
    round.walkTo(auditBlock + confirmations + phaseTimeout(30) + 1);
    expect(round.state.bundle).toBeUndefined();
    const checked = { round: round.state.id, reveal: hash, keeper: last, fault: undefined };
    const effects = round.machine.step({ kind: "openings-checked", ...checked });
    const bundles = effects.flatMap((e) =>
      e.kind === "broadcast" && e.body.kind === "bundle" ? e.body.reveals.map(({ keeper }) => keeper) : [],
    );
    expect(bundles).toEqual([0, 1, 2, 3]);
  });

  it("pays no keeper that led an earlier turn of the interval (R28)", () => {
    const head = te + 30 + confirmations;
    const rounds = [1, 2, 3, 4, 5, 6, 7, 8].map((seed) => new Round({ seed, firstHead: head }));
    const round = rounds.find(({ turn }) => ![turn.leader, ...turn.failed].includes(turn.me)) as Round;
    const { failed, me } = round.turn;
    expect(failed).toHaveLength(1);
    round.announce(head);
    for (const keeper of round.others) round.commit(keeper);
    round.close(head + 4);
    round.walkTo(head + 4 + confirmations);
    for (const keeper of round.others) round.reveal(keeper);
    round.bundle([0, 1, 2, 3]);
    // This keeper has no receipts, so it is not paid either.
    const paid = [0, 1, 2, 3].filter((keeper) => keeper !== me && !failed.includes(keeper));
    expect(round.state.evaluation?.payees).toBe(bitmap(paid));
  });
});
