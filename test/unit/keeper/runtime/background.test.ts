import { describe, expect, it } from "vitest";
import { BackgroundQueue } from "../../../../keeper/runtime/background.ts";
import { World } from "../../../../sim/world.ts";

describe("the background queue", () => {
  it("runs a piece of addFirst before all waiting pieces, and does not interrupt the running one", async () => {
    const world = new World(1);
    const clock = {
      now_ms: () => world.now_ms,
      sleep: (ms: number) => world.sleep(ms),
      entropy: () => "0x00" as const,
    };
    const done: string[] = [];
    const queue = new BackgroundQueue(clock, (error) => done.push(String(error)), 1);
    const job = (name: string) => async (): Promise<void> => {
      await world.sleep(5);
      done.push(name);
    };
    for (let i = 0; i < 4; i++) queue.add(job(`evidence ${i}`));
    queue.addFirst(job("seed 0"));
    queue.addFirst(job("seed 1"));
    queue.add(() => {
      throw new Error("broken");
    });
    queue.add(job("after it"));
    await world.run(() => done.length === 8);
    expect(done).toEqual([
      "evidence 0",
      "seed 0",
      "seed 1",
      "evidence 1",
      "evidence 2",
      "evidence 3",
      "Error: broken",
      "after it",
    ]);
  });
});
