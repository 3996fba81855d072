/** No scenario may end a keeper whose disk accepts writes, nor cause an uncaught error. */
import { setImmediate } from "node:timers/promises";
import type { Violation } from "./checker.ts";
import type { Cluster } from "../cluster.ts";

export class Breaks {
  readonly found: Violation[] = [];
  readonly #cluster: Cluster;

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
    const stop = cluster.onFatal;
    cluster.onFatal = (keeper, error) => {
      const disk = cluster.seats[keeper]?.store.trouble;
      if (disk !== "full") this.#add(`keeper ${keeper} stopped by itself`, error);
      stop(keeper, error);
    };
  }

  /** Runs the world; an error ends the run and is reported as a violation. */
  async guard(run: () => Promise<void>): Promise<void> {
    const onRejection = (error: unknown): void => this.#add("nobody caught", error);
    process.on("unhandledRejection", onRejection);
    try {
      await run();
    } catch (error) {
      this.#add("the world ended", error);
    } finally {
      // Node reports a rejection in a later task; without this wait the next run would get it.
      await setImmediate();
      process.off("unhandledRejection", onRejection);
    }
  }

  #add(what: string, error: unknown): void {
    const text = `${what}: ${error instanceof Error ? error.message : String(error)}`;
    this.found.push({ checker: "throws", block: this.#cluster.chain.head, text });
  }
}
