import { describe, expect, it } from "vitest";
import { Breaks } from "../../sim/checkers/throws.ts";
import { Cluster, defaultOptions } from "../../sim/cluster.ts";
import { MemoryStore, mortal } from "../../sim/keepers/memory-store.ts";

describe("a simulated run", () => {
  it("reports a keeper that stops by itself, unless its disk is full", async () => {
    const cluster = new Cluster(defaultOptions);
    const stopped: number[] = [];
    cluster.onFatal = (keeper) => void stopped.push(keeper);
    const breaks = new Breaks(cluster);
    cluster.onFatal(2, new Error("a bug"));
    const seat = cluster.seats[1];
    if (seat !== undefined) seat.store.trouble = "full";
    cluster.onFatal(1, new Error("no space left on device"));
    expect(stopped).toEqual([2, 1]);
    expect(breaks.found.map(({ text }) => text)).toEqual(["keeper 2 stopped by itself: a bug"]);
  });

  it("reports an error of the world, and returns a result", async () => {
    const cluster = new Cluster(defaultOptions);
    const breaks = new Breaks(cluster);
    cluster.world.after(3_000, () => {
      throw new Error("a bug");
    });
    await breaks.guard(() => cluster.run(20));
    expect(breaks.found).toEqual([
      { checker: "throws", block: cluster.chain.head, text: "the world ended: a bug" },
    ]);
    expect(cluster.chain.head).toBeLessThan(cluster.options.params.originBlock + 10);
  });

  it("reports an unhandled rejection, even as the last event", async () => {
    const cluster = new Cluster(defaultOptions);
    const breaks = new Breaks(cluster);
    const last = cluster.chain.head + 20;
    cluster.onBlock((block) => {
      if (block === last) void Promise.reject(new Error("a bug"));
    });
    // The test runner would take it for a fault of its own.
    const runners = process.listeners("unhandledRejection");
    process.removeAllListeners("unhandledRejection");
    await breaks.guard(() => cluster.run(20));
    for (const runner of runners) process.on("unhandledRejection", runner);
    expect(breaks.found).toEqual([{ checker: "throws", block: last, text: "nobody caught: a bug" }]);
  });

  it("finds a keeper that reads its store without end, although simulated time stands still", async () => {
    const cluster = new Cluster(defaultOptions);
    const breaks = new Breaks(cluster);
    const dead = new AbortController();
    const store = mortal(new MemoryStore(cluster.world, 0), dead.signal, () => cluster.world.countRead());
    cluster.world.after(3_000, () => {
      void (async () => {
        for (;;) await store.proofOf(`0x${"c0".repeat(20)}`, { group: 1, provider: 0, slot: 1 });
      })();
    });
    const runners = process.listeners("unhandledRejection");
    process.removeAllListeners("unhandledRejection");
    await breaks.guard(() => cluster.run(20));
    for (const runner of runners) process.on("unhandledRejection", runner);
    expect(breaks.found.map(({ text }) => text)).toEqual([
      "nobody caught: endless loop: expected at most 1000000 reads in one job, actual more",
    ]);
  });
});
