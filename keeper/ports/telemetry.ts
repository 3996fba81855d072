/** Reporting of a keeper: reasons and log lines. */
import type { ReasonCode } from "../../protocol/reasons.ts";

export type TelemetryPort = {
  /**
   * Counts a reason and logs it.
   * @param contract address of the committee or group that it is about; empty: neither
   */
  reason(contract: string, code: ReasonCode, detail: string): void;
  info(text: string, fields?: Record<string, unknown>): void;
  warn(text: string, fields?: Record<string, unknown>): void;
  error(text: string, fields?: Record<string, unknown>): void;
};
