/** R21: which reveals count, and when a keeper reveals. */
import { describe, expect, it } from "vitest";
import { leafKeyText } from "../../../../../protocol/records.ts";
import { confirmations, Round, te } from "../../../../support/round.ts";

const P = te + confirmations;

describe("a reveal", () => {
  it("counts only with the full proof of the first drawn proven leaf", () => {
    const round = Round.audited();
    const [one, another] = round.others as [number, number];
    const good = round.reveal(one);
    expect(round.state.reveals.get(good.hash)?.status).toBe("counted");
    const bad = round.reveal(another, 1);
    expect(round.state.reveals.get(bad.hash)?.status).toBe("rejected");
    expect(round.details("reveal-mismatch")).toEqual([
      `keeper ${another}: full proof is not of the first drawn proven leaf`,
    ]);
  });

  it("is replaced after it was rejected, so that a Byzantine keeper cannot fill the memory (L4)", () => {
    const round = Round.audited();
    const [liar] = round.others as [number];
    for (let i = 0; i < 20; i++) round.reveal(liar, 1);
    expect(round.state.reveals.size).toBeLessThanOrEqual(3);
    const good = round.reveal(liar);
    expect(round.state.reveals.get(good.hash)?.status).toBe("counted");
  });

  it("of a keeper that sends several is kept in up to two for each keeper that passes them on, while none counts (R18)", () => {
    const round = Round.audited();
    const [liar] = round.others as [number];
    round.checksEnd = false;
    for (let i = 0; i < 20; i++) round.reveal(liar);
    expect(round.state.reveals.size).toBe(1 + 2 * 4);
    expect(round.details("message-surplus")).toHaveLength(20 - 2 * 4);
  });

  it("whose values travel as pages counts when they are here; its keeper and the leader are asked once a head (R17)", () => {
    const round = Round.audited();
    const { leader } = round.turn;
    const other = round.others.find((keeper) => keeper !== leader) as number;
    round.valuesInPages = true;
    const { hash } = round.reveal(other);
    const asked = (): (readonly number[])[] =>
      round.machine.effects.flatMap((e) => (e.kind === "fetch-values" ? [e.holders] : []));
    expect(asked()).toEqual([[other, leader]]);
    round.machine.step({ kind: "peers", operators: [] });
    expect(asked()).toHaveLength(1);
    round.walkTo(round.head + 1);
    expect(asked()).toHaveLength(2);
    round.machine.step({ kind: "values", round: round.state.id, reveal: hash, values: [1n, 2n] });
    expect(round.state.reveals.get(hash)?.status).toBe("checking");
  });

  it("is made when the audit block is confirmed, not when it is seen (R20)", () => {
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

  it("counts an opened receipt once for every draw of its leaf (R28)", () => {
    const round = Round.audited();
    const reveal = round.reveal(round.others[0] as number);
    const draws = round.state.closes[0]?.audit?.draws ?? [];
    const different = new Set(draws.map(leafKeyText));
    expect(different.size).toBeLessThan(16);
    expect(round.state.reveals.get(reveal.hash)?.opened).toBe(16);
  });

  it("is not tried without the salt of the own commit, as after a restored backup", () => {
    const round = Round.followed();
    round.announce();
    for (const keeper of round.others) round.commit(keeper);
    round.close(P + 4);
    round.machine.state.salts.clear();
    round.walkTo(P + 6 + confirmations);
    expect(round.machine.effects.filter(({ kind }) => kind === "open")).toEqual([]);
    expect(round.machine.codes().filter((code) => code === "salt-lost")).toHaveLength(1);
  });
});
