/** R23, S5: in which turns a keeper signs, and what it signs. */
import { describe, expect, it } from "vitest";
import { maySignNew } from "../../../../../keeper/core/stages/sign.ts";
import type { TurnState } from "../../../../../keeper/core/state.ts";
import { bitmap } from "../../../../../protocol/bitmap.ts";
import { CertificateTree, certificateDigest, domainOf } from "../../../../../protocol/certificate.ts";
import { committeeAt, groupAddress, hashAt, Machine, machineConfig } from "../../../../support/machine.ts";
import { messageOf, Round, te } from "../../../../support/round.ts";

function maySignNow(machine: Machine): boolean {
  const { state } = machine;
  return maySignNew({ state, config: machineConfig, effects: [] }, state.turn as TurnState);
}

/** The digest that follows from a round in which the three others prove 1,600 bytes in every slot. */
function expectedDigest({ turn, machine, others }: Round): `0x${string}` {
  const { chainId, address } = machine.state.committee ?? committeeAt(10);
  const items = [0, 1].map((provider) => ({ provider, spaceTime: 12n * 5n * 1_600n }));
  return certificateDigest(domainOf(chainId, address), {
    ts: 10,
    te,
    version: 1,
    leader: turn.leader,
    failed: 0n,
    payees: bitmap(others), // this keeper has no records, so it opens none (R28)
    count: 1,
    groups: new CertificateTree([{ number: 1, group: groupAddress, items }]).root,
  });
}

describe("the leader", () => {
  it("notes the digest, then proposes and signs it", () => {
    const round = Round.signing(true);
    round.decide();
    const proposed = round.machine.lines.findIndex((line) => line.includes("broadcast proposal"));
    expect(round.machine.lines.slice(proposed - 1, proposed + 2)).toEqual([
      "  → persist note for ts 10, turn 1; certificate for ts 10, turn 1",
      "  → broadcast proposal, pinned providers: none",
      "  → sign-digest",
    ]);
    expect(round.machine.state.notes.get("10/1")).toBe(expectedDigest(round));
  });
});

describe("a follower", () => {
  function decided(): Round {
    const round = Round.signing(false);
    round.decide();
    return round;
  }

  function propose(
    round: Round,
    changes: { readonly digest?: `0x${string}`; readonly bundle?: `0x${string}` } = {},
  ): string[] {
    const body = {
      kind: "proposal",
      round: round.state.announce.body.round,
      bundle: round.state.bundle?.hash ?? "0x",
      digest: expectedDigest(round),
      pinned: [],
      pages: [],
      ...changes,
    } as const;
    return round.machine.trace(() => round.hear(messageOf(round.turn.leader, body)));
  }

  it("notes the digest that it computes itself, then signs it", () => {
    const round = decided();
    expect(propose(round)).toEqual([
      `proposal of keeper ${round.turn.leader}`,
      "  → persist note for ts 10, turn 1; certificate for ts 10, turn 1",
      "  → sign-digest",
    ]);
  });

  it("refuses another digest, and says which one it expected", () => {
    const round = decided();
    expect(propose(round, { digest: hashAt(9) })).toEqual([
      `proposal of keeper ${round.turn.leader}`,
      `  → reason digest-mismatch: expected ${expectedDigest(round)}, actual ${hashAt(9)}`,
    ]);
    expect(round.machine.state.notes.size).toBe(0);
  });

  it("refuses a proposal from another bundle", () => {
    const round = decided();
    propose(round, { bundle: hashAt(9) });
    expect(round.details("digest-mismatch")).toEqual(["bundle or pinned keepers differ"]);
    expect(round.machine.state.notes.size).toBe(0);
  });

  it("signs no second digest of a turn after a restart", () => {
    const round = decided();
    round.machine.state.notes.set("10/1", hashAt(9));
    propose(round);
    expect(round.details("already-signed")).toEqual([
      `noted ${hashAt(9)}, asked for ${expectedDigest(round)}`,
    ]);
    expect(round.machine.effects.some(({ kind }) => kind === "sign-digest")).toBe(false);
    expect(round.machine.state.notes.get("10/1")).toBe(hashAt(9));
  });

  it("signs the noted digest again after a restart, without a second note", () => {
    const round = decided();
    round.machine.state.notes.set("10/1", expectedDigest(round));
    expect(propose(round)).toEqual([`proposal of keeper ${round.turn.leader}`, "  → sign-digest"]);
  });

  it("signs nothing after two different closed sets of the leader (R19)", () => {
    const round = decided();
    round.close(te + 12);
    expect(round.turn.contradicted).toBe(true);
    expect(propose(round)).toEqual([
      `proposal of keeper ${round.turn.leader}`,
      `  → reason leader-contradicts-itself: ts 10, turn 1, leader ${round.turn.leader}`,
    ]);
  });
});

/** Started at block 11, and no longer listening for a second instance. */
function listened(): Machine {
  const machine = new Machine();
  machine.step({ kind: "committee", snapshot: committeeAt(10) });
  machine.jump(11, 11);
  machine.jump(12, 40);
  machine.vouch();
  return machine;
}

describe("a keeper after a reorg that restores an interval (S5)", () => {
  it("signs in the interval before, whose notes are kept", () => {
    const machine = listened();
    machine.jump(41, 75);
    expect(maySignNow(machine)).toBe(true);
    machine.step({ kind: "committee", snapshot: committeeAt(70) });
    machine.jump(76, 76);
    machine.step({ kind: "committee", snapshot: committeeAt(10) });
    machine.jump(75, 76, 1);
    expect(machine.state.turn?.ts).toBe(10);
    expect(maySignNow(machine)).toBe(true);
  });

  it("signs nothing new two intervals back, where notes are pruned, and reports it once a turn", () => {
    const machine = listened();
    machine.jump(41, 75);
    machine.step({ kind: "committee", snapshot: committeeAt(70) });
    machine.jump(76, 135);
    machine.step({ kind: "committee", snapshot: committeeAt(130) });
    machine.jump(136, 136);
    machine.step({ kind: "committee", snapshot: committeeAt(10) });
    const said = machine.effects.length;
    machine.jump(74, 75, 1);
    machine.jump(76, 76, 1);
    expect(machine.state.turn?.ts).toBe(10);
    expect(maySignNow(machine)).toBe(false);
    // This keeper leads the turn.
    expect(machine.state.turn?.leader).toBe(machine.state.turn?.me);
    expect(machine.details("barred-after-reorg")).toHaveLength(1);
    const announced = machine.effects
      .slice(said)
      .some((e) => e.kind === "broadcast" && e.body.kind === "announce");
    expect(announced).toBe(false);
    machine.jump(77, 195, 1);
    machine.step({ kind: "committee", snapshot: committeeAt(130) });
    machine.jump(196, 196, 1);
    expect(maySignNow(machine)).toBe(true);
  });
});

/** Started with a store that has seen head `stored`, on an endpoint that shows `head`. */
function started(stored: number, head: number): Machine {
  const machine = new Machine();
  const nothing = { records: [], notes: [], own: [], salts: [], before: [], certificates: [], consents: [] };
  machine.step({ kind: "restored", head: stored, ...nothing });
  machine.step({ kind: "committee", snapshot: committeeAt(10) });
  machine.jump(10, head);
  return machine;
}

/** Whether the keeper may sign in the turn of [10, 70), which begins at head 71. */
function maySign(machine: Machine): boolean {
  const { state } = machine;
  machine.jump(state.head + 1, 79);
  machine.vouch();
  machine.jump(80, 80);
  return maySignNew({ state, config: machineConfig, effects: [] }, state.turn as TurnState);
}

describe("a keeper that starts on an endpoint behind its store (R23)", () => {
  it("signs nothing new in a turn that it had seen before", () => {
    const machine = started(75, 50);
    expect(maySign(machine)).toBe(false);
    expect(machine.details("barred-after-start")).toEqual(["te 70, head at start 75"]);
  });

  it("signs in a turn that it had not seen before", () => {
    expect(maySign(started(50, 50))).toBe(true);
    expect(maySign(started(68, 50))).toBe(true);
  });

  it("signs nothing new if its view may have reached te before the start", () => {
    // One confirmation: the first of these whose te of 70 is not beyond the head at the start and the confirmations.
    expect(maySign(started(69, 50))).toBe(false);
    expect(maySign(started(50, 69))).toBe(false);
  });

  it("does not take its own hello of before the start for a second instance (D9)", () => {
    const machine = started(75, 50);
    const own = machine.state.committee?.version.members.findIndex(
      ({ operator }) => operator === machineConfig.me,
    );
    const hello = { kind: "hello", instance: `0x${"bb".repeat(16)}`, head: 75, speaks: 3 } as const;
    const rest = { hash: hello.instance, signature: "0x", bytes: new Uint8Array() } as const;
    machine.step({
      kind: "message",
      message: { keeper: own ?? -1, version: 1, body: hello, ...rest },
      way: "gossip",
    });
    expect(machine.codes()).not.toContain("second-instance");
    const later = { ...hello, head: 76 };
    machine.step({
      kind: "message",
      message: { keeper: own ?? -1, version: 1, body: later, ...rest },
      way: "gossip",
    });
    expect(machine.codes()).toContain("second-instance");
  });
});
