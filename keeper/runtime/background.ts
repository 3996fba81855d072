/** Heavy work one piece at a time, with a pause after each, so that messages and blocks are not kept waiting. */
import type { ClockPort } from "../ports/clock.ts";

export class BackgroundQueue {
  readonly #clock: ClockPort;
  readonly #onError: (error: unknown) => void;
  readonly #work: (() => void | Promise<void>)[] = [];
  #running = false;

  constructor(clock: ClockPort, onError: (error: unknown) => void) {
    this.#clock = clock;
    this.#onError = onError;
  }

  add(work: () => void | Promise<void>): void {
    this.#work.push(work);
    if (!this.#running) void this.#drain();
  }

  async #drain(): Promise<void> {
    this.#running = true;
    for (let work = this.#work.shift(); work !== undefined; work = this.#work.shift()) {
      try {
        await work();
      } catch (error) {
        this.#onError(error);
      }
      await this.#clock.sleep(0);
    }
    this.#running = false;
  }
}
