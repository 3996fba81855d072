/** R17–R22, R25 and R28 at their limits: what one keeper makes of a leader and of others that go as far as they can. */
import { describe, expect, it } from "vitest";
import { auditSeed, drawAudit, openingsNeeded } from "../../../../keeper/core/stages/audit.ts";
import { omittedFromSet } from "../../../../keeper/core/stages/close.ts";
import { fittingDisputes, pinnedHolds } from "../../../../keeper/core/stages/exchange.ts";
import type { CloseState } from "../../../../keeper/core/state.ts";
import { hashAt } from "../../../support/machine.ts";
import { confirmations, delivery, messageOf, Round, te } from "../../../support/round.ts";

const P = te + confirmations;

/** A round in which all have committed, closed with audit block P + 4, at the head that confirms it. */
function audited(): Round {
  const round = Round.followed();
  round.announce();
  for (const keeper of round.others) round.commit(keeper);
  round.close(P + 4);
  round.walkTo(P + 4 + confirmations);
  return round;
}

describe("an announcement (R17)", () => {
  it("holds from the head on at which te is confirmed", () => {
    const round = Round.followed();
    round.announce(te + confirmations - 1);
    expect(round.details("bad-announce-head")).toEqual([`expected ≥ ${P}, actual ${P - 1}`]);
    expect(round.turn.round).toBeUndefined();
    round.announce(P);
    expect(round.turn.round).toBeDefined();
  });
});

describe("a round (R17)", () => {
  it.each([
    [P + delivery, true],
    [P + delivery + 1, false],
  ])("that is heard at head %i gets a commit: %s", (heardAt, isInTime) => {
    const round = Round.followed();
    round.walkTo(heardAt);
    round.announce(P);
    expect(round.turn.round).toBeDefined();
    expect(round.state.commits.has(round.turn.me)).toBe(isInTime);
    expect(round.details("announce-too-late")).toHaveLength(isInTime ? 0 : 1);
  });
});

describe("a closed set (R19)", () => {
  it.each([
    [P + 5 + 2, false],
    [P + 5 + 3, true],
    [te + 20 - confirmations - 4, true],
    [te + 20 - confirmations - 3, false],
  ])("that is not full may name audit block %i: %s", (auditBlock, isAccepted) => {
    const round = Round.followed();
    round.announce(P);
    for (const keeper of round.others.slice(0, 2)) round.commit(keeper);
    round.walkTo(P + 5);
    round.close(auditBlock);
    expect(round.state.accepted?.message.body.auditBlock).toBe(isAccepted ? auditBlock : undefined);
    expect(round.details("bad-audit-block")).toHaveLength(isAccepted ? 0 : 1);
  });
});

describe("a commit (R18)", () => {
  it("has a salt that nobody can compute from what is public", () => {
    const salts = [1, 2].map((entropy) => {
      const round = Round.followed();
      const block = { number: round.head + 1, hash: hashAt(round.head + 1) };
      round.machine.step({ kind: "blocks", blocks: [block], entropy: hashAt(entropy) });
      round.announce();
      return round.machine.state.salts.get(round.state.id)?.salt;
    });
    expect(salts[0]).toMatch(/^0x[0-9a-f]{64}$/);
    expect(salts[1]).not.toBe(salts[0]);
  });

  it.each([
    ["gossip", 0, P],
    ["question", 1, P],
    ["surplus", 0, Number.POSITIVE_INFINITY],
  ] as const)("that came by %s is passed on %i times, and counts from then on", (way, times, from) => {
    const round = Round.followed();
    round.announce();
    const [keeper] = round.others as [number];
    round.commit(keeper, way);
    expect(round.machine.effects.filter(({ kind }) => kind === "pass-on")).toHaveLength(times);
    expect(round.state.commits.get(keeper)?.passedOnAt).toBe(from);
  });

  it("that came by a question before its round was known counts from when it is passed on", () => {
    const known = Round.followed();
    known.announce();
    const round = Round.followed();
    const [keeper] = round.others.filter((other) => other !== round.turn.leader) as [number];
    round.commit(keeper, "question", known.state.id);
    round.walkTo(P + 1);
    round.announce(P);
    expect(round.state.id).toBe(known.state.id);
    expect(round.machine.effects.filter(({ kind }) => kind === "pass-on")).toHaveLength(1);
    expect(round.state.commits.get(keeper)?.passedOnAt).toBe(P + 1);
  });

  it("may not be left out if it was passed on by P + a − 1 (R19)", () => {
    const round = Round.followed();
    round.announce();
    const params = round.machine.state.group!.params;
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
});

describe("the audit (R20)", () => {
  it("draws every leaf of the scope about as often as every other", () => {
    const scope = [
      { provider: 0, fromSlot: 0, toSlot: 2 },
      { provider: 3, fromSlot: 1, toSlot: 3 },
    ];
    const drawn = new Map<string, number>();
    for (let n = 0; n < 100; n++) {
      for (const { provider, slot } of drawAudit(auditSeed(hashAt(1), 10, 1, hashAt(n)), scope)) {
        drawn.set(`${provider}/${slot}`, (drawn.get(`${provider}/${slot}`) ?? 0) + 1);
      }
    }
    expect([...drawn.keys()].sort()).toEqual(["0/0", "0/1", "3/1", "3/2"]);
    // 400 expected, σ = 17.
    for (const times of drawn.values()) expect(Math.abs(times - 400)).toBeLessThan(100);
  });
});

describe("a reveal (R21)", () => {
  it("counts with the full proof of the first drawn proven leaf, and with that of no other", () => {
    const round = audited();
    const [one, another] = round.others as [number, number];
    const good = round.reveal(one);
    expect(round.state.reveals.get(good.hash)?.status).toBe("counted");
    const bad = round.reveal(another, 1);
    expect(round.state.reveals.get(bad.hash)?.status).toBe("rejected");
    expect(round.details("reveal-mismatch")).toEqual([
      `keeper ${another}: full proof is not of the first drawn proven leaf`,
    ]);
  });

  it("that is rejected makes room for the next one of its keeper, so that a liar fills no memory (L4)", () => {
    const round = audited();
    const [liar] = round.others as [number];
    for (let i = 0; i < 20; i++) round.reveal(liar, 1);
    expect(round.state.reveals.size).toBeLessThanOrEqual(3);
    const good = round.reveal(liar);
    expect(round.state.reveals.get(good.hash)?.status).toBe("counted");
  });

  it("is made once the audit block is confirmed, not when it is only seen (R20)", () => {
    const round = Round.followed();
    round.announce();
    for (const keeper of round.others) round.commit(keeper);
    round.close(P + 4);
    const opened = (): number => round.machine.effects.filter(({ kind }) => kind === "open").length;
    round.walkTo(P + 4 + confirmations - 1);
    expect(opened()).toBe(0);
    round.walkTo(P + 4 + confirmations);
    expect(opened()).toBe(1);
  });

  it("is paid for one opened receipt at least, and for the median at most, whatever the audit draws (R28)", () => {
    const needed = Array.from({ length: 200 }, (_, n) => openingsNeeded(hashAt(n), 4));
    expect(new Set(needed)).toEqual(new Set([1, 2, 3, 4]));
    expect(openingsNeeded(hashAt(1), 0)).toBe(0);
  });

  it("opens a receipt as often as its leaf was drawn (R28)", () => {
    const round = audited();
    const reveal = round.reveal(round.others[0] as number);
    const draws = round.state.closes[0]?.audit?.draws ?? [];
    const different = new Set(draws.map(({ provider, slot }) => `${provider}/${slot}`));
    expect(different.size).toBeLessThan(16);
    expect(round.state.reveals.get(reveal.hash)?.opened).toBe(16);
  });
});

describe("a bundle (R22)", () => {
  it("of fewer than a quorum decides nothing", () => {
    const round = audited();
    for (const keeper of round.others) round.reveal(keeper);
    round.bundle(round.others.slice(0, 2));
    expect(round.details("bad-bundle")).toEqual(["expected ≥ 3 ascending reveals, actual 2"]);
    expect(round.state.bundle).toBeUndefined();
  });

  it("that lacks a reveal is judged when all that was in time has been heard, and then refused (R19)", () => {
    const round = audited();
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

  it("of a quorum needs f+1 values that agree, f being that of the committee", () => {
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
    expect(round.state.evaluation?.disputed).toEqual(round.turn.scope.map(({ index }) => index));
  });

  it("that lacks a reveal which this keeper never passed on decides (R19)", () => {
    const round = audited();
    const [left, ...rest] = round.others as [number, ...number[]];
    for (const keeper of rest) round.reveal(keeper);
    const surplus = round.reveal(left, 0, "surplus");
    expect(round.state.reveals.get(surplus.hash)?.status).toBe("counted");
    round.bundle([round.turn.me, ...rest].sort((a, b) => a - b));
    round.walkTo(P + 4 + confirmations + delivery);
    expect(round.details("keeper-left-out")).toEqual([]);
    expect(round.state.evaluation?.disputed).toBeDefined();
  });

  it("that lacks a reveal which came too late decides", () => {
    const round = audited();
    const [left, ...rest] = round.others as [number, ...number[]];
    for (const keeper of rest) round.reveal(keeper);
    round.bundle([round.turn.me, ...rest].sort((a, b) => a - b));
    round.walkTo(P + 4 + confirmations + delivery);
    round.reveal(left);
    expect(round.details("keeper-left-out")).toEqual([]);
    expect(round.state.evaluation?.disputed).toBeDefined();
  });
});

describe("an exchange (R24)", () => {
  /** All values of the bundle differ for the providers of the scope, each with so many slots. */
  function disputed(slots: readonly number[]): Round {
    const round = audited();
    for (const keeper of round.others) round.reveal(keeper);
    round.bundle([0, 1, 2, 3]);
    const recordScope = slots.map((count, provider) => ({ provider, fromSlot: 0, toSlot: count }));
    const evaluation = { decisions: new Map(), disputed: slots.map((_, i) => i), payees: 0n };
    round.machine.state.turn = { ...round.turn, recordScope };
    round.state.evaluation = evaluation;
    return round;
  }

  it("pins a quorum of the bundle's keepers or none", () => {
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

  it("takes the smallest disputes first, so that a large one delays no other", () => {
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

describe("a certificate (R25)", () => {
  const settlement = { ts: 10, te, committee: 1, leader: 0, failed: 0n, payees: 15n, items: [] };

  it("is none without a quorum of good signatures", () => {
    const { machine, turn } = Round.followed();
    const aggregated = (signers: readonly number[]): void =>
      void machine.step({
        kind: "aggregated",
        ts: 10,
        turn: 1,
        digest: hashAt(1),
        signature: hashAt(2),
        signers,
        culprits: [],
      });
    aggregated([0, 1]);
    expect(turn.certificate).toBeUndefined();
    aggregated([0, 1, 3]);
    expect(turn.certificate?.signers).toBe(0b1011n);
  });

  it("is sent by the k-th after the leader in the order of the turns, k−1 blocks after others may", () => {
    const places = new Set<number>();
    const behindByIndex = new Set<number>();
    for (let seed = 1; seed <= 20; seed++) {
      const round = new Round(seed);
      const { turn, machine } = round;
      const place = turn.order.indexOf(turn.me);
      if (place === 0) continue;
      places.add(place);
      behindByIndex.add(((turn.me - turn.leader + 4) % 4) - place);
      turn.settlement = settlement;
      turn.certificate = { digest: hashAt(1), signers: 7n, signature: hashAt(2) };
      let asked: number | undefined;
      while (asked === undefined && round.head < te + 29) {
        const effects = machine.jump(round.head + 1, round.head + 1);
        if (effects.some(({ kind }) => kind === "ask-fee")) asked = round.head;
      }
      expect(asked).toBe(te + 20 + place - 1);
    }
    // Every place was tried, and some where the order of the committee is another.
    expect(places).toEqual(new Set([1, 2, 3]));
    expect(behindByIndex.size).toBeGreaterThan(1);
  });
});
