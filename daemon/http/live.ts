/** The status as server-sent events: it is read once for all listeners, and sent when it has changed. */
import type { Context } from "hono";
import { streamSSE } from "hono/streaming";
import { createHash } from "node:crypto";

/** Most listeners at once; further ones are refused with Retry-After. */
export const maxListeners = 32;
const beat_ms = 15_000;
const look_ms = 1_000;

type Listener = (data: string) => void;

export class Live {
  readonly #look: () => Promise<unknown>;
  readonly #listeners = new Set<Listener>();
  readonly #ends = new Set<() => void>();
  #timer: NodeJS.Timeout | undefined;
  #last = "";
  #digest = "";

  constructor(look: () => Promise<unknown>) {
    this.#look = look;
  }

  /** Ends all streams. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    for (const end of this.#ends) end();
  }

  answer(context: Context): Response | Promise<Response> {
    if (this.#listeners.size >= maxListeners) {
      const error = { error: "too many listeners", expected: `at most ${maxListeners}`, actual: "one more" };
      return context.json(error, 503, { "Retry-After": "10" });
    }
    return streamSSE(context, async (stream) => {
      let waiting: string | undefined;
      let wake: () => void = () => undefined;
      // A slow listener gets only the newest state, so nothing accumulates.
      const listener: Listener = (data) => {
        waiting = data;
        wake();
      };
      const ending = new AbortController();
      const end = (): void => {
        ending.abort();
        wake();
      };
      this.#listeners.add(listener);
      this.#ends.add(end);
      stream.onAbort(end);
      if (this.#last !== "") waiting = this.#last;
      this.#start();
      try {
        await stream.write("retry: 2000\n\n");
        while (!ending.signal.aborted) {
          if (waiting === undefined) {
            const beat = setTimeout(() => wake(), beat_ms);
            await new Promise<void>((done) => {
              wake = done;
            });
            clearTimeout(beat);
          }
          const data = waiting;
          waiting = undefined;
          if (ending.signal.aborted) break;
          if (data === undefined) await stream.write(": alive\n\n");
          else await stream.writeSSE({ event: "status", data });
        }
      } finally {
        this.#listeners.delete(listener);
        this.#ends.delete(end);
      }
    });
  }

  #start(): void {
    if (this.#timer !== undefined) return;
    const again = (): void => {
      this.#tell()
        .catch(() => undefined)
        .finally(() => {
          if (this.#timer === undefined) return;
          if (this.#listeners.size === 0) this.#pause();
          else this.#timer = setTimeout(again, look_ms);
        });
    };
    this.#timer = setTimeout(again, 0);
  }

  /** Forgets the status: the next listener must not get an old one. */
  #pause(): void {
    this.#timer = undefined;
    this.#last = this.#digest = "";
  }

  async #tell(): Promise<void> {
    const status = await this.#look();
    const data = JSON.stringify(status);
    // The head's age alone is not a change: the page adds the time itself.
    const news = JSON.stringify(status, (key, value: unknown) => (key === "headAge_s" ? undefined : value));
    const digest = createHash("sha256").update(news).digest("base64");
    this.#last = data;
    if (digest === this.#digest) return;
    this.#digest = digest;
    for (const listener of this.#listeners) listener(data);
  }
}
