/** R25: aggregation, and which keeper submits when. */
import { describe, expect, it } from "vitest";
import { bitmap } from "../../../../../protocol/bitmap.ts";
import { zeroHash } from "../../../../../protocol/hash.ts";
import type { Hex } from "../../../../../protocol/hash.ts";
import { groupAddress, hashAt } from "../../../../support/machine.ts";
import { messageOf, Round, te } from "../../../../support/round.ts";

function partial(round: Round, keeper: number, digest: Hex): void {
  const { round: key } = round.state.announce.body;
  round.hear(messageOf(keeper, { kind: "partial", round: key, digest, signature: hashAt(keeper) }));
}

/** The leader of a decided round with a certificate. */
function certified(): Round {
  const round = Round.signing(true);
  round.decide();
  round.turn.certificate = { digest: hashAt(1), signers: 7n, signature: hashAt(2) };
  round.walkTo(round.head + 1);
  return round;
}

/** Of the transaction that certifies. */
const name = { transaction: "certify", ts: 10, turn: 1, first: 0 } as const;

/** Answers the open question for the fee. */
function pay(round: Round, amount = 0n): void {
  if (round.turn.submission.fee?.at !== undefined) return;
  round.machine.step({ kind: "fee", ...name, amount });
}

describe("a certificate", () => {
  const certificate = {
    ts: 10,
    te,
    version: 1,
    leader: 0,
    failed: 0n,
    payees: 15n,
    count: 0,
    groups: zeroHash,
  };

  it("needs a quorum of valid signatures", () => {
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

  it("is submitted by the k-th keeper after the leader in turn order, k−1 blocks after others may", () => {
    const places = new Set<number>();
    const behindByIndex = new Set<number>();
    for (let seed = 1; seed <= 20; seed++) {
      const round = new Round({ seed });
      const { turn, machine } = round;
      const place = turn.order.indexOf(turn.me);
      if (place === 0) continue;
      places.add(place);
      behindByIndex.add(((turn.me - turn.leader + 4) % 4) - place);
      turn.signed = { certificate, groups: [] };
      turn.certificate = { digest: hashAt(1), signers: 7n, signature: hashAt(2) };
      let asked: number | undefined;
      while (asked === undefined && round.head < te + 29) {
        const effects = machine.jump(round.head + 1, round.head + 1);
        if (effects.some(({ kind }) => kind === "ask-fee")) asked = round.head;
      }
      expect(asked).toBe(te + 20 + place - 1);
    }
    // Every place occurs, and some seeds give a turn order that differs from the committee order.
    expect(places).toEqual(new Set([1, 2, 3]));
    expect(behindByIndex.size).toBeGreaterThan(1);
  });

  it("is made by the leader one block after a quorum of signatures, and submitted for its fee", () => {
    const round = Round.signing(true);
    round.decide();
    const digest = round.machine.state.notes.get("10/1") ?? "0x";
    const lines = round.machine.trace(() => {
      for (const keeper of [round.turn.me, ...round.others.slice(0, 2)]) partial(round, keeper, digest);
      round.walkTo(round.head + 1);
      const signers = [round.turn.me, ...round.others.slice(0, 2)].sort((a, b) => a - b);
      round.machine.step({
        kind: "aggregated",
        ts: 10,
        turn: 1,
        digest,
        signature: hashAt(2),
        signers,
        culprits: [],
      });
      round.machine.step({ kind: "fee", ...name, amount: 0n });
    });
    expect(lines).toEqual([
      "partial of keeper 2",
      "partial of keeper 0",
      "partial of keeper 1",
      `block ${round.head}`,
      "  → aggregate signatures of 0,1,2",
      "aggregated signatures of 0,1,2",
      "  → ask-fee",
      "fee 0",
      "  → certify groups 0 to 0, signers 111",
    ]);
  });

  it("leaves out a signature that does not verify, and aggregates again", () => {
    const round = Round.signing(true);
    round.decide();
    const digest = round.machine.state.notes.get("10/1") ?? "0x";
    for (const keeper of [0, 1, 2, 3]) partial(round, keeper, digest);
    const culprits = [{ keeper: 3, signature: hashAt(3) }];
    const result = { kind: "aggregated", ts: 10, turn: 1, digest, signature: undefined, culprits } as const;
    const lines = round.machine.trace(() => {
      round.machine.step({ ...result, signers: [] });
      round.walkTo(round.head + 1);
    });
    expect(lines[0]).toBe("aggregated signatures of ");
    expect(lines[1]).toBe("  → reason bad-partial: keeper 3");
    expect(lines.at(-1)).toBe("  → aggregate signatures of 0,1,2");
  });

  it("is submitted again at the next head after a failure, and after a reorg removed its block", () => {
    const round = certified();
    const submits = (): number => round.machine.effects.filter(({ kind }) => kind === "submit").length;
    pay(round);
    expect(submits()).toBe(1);
    round.machine.step({ kind: "submission", ...name, block: undefined });
    pay(round);
    expect(submits()).toBe(1);
    round.walkTo(round.head + 1);
    pay(round);
    expect(submits()).toBe(2);
    round.machine.step({ kind: "submission", ...name, block: round.head });
    round.walkTo(round.head + 2);
    pay(round);
    expect(submits()).toBe(2);
    round.walkTo(round.head + 1);
    pay(round);
    expect(submits()).toBe(3);
  });

  it("waits while the fee is above the leader's share, and reports it once", () => {
    const round = certified();
    for (let i = 0; i < 3; i++) {
      pay(round, 2n ** 200n);
      round.walkTo(round.head + 1);
    }
    expect(round.machine.effects.some(({ kind }) => kind === "submit")).toBe(false);
    expect(round.details("fee-high")).toHaveLength(1);
  });

  it("is not submitted in the last block of the window", () => {
    const round = certified();
    const asked = (): number => round.machine.effects.filter(({ kind }) => kind === "ask-fee").length;
    for (const head of [te + 27, te + 28]) {
      round.walkTo(head);
      pay(round, 2n ** 200n);
    }
    expect(asked()).toBe(2);
    round.walkTo(te + 29);
    expect(asked()).toBe(2);
  });

  it("is worth the leader's share to a keeper in its place, of which n − |failed| get one, and nothing to a failed keeper (R25, R30)", () => {
    const sentFor = (isFailed: boolean, amount: bigint): boolean => {
      const rounds = Array.from({ length: 12 }, (_, i) => new Round({ seed: i + 1, firstHead: te + 31 }));
      const round = rounds.find(
        ({ turn: { leader, failed, me } }) => leader !== me && failed.includes(me) === isFailed,
      ) as Round;
      const { machine, turn } = round;
      const { leader } = turn;
      // 90 blocks of 1,600 bytes at a unit a byte·block, of which the keepers get a tenth.
      const groups = [{ number: 1, group: groupAddress, items: [{ provider: 0, spaceTime: 144_000n }] }];
      const failed = bitmap(turn.failed);
      turn.signed = { certificate: { ...certificate, te: te + 30, leader, failed, count: 1 }, groups };
      turn.certificate = { digest: hashAt(1), signers: 7n, signature: hashAt(2) };
      round.walkTo(te + 30 + 24);
      machine.step({ kind: "fee", ...name, turn: 2, amount });
      return machine.effects.some(({ kind }) => kind === "submit");
    };
    expect(sentFor(false, 4_800n)).toBe(true);
    expect(sentFor(false, 4_801n)).toBe(false);
    expect(sentFor(true, 0n)).toBe(true);
    expect(sentFor(true, 1n)).toBe(false);
  });
});

describe("two signatures of one keeper for different digests", () => {
  it("are evidence", () => {
    const round = Round.signing(false);
    round.announce();
    const [keeper] = round.others as [number];
    partial(round, keeper, hashAt(1));
    expect(round.machine.trace(() => partial(round, keeper, hashAt(2)))).toEqual([
      `partial of keeper ${keeper}`,
      `  → store evidence: two partial messages of keeper ${keeper}`,
      `  → reason equivocation: signature of keeper ${keeper}`,
    ]);
  });
});
