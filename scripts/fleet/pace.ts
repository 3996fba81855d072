/**
 * The pace of a chain on one machine: it mines a block when every living daemon has finished its work for the block before. A busy
 * machine then costs time but makes no answer late. Work that only a later block can end, such as an agreement, does not count.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { counted } from "../../protocol/counted.ts";

/** Progress of a daemon, as it reports it (`GET /v1/work`). */
export type Work = {
  readonly head: number;
  /** Challenges, checks and writes that have not ended. */
  readonly underWay: number;
  readonly handled: number;
};

/** "gone": no such process runs now, so the chain does not wait. "silent": the process runs but does not answer. */
export type Answer = Work | "gone" | "silent";

export type Paced = {
  readonly name: string;
  /** Settles when the start has ended, successful or not; a start has its own timeout. */
  readonly started: Promise<unknown>;
  work(signal: AbortSignal): Promise<Answer>;
};

export type PaceOptions = {
  /** Daemons for which the chain waits: those that run and that no fault separates from the chain. */
  readonly living: () => readonly Paced[];
  readonly head: () => Promise<number>;
  readonly mine: () => Promise<unknown>;
  /** Least time between two blocks. */
  readonly block_ms: number;
  /** After this time the chain mines without the daemon, until it has caught up. */
  readonly patience_ms: number;
  /** Called when the chain stops waiting for a daemon, and when the daemon has caught up. If it throws, the chain stops. */
  readonly onTrouble: (text: string) => void;
};

/** Time between two polls: a message sent before the first is handled, or counts as work, at the second. */
const look_ms = 40;
/** Number of polls within the patience, even if one daemon does not answer. */
const leastLooks = 8;

type Look = ReadonlyMap<Paced, Answer>;

function describe(work: Answer, block: number): string {
  if (work === "silent" || work === "gone") return "does not answer";
  if (work.head < block) return `has handled block ${work.head}, expected ${block}`;
  return work.underWay > 0
    ? `has ${counted(work.underWay, "piece")} of work under way`
    : "does not come to rest";
}

function hasNothingToDo(work: Answer, block: number): work is Work {
  return typeof work === "object" && work.head >= block && work.underWay === 0;
}

function isAtRest(work: Answer, before: Answer, block: number): boolean {
  if (work === "gone") return true;
  return hasNothingToDo(work, block) && typeof before === "object" && work.handled === before.handled;
}

async function lookAt(daemons: readonly Paced[], limit_ms: number): Promise<Look> {
  const signal = AbortSignal.timeout(Math.ceil(limit_ms));
  const asked = daemons.map(async (daemon) => [daemon, await daemon.work(signal)] as const);
  return new Map(await Promise.all(asked));
}

/** Continuous mining in the background. */
export type Mining = {
  /** Stops mining; resolves when no further block follows. */
  stop(): Promise<void>;
};

export class Pace {
  readonly #on: PaceOptions;
  readonly #behind = new Set<Paced>();
  #minedAt_ms = Number.NEGATIVE_INFINITY;

  constructor(options: PaceOptions) {
    this.#on = options;
  }

  /** Mines continuously; `onFailure` gets the error that ends it. */
  begin(onFailure: (error: unknown) => void): Mining {
    const stopped = new AbortController();
    const steps = async (): Promise<void> => {
      while (!stopped.signal.aborted) await this.step();
    };
    const done = steps().catch(onFailure);
    return {
      stop: () => {
        stopped.abort();
        return done;
      },
    };
  }

  /** Mines one block and waits for the work that follows. Returns its number. */
  async step(): Promise<number> {
    await sleep(Math.max(0, this.#minedAt_ms + this.#on.block_ms - performance.now()));
    await this.#welcomeBack();
    this.#minedAt_ms = performance.now();
    await this.#on.mine();
    return this.caughtUp();
  }

  /** Waits until all living daemons have finished their work for the head, or have exceeded the patience. Returns the head. */
  async caughtUp(): Promise<number> {
    await Promise.allSettled(this.#on.living().map(({ started }) => started));
    const block = await this.#on.head();
    const limit_ms = performance.now() + this.#on.patience_ms;
    for (let before: Look = new Map(); ;) {
      const waited = this.#on.living().filter((daemon) => !this.#behind.has(daemon));
      const look = await lookAt(waited, this.#on.patience_ms / leastLooks);
      const answerOf = (daemon: Paced): Answer => look.get(daemon) ?? "silent";
      const late = waited.filter(
        (daemon) => !isAtRest(answerOf(daemon), before.get(daemon) ?? "silent", block),
      );
      if (late.length === 0) break;
      if (performance.now() >= limit_ms) {
        for (const daemon of late) this.#leaveBehind(daemon, describe(answerOf(daemon), block), block);
        break;
      }
      before = look;
      await sleep(look_ms);
    }
    return block;
  }

  #leaveBehind(daemon: Paced, why: string, block: number): void {
    this.#behind.add(daemon);
    const after = `${this.#on.patience_ms / 1000} s after block ${block} came`;
    this.#on.onTrouble(
      `${daemon.name} ${why}, ${after}: the chain goes on without it until it has caught up`,
    );
  }

  /** A short poll of daemons that exceeded the patience, so that one that hangs does not slow the others down. */
  async #welcomeBack(): Promise<void> {
    const behind = this.#on.living().filter((daemon) => this.#behind.has(daemon));
    if (behind.length === 0) return;
    const block = await this.#on.head();
    for (const [daemon, work] of await lookAt(behind, this.#on.block_ms / 2)) {
      if (!hasNothingToDo(work, block)) continue;
      this.#behind.delete(daemon);
      this.#on.onTrouble(`${daemon.name} has caught up with block ${block}; the chain waits for it again`);
    }
  }
}
