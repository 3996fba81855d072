/**
 * The log. Reasons that need no action are no warnings. A frequent reason is counted and logged at intervals, so that a flood cannot fill
 * the disk (D6).
 */
import { pino } from "pino";
import type { DestinationStream, Logger } from "pino";
import { needsAction, reasons } from "../../protocol/reasons.ts";
import type { ReasonCode } from "../../protocol/reasons.ts";
import { reasonLogRate } from "../../protocol/limits/derived.ts";
import { TokenBuckets } from "../../protocol/limits/token-buckets.ts";
import type { TelemetryPort } from "../ports/telemetry.ts";

const maxNames = 4096;

export class PinoTelemetry implements TelemetryPort {
  readonly #log: Logger;
  readonly #lines: TokenBuckets;
  /** Number of reasons of a kind that were not logged since its last line. */
  readonly #untold = new Map<string, number>();

  constructor(level: string, name: string, on: { out: DestinationStream; now_ms?: () => number }) {
    this.#log = pino({ level, name }, on.out);
    this.#lines = new TokenBuckets(maxNames, on.now_ms ?? (() => performance.now()));
  }

  reason(contract: string, code: ReasonCode, detail: string): void {
    const kind = `${contract}/${code}`;
    const untold = this.#untold.get(kind) ?? 0;
    if (!this.#lines.take(kind, reasonLogRate)) {
      this.#untold.set(kind, untold + 1);
      return;
    }
    this.#untold.delete(kind);
    const more = untold > 0 ? { untold } : {};
    const level = needsAction.has(code) ? "warn" : "info";
    this.#log[level]({ contract, reason: code, detail, ...more }, reasons[code].short);
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
