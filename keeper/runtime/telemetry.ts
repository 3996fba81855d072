/** Passes reasons to the log and to further listeners: counters and the ledger. */
import type { TelemetryPort } from "../ports/telemetry.ts";

export function fanOut(log: TelemetryPort, onReason: readonly TelemetryPort["reason"][]): TelemetryPort {
  return {
    reason: (contract, code, detail) => {
      log.reason(contract, code, detail);
      for (const hear of onReason) hear(contract, code, detail);
    },
    info: (text, fields) => log.info(text, fields),
    warn: (text, fields) => log.warn(text, fields),
    error: (text, fields) => log.error(text, fields),
  };
}
