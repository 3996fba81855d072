import { describe, expect, it } from "vitest";
import { textLine } from "../../../daemon/log-lines.ts";
import { PinoTelemetry } from "../../../keeper/adapters/telemetry-pino.ts";
import { needsAction, reasons } from "../../../protocol/reasons.ts";
import type { ReasonCode } from "../../../protocol/reasons.ts";

const time = Date.UTC(2026, 10, 21, 20, 53, 20, 99);
const line = (fields: object): string =>
  textLine(JSON.stringify({ level: 30, time, pid: 1, name: "0x12", ...fields }));

describe("a log line for people", () => {
  it("has time, level, message and detail, then code, group and the other fields in brackets", () => {
    expect(
      line({
        level: 40,
        msg: "answer too late",
        reason: "challenge-late",
        detail: "slot 4",
        group: "0xa1",
        untold: 3,
      }),
    ).toBe("2026-11-21 20:53:20 warn  answer too late: slot 4 (challenge-late, group 0xa1, untold 3)\n");
    expect(line({ msg: "stopped" })).toBe("2026-11-21 20:53:20 info  stopped\n");
    expect(line({ msg: "x", group: "", detail: "" })).toBe("2026-11-21 20:53:20 info  x\n");
  });

  it("is one line without control characters, for any text of other parties", () => {
    const told = line({ msg: "x", detail: "a\nb\u001b[2Jc\u202ed" });
    expect(told).toBe("2026-11-21 20:53:20 info  x: a?b?[2Jc?d\n");
  });
});

describe("levels of the log", () => {
  it("warns exactly of matters that need action of the operator", () => {
    const levels = new Map<string, number>();
    const out = {
      write: (text: string) => {
        const { reason, level } = JSON.parse(text) as { reason: string; level: number };
        levels.set(reason, level);
      },
    };
    const telemetry = new PinoTelemetry("info", "test", { out });
    for (const code of Object.keys(reasons) as ReasonCode[]) telemetry.reason("", code, "");
    const warned = [...levels].filter(([, level]) => level >= 40).map(([code]) => code);
    expect(levels.size).toBe(Object.keys(reasons).length);
    expect(new Set(warned)).toEqual(needsAction);
    // Each text names an action.
    for (const code of needsAction) {
      expect(reasons[code].long, code).toMatch(
        /[Cc]heck|[Uu]pdate|[Ss]top one|[Tt]ell|[Aa]sk|[Cc]orrect|third endpoint|Free some space/,
      );
    }
  });
});
