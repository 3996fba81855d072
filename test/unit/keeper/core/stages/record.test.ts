/** R13: which record a challenge leaves. Blocks decide whether an answer is late; the clock only ends a call. */
import { describe, expect, it } from "vitest";
import type { Answer } from "../../../../../keeper/core/events.ts";
import type { Hex } from "../../../../../protocol/hash.ts";
import { operatorOf } from "../../../../../sim/signatures/cheap-signatures.ts";
import { committeeAt, groupOf, hashAt, Machine, providerEntry } from "../../../../support/machine.ts";

const none = new Uint8Array();
const proven: Answer = { kind: "proven", bytes: 1_600n, receiptHash: hashAt(1), receipt: none, proof: none };
/** Names of a provider of group 1 in events. */
const of = (provider: number) => ({ operator: operatorOf(2000 + provider), name: { group: 1, provider } });
const cut: Answer = { kind: "failed", reason: "late" };

/** Provider 0 was challenged in slot 0 and has not answered; provider 1 has. `last`: last head at which an answer counts. */
function asked(): { machine: Machine; last: number } {
  const machine = new Machine();
  machine.step({ kind: "committee", snapshot: committeeAt(10) });
  for (let head = 10; head < 15; head++) {
    machine.walk(head, head, (provider) => (provider === 0 ? "silent" : "proven"));
    const task = machine.state.tasks.get(`${operatorOf(2000)}/0`);
    if (task?.askedAt !== undefined) return { machine, last: task.askedAt + 2 };
  }
  throw new Error("expected a question in the slot");
}

function answer(machine: Machine, what: Answer): unknown {
  machine.step({ kind: "answer", ...of(0), slot: 0, blockHash: hashAt(10), answer: what });
  return machine.state.records.get("1/0")?.get(0)?.outcome;
}

describe("a call that the clock ended", () => {
  it("leaves no record while blocks are left, and a later answer in time counts", () => {
    const { machine, last } = asked();
    expect(answer(machine, cut)).toBeUndefined();
    machine.jump(machine.state.head + 1, last);
    expect(answer(machine, cut)).toBeUndefined();
    expect(answer(machine, proven)).toMatchObject({ kind: "proven", bytes: 1_600n });
  });

  it("leaves a late record when no block is left, like every later answer", () => {
    for (const what of [cut, proven]) {
      const { machine, last } = asked();
      machine.jump(machine.state.head + 1, last + 1);
      expect(answer(machine, what)).toEqual({ kind: "failed", reason: "late" });
    }
  });

  it("leaves a late record at the end of the slot if no answer follows", () => {
    const { machine } = asked();
    answer(machine, cut);
    machine.jump(machine.state.head + 1, 15);
    expect(machine.state.records.get("1/0")?.get(0)?.outcome).toEqual({ kind: "failed", reason: "late" });
  });
});

describe("a record", () => {
  function started(): Machine {
    const machine = new Machine();
    machine.step({ kind: "committee", snapshot: committeeAt(10) });
    return machine;
  }

  const outcomes = (machine: Machine, slot: number): unknown[] =>
    [0, 1].map((provider) => machine.state.records.get(`1/${provider}`)?.get(slot)?.outcome);

  it("of a failed challenge is stored and booked before its reason is reported", () => {
    const { machine } = asked();
    const refused: Answer = { kind: "failed", reason: "refused" };
    expect(machine.trace(() => answer(machine, refused))).toEqual([
      "answer of group 1, provider 0 for slot 0: failed",
      "  → persist record of group 1, provider 0, slot 0: failed",
      "  → book record of group 1, provider 0, slot 0",
      "  → reason challenge-refused: group 1, provider 0, slot 0",
    ]);
  });

  it("is final: a second answer for the slot is ignored", () => {
    const { machine } = asked();
    answer(machine, { kind: "failed", reason: "bad-proof" });
    expect(answer(machine, proven)).toEqual({ kind: "failed", reason: "bad-proof" });
    expect(machine.details("answer-unexpected")).toEqual(["group 1, provider 0, slot 0"]);
  });

  it("of a slot ignores an answer for a block that a reorg removed", () => {
    const machine = started();
    const asked = (): number => machine.effects.filter(({ kind }) => kind === "challenge").length;
    let head = 9;
    while (asked() === 0) machine.walk(++head, head, () => "silent");
    for (const effect of machine.jump(10, head, 1)) {
      if (effect.kind === "make-seed") machine.step({ ...effect, kind: "seed", seed: new Uint8Array(48) });
    }
    const task = machine.state.tasks.get(`${operatorOf(2000)}/0`);
    expect(task?.blockHash).toBe(hashAt(10, 1));
    expect(task?.askedAt).toBeDefined();
    const answered = (blockHash: Hex): void =>
      void machine.step({
        kind: "answer",
        ...of(0),
        slot: 0,
        blockHash,
        answer: {
          kind: "proven",
          bytes: 1_600n,
          receiptHash: hashAt(5),
          receipt: new Uint8Array(),
          proof: new Uint8Array(),
        },
      });
    answered(hashAt(10));
    expect(machine.details("answer-unexpected")).toEqual(["group 1, provider 0, slot 0"]);
    expect(outcomes(machine, 0)[0]).toBeUndefined();
    answered(hashAt(10, 1));
    expect(machine.state.records.get("1/0")?.get(0)?.blockHash).toBe(hashAt(10, 1));
  });

  it.each(["unreachable", "silent"] as const)(
    "is not made for a provider that is %s if this keeper reaches nobody",
    (how) => {
      const machine = started();
      machine.walk(10, 20, () => how);
      expect(machine.details("challenge-cut-off")).toContain("group 1, provider 0, slot 0");
      expect(outcomes(machine, 0)).toEqual([undefined, undefined]);
    },
  );

  it("is not made if only the same provider answered, in another group", () => {
    const machine = new Machine();
    const same = { ...providerEntry(1), operator: operatorOf(2000) };
    const groups = [groupOf(1, [providerEntry(0)]), groupOf(2, [same])];
    machine.step({ kind: "committee", snapshot: committeeAt(10, { groups }) });
    machine.walk(10, 15, (provider) => (provider === 0 ? "proven" : "silent"));
    expect(machine.state.records.get("1/0")?.get(0)?.outcome.kind).toBe("proven");
    expect(machine.state.records.get("2/1")?.get(0)).toBeUndefined();
    expect(machine.details("challenge-cut-off")).toEqual(["group 2, provider 1, slot 0"]);
  });

  it("is not made if the only other outcome of the slot is unreachable, too, from before a restart", () => {
    const machine = new Machine();
    const outcome = { kind: "failed", reason: "unreachable" } as const;
    const records = [{ group: 1, provider: 1, slot: 0, blockHash: hashAt(10), outcome }];
    machine.step({
      kind: "restored",
      head: 12,
      records,
      notes: [],
      own: [],
      salts: [],
      before: [],
      certificates: [],
      consents: [],
    });
    machine.step({ kind: "committee", snapshot: committeeAt(10) });
    machine.walk(10, 20, () => "unreachable");
    expect(outcomes(machine, 0)).toEqual([undefined, outcome]);
  });

  it.each([
    ["unreachable", "unreachable"],
    ["silent", "late"],
  ] as const)(
    "for a provider that is %s is failed with reason %s if another provider answered",
    (how, reason) => {
      const machine = started();
      machine.walk(10, 20, (provider) => (provider === 0 ? how : "proven"));
      expect(outcomes(machine, 0)).toMatchObject([{ kind: "failed", reason }, { kind: "proven" }]);
      expect(machine.codes()).not.toContain("challenge-cut-off");
    },
  );

  it.each([
    ["unreachable", "unreachable"],
    ["silent", "late"],
  ] as const)(
    "for a provider that is %s is failed with reason %s if q−1 keepers are connected",
    (how, reason) => {
      const machine = started();
      machine.step({ kind: "peers", operators: [operatorOf(0), operatorOf(1)] });
      machine.walk(10, 20, () => how);
      expect(outcomes(machine, 0)).toMatchObject([
        { kind: "failed", reason },
        { kind: "failed", reason },
      ]);
    },
  );
});
