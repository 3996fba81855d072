/** A queue for work that must not delay messages and blocks: `width` pieces at once, with a pause after each piece. */
import type { ClockPort } from "../ports/clock.ts";

type Work = () => void | Promise<void>;

export class BackgroundQueue {
  readonly #clock: ClockPort;
  readonly #onError: (error: unknown) => void;
  /** Pieces of work that run at once. */
  readonly #width: number;
  readonly #urgent: Work[] = [];
  readonly #work: Work[] = [];
  #running = 0;

  constructor(clock: ClockPort, onError: (error: unknown) => void, width: number) {
    this.#clock = clock;
    this.#onError = onError;
    this.#width = width;
  }

  /** Pieces that wait or run. */
  get length(): number {
    return this.#urgent.length + this.#work.length + this.#running;
  }

  add(work: Work): void {
    this.#work.push(work);
    this.#start();
  }

  /** Runs before all pieces of `add`; pieces of `addFirst` keep their order. */
  addFirst(work: Work): void {
    this.#urgent.push(work);
    this.#start();
  }

  #start(): void {
    if (this.#running < this.#width) void this.#drain();
  }

  #next(): Work | undefined {
    return this.#urgent.shift() ?? this.#work.shift();
  }

  async #drain(): Promise<void> {
    this.#running++;
    for (let work = this.#next(); work !== undefined; work = this.#next()) {
      try {
        await work();
      } catch (error) {
        this.#onError(error);
      }
      await this.#clock.sleep(0);
    }
    this.#running--;
  }
}
