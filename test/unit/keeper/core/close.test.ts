/** R17, R19: when a keeper takes part in a round, and which closed set it reveals for. */
import { describe, expect, it } from "vitest";
import type { Hex } from "../../../../protocol/hash.ts";
import type { Body, CommitEntry, MessageOf } from "../../../../protocol/messages.ts";
import { roundKeyOf } from "../../../../keeper/core/turn.ts";
import type { TurnState } from "../../../../keeper/core/state.ts";
import { defaultParams } from "../../../../sim/cluster.ts";
import { groupAt, hashAt, Machine } from "../../../support/machine.ts";

const { interval, turn: turnBlocks, confirmations } = defaultParams;
const te = 10 + interval;
const me = 2;
const a = Math.floor(turnBlocks / 12);
const sixth = Math.ceil(turnBlocks / 6);

/** A keeper that follows another leader in the first turn, at head `head`. */
function following(head: number): Machine {
  const ts = [10, 70, 130, 190, 250].find((at) => leaderAt(at) !== me) ?? 10;
  const machine = new Machine();
  machine.step({ kind: "group", snapshot: groupAt(ts) });
  machine.jump(ts + 1, ts + 1);
  machine.jump(ts + 2, ts - 10 + head);
  machine.vouch();
  return machine;
}

function leaderAt(ts: number): number | undefined {
  const machine = new Machine();
  machine.step({ kind: "group", snapshot: groupAt(ts) });
  machine.jump(ts + interval + 2, ts + interval + 2);
  return machine.state.turn?.leader;
}

/** Block `n` of a world whose first interval begins at block 10. */
function at(machine: Machine, n: number): number {
  return (machine.state.group?.ts ?? 10) - 10 + n;
}

let serial = 0;

function say(machine: Machine, keeper: number, body: Body): void {
  const message = { keeper, committee: 1, body, hash: hashAt(++serial), signature: "0x" as Hex };
  machine.step({ kind: "message", message: { ...message, bytes: new Uint8Array() }, way: "gossip" });
}

function announce(machine: Machine, head: number): void {
  const { turn } = machine.state;
  const { ts } = machine.state.group ?? { ts: 10 };
  const round =
    turn === undefined
      ? { ts, te: at(machine, te), turn: 1, leader: leaderAt(ts) as number, committee: 1 }
      : roundKeyOf(turn);
  say(machine, round.leader, { kind: "announce", round, head: at(machine, head), providers: [0, 1] });
}

/** What the keeper broadcast of one kind; its own messages come back to it. */
function broadcasts<K extends Body["kind"]>(machine: Machine, kind: K): Extract<Body, { kind: K }>[] {
  return machine.effects.flatMap((effect) =>
    effect.kind === "broadcast" && effect.body.kind === kind
      ? [effect.body as Extract<Body, { kind: K }>]
      : [],
  );
}

/** In the round announced at the first head that may, with the commits of all, its own among them. */
function committed(head: number): { machine: Machine; entries: CommitEntry[] } {
  const machine = following(te + confirmations);
  announce(machine, te + confirmations);
  const [own] = broadcasts(machine, "commit");
  if (own === undefined) throw new Error("expected a commit");
  say(machine, me, own);
  const entries = [0, 1, 2, 3].map((keeper): CommitEntry => {
    const commitment = keeper === me ? own.commitment : hashAt(900 + keeper);
    if (keeper !== me) say(machine, keeper, { ...own, commitment });
    return { keeper, commitment, signature: "0x" };
  });
  if (head > te + confirmations) machine.jump(at(machine, te + confirmations + 1), at(machine, head));
  return { machine, entries };
}

function close(machine: Machine, commits: readonly CommitEntry[], auditBlock: number): void {
  const turn = machine.state.turn as TurnState;
  const body: MessageOf<"close">["body"] = {
    kind: "close",
    round: roundKeyOf(turn),
    commits,
    auditBlock: at(machine, auditBlock),
  };
  say(machine, turn.leader, body);
}

function accepts(machine: Machine): boolean {
  return machine.state.turn?.round?.accepted !== undefined;
}

describe("a keeper that hears an announcement (R17)", () => {
  const P = te + confirmations + 3;

  it.each([
    ["two blocks before its head, and then waits", P - 2, 0],
    ["one block before its head", P - 1, 1],
    ["at its last head", P + a, 1],
    ["a block too late", P + a + 1, 0],
  ])("%s", (_name, head, commits) => {
    const machine = following(head);
    announce(machine, P);
    expect(broadcasts(machine, "commit")).toHaveLength(commits);
    if (head !== P - 2) return;
    machine.jump(at(machine, P - 1), at(machine, P - 1));
    expect(broadcasts(machine, "commit")).toHaveLength(1);
  });

  it("a block before its own view reaches te commits with the next block", () => {
    const machine = following(te + confirmations - 1);
    announce(machine, te + confirmations);
    expect(broadcasts(machine, "commit")).toHaveLength(0);
    machine.jump(at(machine, te + confirmations), at(machine, te + confirmations));
    expect(broadcasts(machine, "commit")).toHaveLength(1);
  });

  it("of a head before the turn refuses it", () => {
    const machine = following(te + confirmations);
    announce(machine, te + confirmations - 1);
    expect(machine.codes()).toContain("bad-announce-head");
    expect(broadcasts(machine, "commit")).toHaveLength(0);
  });
});

describe("a keeper that hears a closed set (R19)", () => {
  const head = te + confirmations + 2;

  it("accepts it as long as its head is below the audit block", () => {
    const { machine, entries } = committed(head);
    close(machine, entries, head + 1);
    expect(accepts(machine)).toBe(true);
  });

  it("refuses it at the audit block itself, for it may know the audit", () => {
    const { machine, entries } = committed(head);
    close(machine, entries, head);
    expect(accepts(machine)).toBe(false);
    expect(machine.codes()).toContain("close-too-late");
  });

  it("refuses it if it ever saw the audit block, though its endpoint shows an older head now", () => {
    const { machine, entries } = committed(head + 4);
    machine.jump(at(machine, head), at(machine, head));
    close(machine, entries, head + 2);
    expect(accepts(machine)).toBe(false);
  });

  it("refuses one that lists another commitment in its own name", () => {
    const { machine, entries } = committed(head);
    const changed = entries.map((entry) =>
      entry.keeper === me ? { ...entry, commitment: hashAt(7) } : entry,
    );
    close(machine, changed, head + 3);
    expect(accepts(machine)).toBe(false);
    expect(machine.codes()).toContain("bad-closed-set");
  });

  it("refuses one that is not full if its audit block is too early or too late, and takes the bounds", () => {
    const earliest = te + confirmations + sixth + 3;
    const latest = te + Math.ceil((2 * turnBlocks) / 3) - confirmations - 4;
    for (const [auditBlock, fits] of [
      [earliest - 1, false],
      [earliest, true],
      [latest, true],
      [latest + 1, false],
    ] as const) {
      const { machine, entries } = committed(head);
      close(
        machine,
        entries.filter(({ keeper }) => keeper !== 0),
        auditBlock,
      );
      expect(accepts(machine), `audit block ${auditBlock}`).toBe(fits);
    }
  });

  it("signs nothing new after a second one", () => {
    const { machine, entries } = committed(head);
    close(machine, entries, head + 3);
    close(machine, entries, head + 4);
    expect(machine.state.turn?.contradicted).toBe(true);
    expect(machine.effects.some(({ kind }) => kind === "evidence")).toBe(true);
  });
});
