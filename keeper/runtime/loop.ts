/** event → step → effects, one event at a time; persist effects complete before anything else of their step (S5, S6). */
import type { Effect, Write } from "../core/effects.ts";
import type { Event } from "../core/events.ts";
import { step } from "../core/machine.ts";
import type { Config, KeeperState } from "../core/state.ts";
import type { Effects } from "./execute.ts";

export type LoopDependencies = {
  readonly persist: (writes: readonly Write[]) => Promise<void>;
  readonly effects: Pick<Effects, "run">;
  /** A failed write or a bug: nothing may leave after it, so the loop stops. */
  readonly onFatal: (error: unknown) => void;
};

/** The machine of one group with its queue. */
export class GroupLoop {
  readonly state: KeeperState;
  readonly #config: Config;
  readonly #dependencies: LoopDependencies;
  readonly #queue: Event[] = [];
  #running = false;
  #handled = 0;
  #stopped = false;
  #idle: (() => void)[] = [];

  constructor(state: KeeperState, config: Config, dependencies: LoopDependencies) {
    this.state = state;
    this.#config = config;
    this.#dependencies = dependencies;
  }

  /** Takes an event; it is handled after those before it. */
  enqueue(event: Event): void {
    if (this.#stopped) return;
    this.#handled++;
    this.#queue.push(event);
    if (!this.#running) this.#drain();
  }

  /** Events that were taken so far; the same number later means that nothing happened in between. */
  get handled(): number {
    return this.#handled;
  }

  /** Whether an event waits, or a write of one. */
  get busy(): boolean {
    return this.#running;
  }

  /** Resolves when the queue is empty: the chain feed waits for it, so a slow group is not flooded with blocks. */
  settled(): Promise<void> {
    if (!this.#running || this.#stopped) return Promise.resolve();
    return new Promise((resolve) => this.#idle.push(resolve));
  }

  stop(): void {
    this.#stopped = true;
    this.#queue.length = 0;
    this.#release();
  }

  /** Most events ask for nothing to be written, so those are done with at once; a write is waited for. */
  #drain(): void {
    this.#running = true;
    try {
      for (let event = this.#queue.shift(); event !== undefined; event = this.#queue.shift()) {
        const { effects } = step(this.state, event, this.#config);
        const writes = writesOf(effects);
        if (writes.length > 0) return void this.#written(writes, effects);
        this.#run(effects);
      }
    } catch (error) {
      this.#fail(error);
    }
    this.#running = false;
    this.#release();
  }

  async #written(writes: readonly Write[], effects: readonly Effect[]): Promise<void> {
    try {
      await this.#dependencies.persist(writes);
      this.#run(effects);
    } catch (error) {
      this.#fail(error);
    }
    this.#drain();
  }

  #run(effects: readonly Effect[]): void {
    for (const effect of effects) {
      if (this.#stopped) return;
      if (effect.kind !== "persist") this.#dependencies.effects.run(effect, this.state);
    }
  }

  #fail(error: unknown): void {
    this.stop();
    this.#dependencies.onFatal(error);
  }

  #release(): void {
    const waiting = this.#idle;
    this.#idle = [];
    for (const resolve of waiting) resolve();
  }
}

function writesOf(effects: readonly Effect[]): readonly Write[] {
  let writes: readonly Write[] = [];
  for (const effect of effects) {
    if (effect.kind !== "persist") continue;
    writes = writes.length === 0 ? effect.writes : [...writes, ...effect.writes];
  }
  return writes;
}
