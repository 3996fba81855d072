import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { Pace, type Answer, type Paced } from "../../../../scripts/fleet/pace.ts";

/** A daemon whose work for a block takes `needs_ms`, and that reports this work. */
class Daemon implements Paced {
  readonly name: string;
  started: Promise<unknown> = Promise.resolve();
  answers: boolean | "gone" = true;
  #head = 0;
  #underWay = 0;
  #handled = 0;

  constructor(name: string) {
    this.name = name;
  }

  async take(block: number, needs_ms: number): Promise<void> {
    this.#underWay++;
    await sleep(needs_ms);
    this.#head = block;
    this.#handled++;
    this.#underWay--;
  }

  /** The daemon handles a message of another one. */
  hear(): void {
    this.#handled++;
  }

  async work(signal: AbortSignal): Promise<Answer> {
    if (this.answers === "gone") return "gone";
    if (this.answers) return { head: this.#head, underWay: this.#underWay, handled: this.#handled };
    return new Promise((done) => signal.addEventListener("abort", () => done("silent")));
  }
}

function scene(names: readonly string[], options: { block_ms?: number; patience_ms?: number } = {}) {
  const daemons = names.map((name) => new Daemon(name));
  const living = new Set<Daemon>(daemons);
  const needs_ms = new Map<Daemon, number>();
  const said: string[] = [];
  const mined_ms: number[] = [];
  let head = 0;
  const pace = new Pace({
    living: () => [...living],
    head: async () => head,
    mine: async () => {
      head++;
      mined_ms.push(performance.now());
      for (const daemon of living) void daemon.take(head, needs_ms.get(daemon) ?? 0);
    },
    block_ms: options.block_ms ?? 1,
    patience_ms: options.patience_ms ?? 5_000,
    onTrouble: (text) => said.push(text),
  });
  const timed = async (work: () => Promise<unknown>): Promise<number> => {
    const from_ms = performance.now();
    await work();
    return performance.now() - from_ms;
  };
  return { daemons, living, needs_ms, said, mined_ms, pace, timed };
}

describe("the pace of a fleet's chain", () => {
  it("is that of the slowest running daemon: load only makes blocks slower", async () => {
    const { daemons, living, needs_ms, pace, timed, said } = scene(["fast", "slow"]);
    const slow = daemons[1] as Daemon;
    needs_ms.set(slow, 400);
    expect(await timed(() => pace.step())).toBeGreaterThan(390);
    living.delete(slow);
    expect(await timed(() => pace.step())).toBeLessThan(300);
    living.add(slow);
    slow.answers = "gone";
    expect(await timed(() => pace.step())).toBeLessThan(300);
    expect(said).toEqual([]);
  });

  it("has a least time between two blocks", async () => {
    const { pace, mined_ms } = scene(["one"], { block_ms: 300 });
    for (let i = 0; i < 3; i++) await pace.step();
    const [first = 0, , third = 0] = mined_ms;
    expect(third - first).toBeGreaterThan(590);
  });

  it("waits for a daemon that starts, and while daemons exchange messages", async () => {
    const { daemons, pace, timed } = scene(["one", "two"]);
    const [one, two] = daemons as [Daemon, Daemon];
    two.started = sleep(300);
    expect(await timed(() => pace.step())).toBeGreaterThan(290);
    const talk = async (): Promise<void> => {
      for (let i = 0; i < 20; i++) {
        (i % 2 === 0 ? one : two).hear();
        await sleep(20);
      }
    };
    const talking = talk();
    expect(await timed(() => pace.step())).toBeGreaterThan(390);
    await talking;
  });

  it("continues without a daemon that hangs, reports why, and waits for it again after it has caught up", async () => {
    const { daemons, pace, timed, said, needs_ms } = scene(["one", "two"], {
      patience_ms: 300,
      block_ms: 20,
    });
    const two = daemons[1] as Daemon;
    two.answers = false;
    expect(await timed(() => pace.step())).toBeGreaterThan(290);
    expect(said).toEqual([
      "two does not answer, 0.3 s after block 1 came: the chain goes on without it until it has caught up",
    ]);
    expect(await timed(() => pace.step())).toBeLessThan(250);
    two.answers = true;
    await pace.step();
    expect(said.slice(1)).toEqual(["two has caught up with block 2; the chain waits for it again"]);
    needs_ms.set(two, 250);
    expect(await timed(() => pace.step())).toBeGreaterThan(240);
  });

  it("reports the unfinished work of a daemon that hangs", async () => {
    const { daemons, pace, said, needs_ms } = scene(["one"], { patience_ms: 200 });
    needs_ms.set(daemons[0] as Daemon, 1_000);
    await pace.step();
    expect(said).toEqual([expect.stringContaining("block 0, expected 1, 0.2 s after")]);
  });

  it("stops after the present block, and reports why no more blocks come", async () => {
    const { pace } = scene(["one"]);
    const failures: unknown[] = [];
    const mining = pace.begin((error) => failures.push(error));
    await sleep(200);
    await mining.stop();
    const head = await pace.caughtUp();
    expect(head).toBeGreaterThan(0);
    await sleep(100);
    expect(await pace.caughtUp()).toBe(head);
    const broken = new Pace({
      living: () => [],
      head: async () => 0,
      mine: () => Promise.reject(new Error("the chain is gone")),
      block_ms: 1,
      patience_ms: 100,
      onTrouble: () => undefined,
    });
    await broken.begin((error) => failures.push(error)).stop();
    expect(failures.map(String)).toEqual(["Error: the chain is gone"]);
  });
});
