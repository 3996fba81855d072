/** Logs as JSON lines on stderr. */
import { pino } from "pino";
import type { Logger } from "pino";
import { reasons } from "../core/reasons.ts";
import type { ReasonCode } from "../core/reasons.ts";
import type { TelemetryPort } from "../ports/telemetry.ts";

export class PinoTelemetry implements TelemetryPort {
  readonly #log: Logger;

  constructor(level: string, name: string) {
    this.#log = pino({ level, name }, pino.destination({ fd: 2, sync: false }));
  }

  reason(group: string, code: ReasonCode, detail: string): void {
    this.#log.warn({ group, reason: code, detail }, reasons[code].short);
  }

  info(text: string, fields: Record<string, unknown> = {}): void {
    this.#log.info(fields, text);
  }

  warn(text: string, fields: Record<string, unknown> = {}): void {
    this.#log.warn(fields, text);
  }

  error(text: string, fields: Record<string, unknown> = {}): void {
    this.#log.error(fields, text);
  }
}
