/** Logs as JSON lines on stderr, and counts reasons. */
import { pino } from "pino";
import type { Logger } from "pino";
import { reasons } from "../core/reasons.ts";
import type { ReasonCode } from "../core/reasons.ts";
import type { TelemetryPort } from "../ports/telemetry.ts";

export class PinoTelemetry implements TelemetryPort {
  readonly #log: Logger;
  readonly #counts = new Map<ReasonCode, number>();

  constructor(level: string, name: string) {
    this.#log = pino({ level, name }, pino.destination({ fd: 2, sync: false }));
  }

  get counts(): ReadonlyMap<ReasonCode, number> {
    return this.#counts;
  }

  reason(group: string, code: ReasonCode, detail: string): void {
    this.#counts.set(code, (this.#counts.get(code) ?? 0) + 1);
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
