/** D6: the bounded queue in front of expensive jobs. */
import { describe, expect, it } from "vitest";
import { BoundedQueue } from "../../../provider/bounded-queue.ts";

describe("the bounded queue", () => {
  it("runs one job at a time in order, goes on after a failed job, and limits the jobs of one peer and of all peers", async () => {
    const queue = new BoundedQueue(() => ({ total: 3, perPeer: 2 }));
    const log: string[] = [];
    const job =
      (name: string, fails = false) =>
      async (): Promise<void> => {
        log.push(`${name} starts`);
        await Promise.resolve();
        log.push(`${name} ends`);
        if (fails) throw new Error(name);
      };
    const a = queue.run("p", job("a", true));
    const b = queue.run("p", job("b"));
    expect(queue.run("p", job("c"))).toBeUndefined();
    const d = queue.run("q", job("d"));
    expect(queue.run("r", job("e"))).toBeUndefined();
    await expect(a).rejects.toThrow("a");
    await Promise.all([b, d]);
    expect(log).toEqual(["a starts", "a ends", "b starts", "b ends", "d starts", "d ends"]);
    await queue.run("p", job("f"));
    expect(log.at(-1)).toBe("f ends");
  });
});
