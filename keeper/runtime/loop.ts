/** event → step → effects, one event at a time. The `persist` effects of a step complete before its other effects start (S5, S6). */
import { maxTargets } from "../../protocol/codec/challenge.ts";
import type { Effect, Write } from "../core/effects.ts";
import type { Event } from "../core/events.ts";
import { step } from "../core/machine.ts";
import type { Config, KeeperState } from "../core/state.ts";
import type { Effects } from "./execute.ts";

export type LoopDependencies = {
  readonly persist: (writes: readonly Write[]) => Promise<void>;
  readonly effects: Pick<Effects, "run">;
  /** Called after a failed write or a bug. No effect may follow, so the loop stops. */
  readonly onFatal: (error: unknown) => void;
};

/** The state machine of one committee with its event queue. */
export class CommitteeLoop {
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

  /** Adds an event. Events are handled in the order of their arrival. */
  enqueue(event: Event): void {
    if (this.#stopped) return;
    this.#handled++;
    this.#queue.push(event);
    if (!this.#running) this.#drain();
  }

  /** Number of events so far. If it does not change, no event has arrived. */
  get handled(): number {
    return this.#handled;
  }

  /** Whether an event or the write of an event is pending. */
  get busy(): boolean {
    return this.#running;
  }

  /** Resolves when the queue is empty. The chain feed waits for it, so blocks do not pile up in a slow committee. */
  settled(): Promise<void> {
    if (!this.#running || this.#stopped) return Promise.resolve();
    return new Promise((resolve) => this.#idle.push(resolve));
  }

  stop(): void {
    this.#stopped = true;
    this.#queue.length = 0;
    this.#release();
  }

  /** Events without writes are handled synchronously. After an event with writes the loop continues when they are durable. */
  #drain(): void {
    this.#running = true;
    try {
      for (let event = this.#queue.shift(); event !== undefined; event = this.#queue.shift()) {
        const { effects } = step(this.state, event, this.#config);
        if (event.kind === "answer") this.#addAnswers(effects);
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

  /**
   * R40: a provider answers for many groups at once. The answers that wait are handled together, so that one write holds their records. No
   * other event lies between them, and the effects of an answer do not depend on the answers after it.
   */
  #addAnswers(effects: Effect[]): void {
    for (let more = 1; more < maxTargets; more++) {
      const event = this.#queue[0];
      if (event?.kind !== "answer") return;
      this.#queue.shift();
      effects.push(...step(this.state, event, this.#config).effects);
    }
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
  let own: Write[] | undefined;
  for (const effect of effects) {
    if (effect.kind !== "persist") continue;
    if (writes.length === 0) writes = effect.writes;
    else if (own === undefined) writes = own = [...writes, ...effect.writes];
    else own.push(...effect.writes);
  }
  return writes;
}
