/** R8, R9: when a keeper challenges the providers of a slot. */
import { describe, expect, it } from "vitest";
import { memberOf, operatorOf } from "../../../../../sim/signatures/cheap-signatures.ts";
import { committeeAt, groupOf, hashAt, Machine, providerEntry } from "../../../../support/machine.ts";

const proven = (): "proven" => "proven";

function started(): Machine {
  const machine = new Machine();
  machine.step({ kind: "committee", snapshot: committeeAt(10) });
  return machine;
}

describe("the challenges of a slot", () => {
  it("give one record each and no reason if every provider answers", () => {
    const machine = started();
    machine.walk(10, 40, proven);
    expect(machine.codes()).toEqual([]);
    expect([...(machine.state.records.get("1/0")?.keys() ?? [])]).toEqual([0, 1, 2, 3, 4, 5]);
  });

  it("follow from seed to record", () => {
    const machine = new Machine();
    machine.step({ kind: "committee", snapshot: committeeAt(10, { providers: [providerEntry(0)] }) });
    machine.walk(10, 15, proven);
    const from = machine.lines.indexOf("  → challenge for group 1, provider 0, slot 0");
    expect(machine.lines.slice(from, from + 4)).toEqual([
      "  → challenge for group 1, provider 0, slot 0",
      "answer of group 1, provider 0 for slot 0: proven",
      "  → persist record of group 1, provider 0, slot 0: proven",
      "  → book record of group 1, provider 0, slot 0",
    ]);
    expect(machine.lines.filter((line) => line.includes("make-seed"))).toEqual([
      `  → make-seed for ${operatorOf(2000)}, slot 0`,
    ]);
  });

  it("are not sent by a keeper without a seat, and are sent by a member of the complete next version (R37)", () => {
    const others = { version: 1, seed: hashAt(7), members: [0, 1, 3, 4].map(memberOf), resigned: [] };
    for (const [next, expected] of [
      [undefined, 0],
      [{ ...others, version: 2, members: [0, 1, 2, 3].map(memberOf) }, 2],
    ] as const) {
      const machine = new Machine();
      machine.step({ kind: "committee", snapshot: committeeAt(10, { version: others, next }) });
      machine.walk(10, 14, proven);
      expect(machine.effects.filter(({ kind }) => kind === "challenge")).toHaveLength(expected);
    }
  });

  it("skip a provider without committed bytes", () => {
    const machine = new Machine();
    machine.step({
      kind: "committee",
      snapshot: committeeAt(10, { providers: [providerEntry(0, 0n), providerEntry(1)] }),
    });
    machine.walk(10, 14, proven);
    const challenged = machine.effects.flatMap((e) =>
      e.kind === "challenge" ? e.targets.map(({ provider }) => provider) : [],
    );
    expect(challenged).toEqual([1]);
  });

  it("are reported once each if this keeper is too late, for any number of remaining heads", () => {
    const machine = started();
    machine.jump(10, 13); // the slot is 10 … 14, its last challenge at 12
    machine.walk(14, 20, proven);
    expect(machine.details("challenge-late-start")).toEqual(
      [0, 1].map((i) => `provider ${operatorOf(2000 + i)}, slot 0`),
    );
    expect(machine.state.records.get("1/0")?.has(1)).toBe(true);
    expect(machine.state.tasks.size).toBe(0);
  });

  it("are reported once each if their offset passed during an outage of the chain endpoint", () => {
    const machine = started();
    machine.walk(10, 11, proven);
    const asked = machine.effects.some(({ kind }) => kind === "challenge");
    machine.jump(12, 15);
    const late = machine.details("challenge-late-start");
    expect(late).toEqual(asked ? [] : [0, 1].map((i) => `provider ${operatorOf(2000 + i)}, slot 0`));
  });

  it("are sent until `answer` blocks before the end of the slot, and not one block later", () => {
    const { slot, answer } = committeeAt(10).params;
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

  it("are sent again after a reorg of the first block of the slot", () => {
    const machine = started();
    const found: number[] = [];
    for (let head = 10; found.length === 0; head++) {
      machine.walk(head, head, proven);
      found.push(...(machine.state.records.get("1/0")?.keys() ?? []));
    }
    expect(machine.state.head).toBeLessThanOrEqual(12);
    machine.jump(10, 11, 1);
    for (const provider of [0, 1]) {
      expect(
        machine.effects.filter((e) => e.kind === "make-seed" && e.operator === operatorOf(2000 + provider)),
      ).toHaveLength(2);
    }
    expect(machine.state.tasks.get(`${operatorOf(2000)}/0`)?.blockHash).toBe(hashAt(10, 1));
  });

  it("also ask about a group that a later snapshot shows in the same slot", () => {
    const machine = new Machine();
    const groups = [groupOf(1, [providerEntry(0)]), groupOf(2, [providerEntry(1)])];
    machine.step({ kind: "committee", snapshot: committeeAt(10, { groups: groups.slice(0, 1) }) });
    machine.walk(10, 11, proven);
    machine.step({ kind: "committee", snapshot: committeeAt(11, { groups }) });
    machine.walk(12, 14, proven);
    const seeds = machine.lines.filter((line) => line.includes("make-seed"));
    expect(seeds).toEqual([
      `  → make-seed for ${operatorOf(2000)}, slot 0`,
      `  → make-seed for ${operatorOf(2001)}, slot 0`,
    ]);
  });

  it("of slots without a block seen in time are reported as a range", () => {
    const machine = started();
    machine.walk(10, 16, proven);
    machine.jump(17, 42);
    expect(machine.details("slots-missed")).toEqual(["slots 2 to 5"]);
  });

  it("are one for all groups of a provider, with one seed, and leave a record for each group (R9)", () => {
    const machine = new Machine();
    const groups = [groupOf(1, [providerEntry(0)]), groupOf(4, [providerEntry(0), providerEntry(1)])];
    machine.step({ kind: "committee", snapshot: committeeAt(10, { groups }) });
    machine.walk(10, 15, proven);
    const first = (kind: string) =>
      machine.lines.filter((line) => line.includes(kind) && line.includes("slot 0"));
    expect(first("make-seed")).toHaveLength(2);
    expect(first("→ challenge").sort()).toEqual([
      "  → challenge for group 1, provider 0; group 4, provider 0, slot 0",
      "  → challenge for group 4, provider 1, slot 0",
    ]);
    expect([...machine.state.records.keys()].sort()).toEqual(["1/0", "4/0", "4/1"]);
  });

  it("begin with the first slot of a membership, and leave out a group that ends before an answer counts (R8)", () => {
    for (const [left, expected] of [
      [undefined, ["1/0", "2/0"]],
      [15, ["1/0", "2/0"]],
      [12, ["1/0"]],
      [10, ["1/0"]],
    ] as const) {
      const machine = new Machine();
      const ahead = groupOf(3, [providerEntry(0)], { entered: 15 });
      const groups = [groupOf(1, [providerEntry(0)]), groupOf(2, [providerEntry(0)], { left }), ahead];
      machine.step({ kind: "committee", snapshot: committeeAt(10, { groups }) });
      machine.walk(10, 14, proven);
      expect([...machine.state.records.keys()].sort()).toEqual(expected);
      expect(machine.codes()).toEqual([]);
      // A group without a record is not challenged again at the slot's later heads.
      expect(machine.lines.filter((line) => line.includes("make-seed"))).toHaveLength(1);
    }
  });

  it("leave a record only if the challenge block + d lies before the end of the membership (R8)", () => {
    const { answer } = committeeAt(10).params;
    const recorded = (left: number | undefined): Machine => {
      const machine = new Machine();
      const groups = [groupOf(1, [providerEntry(0)], { left })];
      machine.step({ kind: "committee", snapshot: committeeAt(10, { groups }) });
      machine.walk(10, 14, proven);
      return machine;
    };
    const open = new Machine();
    open.step({ kind: "committee", snapshot: committeeAt(10) });
    let head = 10;
    while (!open.effects.some(({ kind }) => kind === "challenge")) open.walk(head, head++, proven);
    const askedAt = head - 1;
    expect(recorded(askedAt + answer + 1).state.records.size).toBe(1);
    expect(recorded(askedAt + answer).state.records.size).toBe(0);
  });

  it("are not sent by a member that resigned (R37)", () => {
    const machine = new Machine();
    const { version } = committeeAt(10);
    machine.step({
      kind: "committee",
      snapshot: committeeAt(10, { version: { ...version, resigned: [2] } }),
    });
    machine.walk(10, 80, proven);
    expect(machine.effects.filter(({ kind }) => kind === "challenge")).toEqual([]);
    expect(machine.state.turn).toBeUndefined();
  });
});
