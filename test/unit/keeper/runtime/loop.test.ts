/** R23, S5, S6: the writes of a step are durable before its other effects start. */
import { describe, expect, it } from "vitest";
import type { Effect } from "../../../../keeper/core/effects.ts";
import { initialState } from "../../../../keeper/core/state.ts";
import { CommitteeLoop } from "../../../../keeper/runtime/loop.ts";
import { committeeAt, hashAt, machineConfig } from "../../../support/machine.ts";

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
