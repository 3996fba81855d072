/** Time and randomness of a simulated world: the seed alone decides the order of all events. */

import { toHex } from "../storage/core/bytes.ts";

/** mulberry32: small, fast, and the same on every machine. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** Uniform in [0, 1). */
  next(): number {
    return this.#word() / 4294967296;
  }

  #word(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return (t ^ (t >>> 14)) >>> 0;
  }

  /** Uniform integer in [low, high]. */
  integer(low: number, high: number): number {
    return low + Math.floor(this.next() * (high - low + 1));
  }

  /** `bytes`, a multiple of four, in hex. */
  hex(bytes: number): `0x${string}` {
    const drawn = new Uint8Array(bytes);
    for (let i = 0; i < bytes; i += 4) {
      const word = this.#word();
      for (let j = 0; j < 4; j++) drawn[i + j] = word >>> (24 - 8 * j);
    }
    return toHex(drawn);
  }
}

type Job = { readonly at_ms: number; readonly order: number; readonly run: () => void };

/** A binary heap of jobs by time, then by order of arrival. */
class Agenda {
  readonly #heap: Job[] = [];

  get size(): number {
    return this.#heap.length;
  }

  add(job: Job): void {
    const heap = this.#heap;
    let i = heap.push(job) - 1;
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (!before(heap[i] as Job, heap[parent] as Job)) break;
      [heap[i], heap[parent]] = [heap[parent] as Job, heap[i] as Job];
      i = parent;
    }
  }

  take(): Job | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (first === undefined || last === undefined || heap.length === 0) return first;
    heap[0] = last;
    for (let i = 0; ;) {
      let least = i;
      for (const child of [2 * i + 1, 2 * i + 2]) {
        if (child < heap.length && before(heap[child] as Job, heap[least] as Job)) least = child;
      }
      if (least === i) return first;
      [heap[i], heap[least]] = [heap[least] as Job, heap[i] as Job];
      i = least;
    }
  }
}

function before(a: Job, b: Job): boolean {
  return a.at_ms !== b.at_ms ? a.at_ms < b.at_ms : a.order < b.order;
}

/** After this many jobs the event loop handles signals and real timers; no job waits for them. */
const jobsPerBreath = 1_000;

/** Reads of stores within one job. The largest group reads 256 slots of 256 providers. */
const maxReadsPerJob = 1_000_000;

const soon = Promise.resolve();

export class World {
  readonly random: Random;
  readonly #agenda = new Agenda();
  #now_ms = 0;
  #order = 0;
  #reads = 0;

  constructor(seed: number) {
    this.random = new Random(seed);
  }

  get now_ms(): number {
    return this.#now_ms;
  }

  /**
   * Counts a read that takes no simulated time. Time stands still while a keeper reads without end, so the world would never go on.
   * @throws Error once a job reads more than any keeper needs
   */
  countRead(): void {
    if (++this.#reads > maxReadsPerJob) {
      throw new Error(`endless loop: expected at most ${maxReadsPerJob} reads in one job, actual more`);
    }
  }

  /** Runs `job` after `delay_ms` of simulated time. */
  after(delay_ms: number, job: () => void): void {
    this.#agenda.add({ at_ms: this.#now_ms + delay_ms, order: this.#order++, run: job });
  }

  sleep(delay_ms: number): Promise<void> {
    return new Promise((resolve) => this.after(delay_ms, resolve));
  }

  /** Runs until `done` holds or nothing is left to do. All promises of a job settle before the next job. */
  run(done: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      let sinceBreath = 0;
      const tick = (): void => process.nextTick(next);
      const next = (): void => {
        try {
          if (done()) return resolve();
          const job = this.#agenda.take();
          if (job === undefined) return resolve();
          this.#now_ms = job.at_ms;
          this.#reads = 0;
          job.run();
        } catch (error) {
          return reject(error);
        }
        // A tick requested by a microtask runs after all microtasks, when no promise callback is pending.
        if (++sinceBreath < jobsPerBreath) return void soon.then(tick);
        sinceBreath = 0;
        setImmediate(next);
      };
      next();
    });
  }
}
