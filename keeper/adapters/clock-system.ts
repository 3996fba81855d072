import { randomBytes } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { toHex } from "../../protocol/hash.ts";
import type { ClockPort } from "../ports/clock.ts";

export const systemClock: ClockPort = {
  now_ms: () => performance.timeOrigin + performance.now(),
  sleep: async (delay_ms, signal) => {
    try {
      await delay(delay_ms, undefined, signal === undefined ? {} : { signal });
    } catch (error) {
      if (signal?.aborted !== true) throw error;
    }
  },
  entropy: () => toHex(randomBytes(32)),
};
