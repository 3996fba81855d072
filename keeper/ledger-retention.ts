/** Bounds the growth of the ledger: challenges older than the retention become daily counts. */
import type { ClockPort } from "./ports/clock.ts";
import type { BooksPort } from "./ports/ledger.ts";

const retention_ms = 90 * 86_400_000;
const every_ms = 3_600_000;

/** Resolves when `signal` aborts. */
export async function retainLedger(
  books: Pick<BooksPort, "retain">,
  clock: ClockPort,
  onError: (error: Error) => void,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    try {
      await books.retain(clock.now_ms() - retention_ms);
    } catch (error) {
      onError(error as Error);
    }
    await clock.sleep(every_ms, signal);
  }
}
