/** Whether the provider works for others at this moment: the scrub then waits. */
import type { Responder, SilentResponder } from "./responder.ts";

export class Load {
  #running = 0;

  isBusy(): boolean {
    return this.#running > 0;
  }

  /** The function, counted while it runs. */
  whileRuns<A extends readonly unknown[], R>(work: (...args: A) => Promise<R>): (...args: A) => Promise<R> {
    return async (...args) => {
      this.#running++;
      try {
        return await work(...args);
      } finally {
        this.#running--;
      }
    };
  }

  /** The responder, counted while it works. */
  counted<Request>(respond: Responder<Request>): Responder<Request>;
  counted<Request>(respond: SilentResponder<Request>): SilentResponder<Request>;
  counted<Request>(respond: SilentResponder<Request>): SilentResponder<Request> {
    return this.whileRuns(respond);
  }
}
