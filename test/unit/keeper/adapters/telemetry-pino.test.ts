import { describe, expect, it } from "vitest";
import { PinoTelemetry } from "../../../../keeper/adapters/telemetry-pino.ts";
import { reasonLogRate } from "../../../../protocol/limits/derived.ts";

describe("the log of reasons", () => {
  it("logs a flood of one reason in a few lines with counts, and other reasons at once", () => {
    const lines: { reason: string; untold?: number }[] = [];
    let now_ms = 0;
    const telemetry = new PinoTelemetry("info", "test", {
      out: { write: (line) => void lines.push(JSON.parse(line)) },
      now_ms: () => now_ms,
    });
    for (let i = 0; i < 10_000; i++) telemetry.reason("", "wire-stranger", `peer ${i}`);
    telemetry.reason("", "rpc-down", "another reason");
    expect(lines).toHaveLength(reasonLogRate.burst + 1);
    expect(lines.at(-1)).toMatchObject({ reason: "rpc-down" });
    now_ms = 1000 / reasonLogRate.perSecond;
    telemetry.reason("", "wire-stranger", "later");
    expect(lines.at(-1)).toMatchObject({ reason: "wire-stranger", untold: 10_000 - reasonLogRate.burst });
  });
});
