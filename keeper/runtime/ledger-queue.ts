/**
 * The way of the daemon's own rows into the ledger. The protocol never waits for it: rows queue up to a bound, a failing
 * database is tried again, and what does not fit any more is counted as a reason.
 */
import type { Hex } from "../core/hash.ts";
import type { ReasonCode } from "../core/reasons.ts";
import type { ChallengeRecord } from "../core/records.ts";
import type { ClockPort } from "../ports/clock.ts";
import type { LedgerPort, ReasonEntry } from "../ports/ledger.ts";

/** At 256 providers some forty slots. */
export const maxQueuedRows = 10_000;
/** Distinct (group, code, day) between two flushes. */
const maxReasons = 1_000;
const retry_ms = 1_000;
const day_ms = 86_400_000;

type Sink = LedgerPort & { addReasons(reasons: readonly ReasonEntry[]): Promise<void> };
type Trouble = (code: ReasonCode, detail: string) => void;

export class LedgerQueue implements LedgerPort {
  readonly #sink: Sink;
  readonly #clock: ClockPort;
  readonly #onTrouble: Trouble;
  readonly #rows: { readonly group: Hex; readonly record: ChallengeRecord }[] = [];
  readonly #reasons = new Map<string, ReasonEntry>();
  #wake: () => void = () => undefined;
  #closing = false;
  #overflowed = false;

  constructor(sink: Sink, clock: ClockPort, onTrouble: Trouble) {
    this.#sink = sink;
    this.#clock = clock;
    this.#onTrouble = onTrouble;
  }

  get length(): number {
    return this.#rows.length;
  }

  addChallenge(group: Hex, record: ChallengeRecord): Promise<void> {
    if (this.#rows.length < maxQueuedRows) {
      this.#rows.push({ group, record });
      this.#wake();
    } else if (!this.#overflowed) {
      this.#overflowed = true;
      this.#onTrouble(
        "ledger-overflow",
        `${maxQueuedRows} rows wait, provider ${record.provider} slot ${record.slot}`,
      );
    }
    return Promise.resolve();
  }

  /** Reasons of a day are one row: a flood of them stays small. */
  addReason(group: string, code: ReasonCode, detail: string): void {
    const at_ms = this.#clock.now_ms();
    const day = Math.floor(at_ms / day_ms);
    const key = `${group}/${code}/${day}`;
    const known = this.#reasons.get(key);
    if (known === undefined && this.#reasons.size >= maxReasons) return;
    this.#reasons.set(key, { group, code, day, count: (known?.count ?? 0) + 1, at_ms, detail });
    this.#wake();
  }

  /** Writes until `signal` aborts, then what is left, once. */
  async run(signal: AbortSignal): Promise<void> {
    signal.addEventListener("abort", () => this.#wake(), { once: true });
    while (!this.#closing) {
      this.#closing = signal.aborted;
      try {
        await this.#flush();
      } catch (error) {
        if (!this.#closing) this.#onTrouble("ledger-failed", String(error).slice(0, 300));
        await this.#clock.sleep(retry_ms, signal);
        continue;
      }
      if (this.#rows.length > 0 || this.#reasons.size > 0 || this.#closing || signal.aborted) continue;
      await new Promise<void>((wake) => {
        this.#wake = wake;
      });
    }
  }

  async #flush(): Promise<void> {
    for (let row = this.#rows[0]; row !== undefined; row = this.#rows[0]) {
      await this.#sink.addChallenge(row.group, row.record);
      this.#rows.shift();
    }
    this.#overflowed = false;
    const reasons = [...this.#reasons];
    if (reasons.length === 0) return;
    await this.#sink.addReasons(reasons.map(([, entry]) => entry));
    // Those that came meanwhile count from where the written ones end.
    for (const [key, written] of reasons) {
      const now = this.#reasons.get(key);
      if (now === undefined || now.count === written.count) this.#reasons.delete(key);
      else this.#reasons.set(key, { ...now, count: now.count - written.count });
    }
  }
}
