/** R23, S5, S6: the writes of a step are durable before its other effects start. */
import { describe, expect, it } from "vitest";
import type { Effect } from "../../../../keeper/core/effects.ts";
import { initialState } from "../../../../keeper/core/state.ts";
import { CommitteeLoop } from "../../../../keeper/runtime/loop.ts";
import { operatorOf } from "../../../../sim/signatures/cheap-signatures.ts";
import {
  Machine,
  committeeAt,
  groupOf,
  hashAt,
  machineConfig,
  providerEntry,
} from "../../../support/machine.ts";

/** A loop with a slow disk or a failing one. */
function loopWith(write: () => Promise<void>) {
  const log: string[] = [];
  const effects = { run: (effect: Effect) => void log.push(effect.kind) };
  const loop = new CommitteeLoop(initialState(), machineConfig, {
    persist: async (writes) => {
      await write();
      log.push(`written: ${writes.map(({ kind }) => kind).join()}`);
    },
    effects,
    onFatal: () => void log.push("fatal"),
  });
  loop.enqueue({ kind: "committee", snapshot: committeeAt(10) });
  log.length = 0;
  const blocks = [{ number: 11, hash: hashAt(11) }];
  loop.enqueue({ kind: "blocks", blocks, entropy: hashAt(1) });
  return { loop, log };
}

describe("the effects of one step", () => {
  it("start after its writes", async () => {
    const { loop, log } = loopWith(() => new Promise((done) => setTimeout(done, 20)));
    await loop.settled();
    // The first block brings a hello and a new head for the store.
    expect(log[0]).toBe("written: head");
    expect(log).toContain("broadcast");
  });

  it("never start if its writes fail", async () => {
    const { loop, log } = loopWith(() => Promise.reject(new Error("no space left on the disk")));
    await loop.settled();
    expect(log).toEqual(["fatal"]);
  });
});

describe("the answers about many groups of a provider (R40)", () => {
  const groups = Array.from({ length: 10 }, (_, i) => groupOf(i + 1, [providerEntry(0)]));

  /** A keeper that has asked a provider of ten groups. */
  function asked(): Machine {
    const machine = new Machine();
    machine.step({ kind: "committee", snapshot: committeeAt(10, { groups }) });
    for (let head = 10; head < 15; head++) {
      machine.walk(head, head, () => "silent");
      if (machine.state.tasks.get(`${operatorOf(2000)}/0`)?.askedAt !== undefined) return machine;
    }
    throw new Error("expected a question in the slot");
  }

  it("are written together once the first of them is, and an event between them is not overtaken", async () => {
    const log: string[] = [];
    const loop = new CommitteeLoop(asked().state, machineConfig, {
      persist: async (writes) => {
        await new Promise((done) => setTimeout(done, 5));
        log.push(`written: ${writes.length}`);
      },
      effects: { run: (effect) => void log.push(effect.kind) },
      onFatal: (error) => {
        throw error;
      },
    });
    groups.forEach(({ number }, i) => {
      if (i === 7) loop.enqueue({ kind: "peers", operators: [operatorOf(1)] });
      loop.enqueue({
        kind: "answer",
        operator: operatorOf(2000),
        name: { group: number, provider: 0 },
        slot: 0,
        blockHash: hashAt(10),
        answer: { kind: "failed", reason: "refused" },
      });
    });
    await loop.settled();
    expect(log.filter((line) => line.startsWith("written"))).toEqual([
      "written: 1",
      "written: 6",
      "written: 3",
    ]);
    const firstBooked = log.indexOf("book", log.indexOf("written: 6"));
    expect(log.slice(firstBooked).filter((line) => line === "book")).toHaveLength(9);
    expect([...loop.state.records.values()].map((bySlot) => bySlot.size)).toEqual(groups.map(() => 1));
  });
});
