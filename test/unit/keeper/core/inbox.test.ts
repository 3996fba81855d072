/** D4, D6: which messages reach a stage, which wait, and which are dropped. */
import { describe, expect, it } from "vitest";
import { hashAt } from "../../../support/machine.ts";
import { confirmations, messageOf, Round, te, scopeName } from "../../../support/round.ts";
import type { RoundKey } from "../../../../protocol/messages.ts";
import { roundKeyOf } from "../../../../keeper/core/turn.ts";

function commitOf(keeper: number, round: RoundKey, n = 1): ReturnType<typeof messageOf> {
  return messageOf(keeper, { kind: "commit", round, commitment: hashAt(n) });
}

function waiting(round: Round): number {
  return [...round.machine.state.early.values()].flat().length;
}

describe("a message of a round that this keeper does not know yet", () => {
  it("waits, and reaches its stage with the announcement", () => {
    const round = Round.followed();
    const [keeper] = round.others.filter((other) => other !== round.turn.leader) as [number];
    const lines = round.machine.trace(() => round.hear(commitOf(keeper, roundKeyOf(round.turn))));
    expect(lines).toEqual([`commit of keeper ${keeper}`]);
    expect(waiting(round)).toBe(1);
    round.announce();
    expect(waiting(round)).toBe(0);
    expect(round.state.commits.get(keeper)?.message.body.commitment).toBe(hashAt(1));
  });

  it("waits once, however often it arrives", () => {
    const round = Round.followed();
    const message = commitOf(0, roundKeyOf(round.turn));
    for (let i = 0; i < 5; i++) round.hear(message);
    expect(waiting(round)).toBe(1);
  });

  it("of a later turn waits until this keeper enters that turn", () => {
    const round = Round.followed();
    const { turn } = round;
    const next = { ...roundKeyOf(turn), turn: 2, te: te + 30, leader: turn.order[1] as number };
    const sender = next.leader;
    round.hear(messageOf(sender, { kind: "announce", round: next, head: te + 31, ...scopeName }));
    expect(waiting(round)).toBe(1);
    round.walkTo(te + 30 + confirmations);
    expect(round.turn.turn).toBe(2);
    expect(round.turn.round?.announce.keeper).toBe(sender);
  });

  it("takes no room of other keepers: each sender has 32 places, and the oldest message is dropped", () => {
    const round = Round.followed();
    const key = roundKeyOf(round.turn);
    for (let n = 0; n < 40; n++) round.hear(commitOf(0, key, n));
    round.hear(commitOf(1, key));
    expect(round.machine.state.early.get(0)).toHaveLength(32);
    expect(round.machine.state.early.get(1)).toHaveLength(1);
    expect(round.details("early-overflow")).toEqual(Array(8).fill("keeper 0"));
    const oldest = round.machine.state.early.get(0)?.[0]?.message.body;
    expect(oldest).toMatchObject({ commitment: hashAt(8) });
  });
});

describe("a message that belongs to no later stage", () => {
  it.each([
    ["of a past interval", { ts: 5 }, "message-stale"],
    ["of a past turn", { turn: 0 }, "message-stale"],
    ["with another te", { te: te + 5 }, "wrong-round"],
    ["with another committee version", { version: 2 }, "wrong-round"],
  ] as const)("%s is dropped with its reason", (_name, changes, code) => {
    const round = Round.followed();
    round.announce();
    const message = commitOf(0, { ...roundKeyOf(round.turn), ...changes });
    expect(round.machine.trace(() => round.hear(message))).toEqual([
      "commit of keeper 0",
      `  → reason ${code}: commit of keeper 0`,
    ]);
    expect(waiting(round)).toBe(0);
  });

  it("of the same turn and leader in another version is dropped, also if its envelope names that version", () => {
    const round = Round.followed();
    round.announce();
    const message = commitOf(0, { ...roundKeyOf(round.turn), version: 2 });
    round.hear({ ...message, version: 2 });
    expect(round.details("wrong-round")).toEqual(["commit of keeper 0"]);
    expect(round.state.commits.has(0)).toBe(false);
  });
});
