import { describe, expect, it } from "vitest";
import type { Hex } from "../../../../protocol/hash.ts";
import { operatorOf } from "../../../../sim/signatures/cheap-signatures.ts";
import { groupAt, hashAt, Machine } from "../../../support/machine.ts";

const proven = (): "proven" => "proven";

function started(): Machine {
  const machine = new Machine();
  machine.step({ kind: "group", snapshot: groupAt(10) });
  return machine;
}

const outcomes = (machine: Machine, slot: number): unknown[] =>
  [0, 1].map((provider) => machine.state.records.get(provider)?.get(slot)?.outcome);

describe("challenges of a slot (R8, R13)", () => {
  it("give one record each, and no reason, when all goes well", () => {
    const machine = started();
    machine.walk(10, 40, proven);
    expect(machine.codes()).toEqual([]);
    expect([...(machine.state.records.get(0)?.keys() ?? [])]).toEqual([0, 1, 2, 3, 4, 5]);
  });

  it("that this keeper came too late for are told once each, whatever the number of heads left in the slot", () => {
    const machine = started();
    machine.jump(10, 13); // the slot is 10 … 14, its last challenge at 12
    machine.walk(14, 20, proven);
    expect(machine.details("challenge-late-start")).toEqual(["provider 0, slot 0", "provider 1, slot 0"]);
    expect(machine.state.records.get(0)?.has(1)).toBe(true);
    expect(machine.state.tasks.size).toBe(0);
  });

  it("whose moment passed while the chain was out of sight are told once each", () => {
    const machine = started();
    machine.walk(10, 11, proven);
    const asked = machine.effects.some(({ kind }) => kind === "challenge");
    machine.jump(12, 15);
    const late = machine.details("challenge-late-start");
    expect(late).toEqual(asked ? [] : ["provider 0, slot 0", "provider 1, slot 0"]);
  });

  it("are asked while the answer has its blocks before the slot ends, and not one block later", () => {
    const { slot, answer } = groupAt(10).params;
    for (const last of [slot - answer - 1, slot - answer]) {
      const machine = started();
      const seeds = machine.jump(10, 11).filter((effect) => effect.kind === "make-seed");
      machine.jump(12, 10 + last);
      for (const effect of seeds) {
        machine.step({ ...effect, kind: "seed", seed: new Uint8Array(48) });
      }
      const asked = machine.effects.filter(({ kind }) => kind === "challenge").length;
      expect(asked).toBe(last < slot - answer ? 2 : 0);
      expect(machine.details("challenge-late-start")).toHaveLength(2 - asked);
    }
  });

  it("are asked again when a reorg brings another first block of the slot", () => {
    const machine = started();
    const found: number[] = [];
    for (let head = 10; found.length === 0; head++) {
      machine.walk(head, head, proven);
      found.push(...(machine.state.records.get(0)?.keys() ?? []));
    }
    expect(machine.state.head).toBeLessThanOrEqual(12);
    machine.jump(10, 11, 1);
    for (const provider of [0, 1]) {
      expect(machine.effects.filter((e) => e.kind === "make-seed" && e.provider === provider)).toHaveLength(
        2,
      );
    }
    expect(machine.state.tasks.get("0/0")?.blockHash).toBe(hashAt(10, 1));
  });

  it("take no answer that was given for the block that a reorg took back (R13)", () => {
    const machine = started();
    const asked = (): number => machine.effects.filter(({ kind }) => kind === "challenge").length;
    let head = 9;
    while (asked() === 0) machine.walk(++head, head, () => "silent");
    for (const effect of machine.jump(10, head, 1)) {
      if (effect.kind === "make-seed") machine.step({ ...effect, kind: "seed", seed: new Uint8Array(48) });
    }
    const task = machine.state.tasks.get("0/0");
    expect(task?.blockHash).toBe(hashAt(10, 1));
    expect(task?.askedAt).toBeDefined();
    const answered = (blockHash: Hex): void =>
      void machine.step({
        kind: "answer",
        provider: 0,
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
    expect(machine.details("answer-unexpected")).toEqual(["provider 0, slot 0"]);
    expect(outcomes(machine, 0)[0]).toBeUndefined();
    answered(hashAt(10, 1));
    expect(machine.state.records.get(0)?.get(0)?.blockHash).toBe(hashAt(10, 1));
  });

  it("of slots that nobody here saw are told as a range", () => {
    const machine = started();
    machine.walk(10, 16, proven);
    machine.jump(17, 42);
    expect(machine.details("slots-missed")).toEqual(["slots 2 to 5"]);
  });

  it.each(["unreachable", "silent"] as const)(
    "to a provider that is %s give no record while this keeper reaches nobody at all",
    (how) => {
      const machine = started();
      machine.walk(10, 20, () => how);
      expect(machine.details("challenge-cut-off")).toContain("provider 0, slot 0");
      expect(outcomes(machine, 0)).toEqual([undefined, undefined]);
    },
  );

  it("give no record beside another provider that was not reached either, before a restart", () => {
    const machine = new Machine();
    const outcome = { kind: "failed", reason: "unreachable" } as const;
    const records = [{ provider: 1, slot: 0, blockHash: hashAt(10), outcome }];
    machine.step({ kind: "restored", head: 12, records, notes: [], own: [], salts: [], before: [] });
    machine.step({ kind: "group", snapshot: groupAt(10) });
    machine.walk(10, 20, () => "unreachable");
    expect(outcomes(machine, 0)).toEqual([undefined, outcome]);
  });

  it.each([
    ["unreachable", "unreachable"],
    ["silent", "late"],
  ] as const)("to a provider that is %s are %s when another provider answered", (how, reason) => {
    const machine = started();
    machine.walk(10, 20, (provider) => (provider === 0 ? how : "proven"));
    expect(outcomes(machine, 0)).toMatchObject([{ kind: "failed", reason }, { kind: "proven" }]);
    expect(machine.codes()).not.toContain("challenge-cut-off");
  });

  it.each([
    ["unreachable", "unreachable"],
    ["silent", "late"],
  ] as const)("to a provider that is %s are %s when q−1 keepers are connected", (how, reason) => {
    const machine = started();
    machine.step({ kind: "peers", operators: [operatorOf(0), operatorOf(1)] });
    machine.walk(10, 20, () => how);
    expect(outcomes(machine, 0)).toMatchObject([
      { kind: "failed", reason },
      { kind: "failed", reason },
    ]);
  });
});
