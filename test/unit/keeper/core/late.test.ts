/** R13: what is late is decided by blocks; a keeper's clock only says how long one call may last. */
import { describe, expect, it } from "vitest";
import type { Answer } from "../../../../keeper/core/events.ts";
import { groupAt, hashAt, Machine } from "../../../support/machine.ts";

const none = new Uint8Array();
const proven: Answer = { kind: "proven", bytes: 1_600n, receiptHash: hashAt(1), receipt: none, proof: none };
const cut: Answer = { kind: "failed", reason: "late" };

/** Provider 0 was asked in slot 0, and nobody has answered; the other provider did. The last head at which an answer counts. */
function asked(): { machine: Machine; last: number } {
  const machine = new Machine();
  machine.step({ kind: "group", snapshot: groupAt(10) });
  for (let head = 10; head < 15; head++) {
    machine.walk(head, head, (provider) => (provider === 0 ? "silent" : "proven"));
    const task = machine.state.tasks.get("0/0");
    if (task?.askedAt !== undefined) return { machine, last: task.askedAt + 2 };
  }
  throw new Error("expected a question in the slot");
}

function answer(machine: Machine, what: Answer): unknown {
  machine.step({ kind: "answer", provider: 0, slot: 0, blockHash: hashAt(10), answer: what });
  return machine.state.records.get(0)?.get(0)?.outcome;
}

describe("an answer that a keeper's clock cut off", () => {
  it("is no record while blocks are left, and one that comes then counts", () => {
    const { machine, last } = asked();
    expect(answer(machine, cut)).toBeUndefined();
    machine.jump(machine.state.head + 1, last);
    expect(answer(machine, cut)).toBeUndefined();
    expect(answer(machine, proven)).toMatchObject({ kind: "proven", bytes: 1_600n });
  });

  it("is late when no block is left, like any other that comes then", () => {
    for (const what of [cut, proven]) {
      const { machine, last } = asked();
      machine.jump(machine.state.head + 1, last + 1);
      expect(answer(machine, what)).toEqual({ kind: "failed", reason: "late" });
    }
  });

  it("is late at the end of the slot if nothing came after it", () => {
    const { machine } = asked();
    answer(machine, cut);
    machine.jump(machine.state.head + 1, 15);
    expect(machine.state.records.get(0)?.get(0)?.outcome).toEqual({ kind: "failed", reason: "late" });
  });
});
