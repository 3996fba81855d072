import { describe, expect, it } from "vitest";
import { clockOffset } from "../../../../keeper/api/clock-offset.ts";

/** Measures a clock that is off by `off_ms` against a correct server, with `latency_ms` each way. */
async function measured(options: { off_ms: number; latency_ms: number; start_ms: number }) {
  let true_ms = options.start_ms;
  const clock = {
    now_ms: () => true_ms + options.off_ms,
    sleep: async (ms: number) => {
      true_ms += ms;
    },
  };
  return clockOffset(async () => {
    true_ms += options.latency_ms;
    const date = new Date(Math.floor(true_ms / 1000) * 1000).toUTCString();
    true_ms += options.latency_ms;
    return date;
  }, clock);
}

describe("the offset of the clock", () => {
  it("is measured within its own uncertainty, from whole seconds", async () => {
    for (const off_ms of [-5_000, -200, -1, 0, 150, 999, 61_000]) {
      for (const latency_ms of [0, 5, 40]) {
        for (const start_ms of [1_763_700_000_000, 1_763_700_000_437, 1_763_700_000_999]) {
          const found = await measured({ off_ms, latency_ms, start_ms });
          expect(found).toBeDefined();
          const error_ms = Math.abs((found?.offset_ms ?? Number.NaN) - off_ms);
          expect(error_ms).toBeLessThanOrEqual((found?.uncertainty_ms ?? 0) + 1);
          expect(found?.uncertainty_ms).toBeLessThanOrEqual(31 + 2 * latency_ms);
        }
      }
    }
  });

  it("is unknown if the server sends no date", async () => {
    const clock = { now_ms: () => 0, sleep: async () => undefined };
    expect(await clockOffset(async () => undefined, clock)).toBeUndefined();
    expect(await clockOffset(async () => "yesterday", clock)).toBeUndefined();
  });
});
