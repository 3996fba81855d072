/**
 * Queue of the daemon's own rows for the ledger. The protocol never waits for it: the queue is bounded, a failed write is repeated, and
 * rows beyond the bound are dropped with a reason.
 */
import type { ReasonCode } from "../../protocol/reasons.ts";
import type { ChallengeRecord } from "../../protocol/records.ts";
import type { ClockPort } from "../ports/clock.ts";
import type { BooksPort, ChallengeOf, LedgerPort, ReasonEntry, ServedGroup } from "../ports/ledger.ts";
import { counted } from "../../protocol/counted.ts";

/** About forty slots of 256 providers. */
export const maxQueuedRows = 10_000;
/** Rows of one transaction: the challenges of a slot need one disk sync. */
const batchRows = 256;
/** Most distinct (contract, code, day) between two flushes. */
const maxReasons = 1_000;
const retry_ms = 1_000;
const maxRetry_ms = 60_000;
const day_ms = 86_400_000;

type Sink = Pick<BooksPort, "addChallenges" | "addReasons">;
type Trouble = (code: ReasonCode, detail: string) => void;

export class LedgerQueue implements LedgerPort {
  readonly #sink: Sink;
  readonly #clock: ClockPort;
  readonly #onTrouble: Trouble;
  readonly #rows: ChallengeOf[] = [];
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

  addChallenge(served: ServedGroup, record: ChallengeRecord, committed: bigint): void {
    if (this.#rows.length < maxQueuedRows) {
      this.#rows.push({ ...served, record, committed });
      this.#wake();
    } else if (!this.#overflowed) {
      this.#overflowed = true;
      this.#onTrouble(
        "ledger-overflow",
        `the queue is full with ${counted(maxQueuedRows, "row")}; dropped: provider ${record.provider}, slot ${record.slot}`,
      );
    }
  }

  /** Equal reasons of one day are one row with a count, so a flood of them stays small. */
  addReason(contract: string, code: ReasonCode, detail: string): void {
    const at_ms = this.#clock.now_ms();
    const day = Math.floor(at_ms / day_ms);
    const key = `${contract}/${code}/${day}`;
    const known = this.#reasons.get(key);
    if (known === undefined && this.#reasons.size >= maxReasons) return;
    this.#reasons.set(key, { contract, code, day, count: (known?.count ?? 0) + 1, at_ms, detail });
    this.#wake();
  }

  /** Writes until `signal` aborts, then tries once to write the remaining rows. */
  async run(signal: AbortSignal): Promise<void> {
    signal.addEventListener("abort", () => this.#wake(), { once: true });
    let wait_ms = retry_ms;
    while (!this.#closing) {
      this.#closing = signal.aborted;
      try {
        await this.#flush();
        wait_ms = retry_ms;
      } catch (error) {
        if (!this.#closing) this.#onTrouble("ledger-failed", (error as Error).message.slice(0, 300));
        await this.#clock.sleep(wait_ms, signal);
        wait_ms = Math.min(2 * wait_ms, maxRetry_ms);
        continue;
      }
      if (this.#rows.length > 0 || this.#reasons.size > 0 || this.#closing || signal.aborted) continue;
      await new Promise<void>((wake) => {
        this.#wake = wake;
      });
    }
  }

  async #flush(): Promise<void> {
    while (this.#rows.length > 0) {
      const batch = this.#rows.slice(0, batchRows);
      await this.#sink.addChallenges(batch);
      this.#rows.splice(0, batch.length);
    }
    this.#overflowed = false;
    const reasons = [...this.#reasons];
    if (reasons.length === 0) return;
    await this.#sink.addReasons(reasons.map(([, entry]) => entry));
    // Reasons that arrived during the write stay in the queue.
    for (const [key, written] of reasons) {
      const now = this.#reasons.get(key);
      if (now === undefined || now.count === written.count) this.#reasons.delete(key);
      else this.#reasons.set(key, { ...now, count: now.count - written.count });
    }
  }
}
