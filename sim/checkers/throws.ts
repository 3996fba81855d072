/** What no scenario may lead to: a keeper that ends by itself while its disk takes writes, or a throw that nobody expects. */
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

  /** Runs the world; a throw ends it, and is found like anything else that does not hold. */
  async guard(run: () => Promise<void>): Promise<void> {
    const onRejection = (error: unknown): void => this.#add("nobody caught", error);
    process.on("unhandledRejection", onRejection);
    try {
      await run();
    } catch (error) {
      this.#add("the world ended", error);
    } finally {
      // The platform tells of a rejection when it comes to breathe, else the next world would be blamed.
      await setImmediate();
      process.off("unhandledRejection", onRejection);
    }
  }

  #add(what: string, error: unknown): void {
    const text = `${what}: ${error instanceof Error ? error.message : String(error)}`;
    this.found.push({ checker: "throws", block: this.#cluster.chain.head, text });
  }
}
