/** Reporting of a keeper: reasons and log lines. */
import type { ReasonCode } from "../../protocol/reasons.ts";

export type TelemetryPort = {
  /** Counts a reason and logs it. */
  reason(group: string, code: ReasonCode, detail: string): void;
  info(text: string, fields?: Record<string, unknown>): void;
  warn(text: string, fields?: Record<string, unknown>): void;
  error(text: string, fields?: Record<string, unknown>): void;
};
