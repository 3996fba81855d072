/** Whether the provider works for others at this moment: the scrub then waits. */
import type { Responder, SilentResponder } from "./responder.ts";

export class Load {
  #running = 0;

  isBusy(): boolean {
    return this.#running > 0;
  }

  /** The responder, counted while it works. */
  counted<Request>(respond: Responder<Request>): Responder<Request>;
  counted<Request>(respond: SilentResponder<Request>): SilentResponder<Request>;
  counted<Request>(respond: SilentResponder<Request>): SilentResponder<Request> {
    return async (request, peer) => {
      this.#running++;
      try {
        return await respond(request, peer);
      } finally {
        this.#running--;
      }
    };
  }
}
