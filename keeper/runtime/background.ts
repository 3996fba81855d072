/** Work that must not keep messages and blocks waiting: so much at a time, with a pause after each piece. */
import type { ClockPort } from "../ports/clock.ts";

export class BackgroundQueue {
  readonly #clock: ClockPort;
  readonly #onError: (error: unknown) => void;
  /** Pieces of work under way at once. */
  readonly #width: number;
  readonly #work: (() => void | Promise<void>)[] = [];
  #running = 0;

  constructor(clock: ClockPort, onError: (error: unknown) => void, width: number) {
    this.#clock = clock;
    this.#onError = onError;
    this.#width = width;
  }

  add(work: () => void | Promise<void>): void {
    this.#work.push(work);
    if (this.#running < this.#width) void this.#drain();
  }

  async #drain(): Promise<void> {
    this.#running++;
    for (let work = this.#work.shift(); work !== undefined; work = this.#work.shift()) {
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
