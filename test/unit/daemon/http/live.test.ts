import { Hono } from "hono";
import { describe, expect, it, onTestFinished } from "vitest";
import { Live, maxListeners } from "../../../../daemon/http/live.ts";

type Listener = {
  readonly status: number;
  /** The next status sent; undefined: the stream has ended. */
  next(): Promise<unknown>;
  leave(): Promise<void>;
};

function scene(look: () => Promise<unknown>) {
  const live = new Live(look);
  onTestFinished(() => live.stop());
  const app = new Hono().get("/", (context) => live.answer(context));
  const listen = async (): Promise<Listener> => {
    const response = await app.request("/");
    const reader = (response.body as ReadableStream<Uint8Array<ArrayBuffer>>).getReader();
    const decoder = new TextDecoder();
    let text = "";
    const next = async (): Promise<unknown> => {
      for (;;) {
        const found = /event: status\ndata: (.*)\n\n/.exec(text);
        if (found !== null) {
          text = text.slice(found.index + found[0].length);
          return JSON.parse(found[1] ?? "");
        }
        const { done, value } = await reader.read();
        if (done) return undefined;
        text += decoder.decode(value, { stream: true });
      }
    };
    return { status: response.status, next, leave: () => reader.cancel() };
  };
  return { live, listen };
}

describe("the status stream", () => {
  it("sends the status at once and then at changes only, and reads it once for all listeners", async () => {
    let looks = 0;
    const { listen } = scene(async () => ({ step: Math.floor(looks++ / 2) }));
    const [one, two] = [await listen(), await listen()];
    expect(await one.next()).toEqual({ step: 0 });
    expect(await one.next()).toEqual({ step: 1 });
    expect(await two.next()).toEqual({ step: 0 });
    expect(await two.next()).toEqual({ step: 1 });
    expect(looks).toBeLessThanOrEqual(4);
    // A later listener gets the current status without waiting for a change.
    expect(await (await listen()).next()).toEqual({ step: 1 });
  });

  it("sends the first listener after a pause the present status, not an old one", async () => {
    let headAge_s = 1;
    let looks = 0;
    const { listen } = scene(async () => {
      looks++;
      return { headAge_s };
    });
    const first = await listen();
    expect(await first.next()).toEqual({ headAge_s: 1 });
    await first.leave();
    // Looks end when nobody listens.
    let before = -1;
    const isQuiet = (): boolean => before === (before = looks);
    await expect.poll(isQuiet, { interval: 1_500, timeout: 10_000 }).toBe(true);
    headAge_s = 3_600;
    expect(await (await listen()).next()).toEqual({ headAge_s: 3_600 });
  });

  it("refuses listeners above the limit, and accepts one again after another has left", async () => {
    const { listen } = scene(async () => ({ all: "quiet" }));
    const listeners: Listener[] = [];
    for (let i = 0; i < maxListeners; i++) listeners.push(await listen());
    expect(listeners.map(({ status }) => status)).toEqual(listeners.map(() => 200));
    expect((await listen()).status).toBe(503);
    expect(await listeners[0]?.next()).toEqual({ all: "quiet" });
    await listeners[0]?.leave();
    await expect.poll(async () => (await listen()).status).toBe(200);
  });

  it("ends when the keeper stops, and continues after a status that cannot be read", async () => {
    let fails = 2;
    const { live, listen } = scene(async () => {
      if (fails-- > 0) throw new Error("not now");
      return { well: true };
    });
    const listener = await listen();
    expect(await listener.next()).toEqual({ well: true });
    live.stop();
    expect(await listener.next()).toBeUndefined();
  });
});
