/** Runs a flooding process and measures what it costs this one. */
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { fileURLToPath } from "node:url";
import type { Flood } from "./kinds.ts";

const program = fileURLToPath(new URL("flooder.ts", import.meta.url));

/** A flooding process; `next` returns its output line by line. */
export class Flooder {
  readonly #lines: AsyncIterator<string>;
  readonly #child;

  constructor(flood: Flood) {
    this.#child = spawn(process.execPath, [program, JSON.stringify(flood)], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
  }

  async next<T>(): Promise<T> {
    const { value, done } = await this.#lines.next();
    if (done === true) throw new Error("the flooding process ended early");
    return JSON.parse(value) as T;
  }

  stop(): void {
    this.#child.kill();
  }
}

export type Cost = {
  readonly seconds: number;
  /** CPU time of this process, as a share of one core. */
  readonly cpuShare: number;
  /** The longest time for which the event loop was blocked. */
  readonly stall_ms: number;
  readonly grownMB: number;
};

/** Measures the resources that this process used while `work` ran. */
export async function costOf(work: () => Promise<void>): Promise<Cost> {
  const delay = monitorEventLoopDelay({ resolution: 10 });
  const memory = process.memoryUsage().rss;
  const cpu = process.cpuUsage();
  const start_ms = performance.now();
  let most = memory;
  const watch = setInterval(() => (most = Math.max(most, process.memoryUsage().rss)), 50);
  delay.enable();
  await work();
  delay.disable();
  clearInterval(watch);
  const seconds = (performance.now() - start_ms) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  return {
    seconds,
    cpuShare: (user + system) / 1e6 / seconds,
    stall_ms: delay.max / 1e6,
    grownMB: (most - memory) / 1e6,
  };
}
