/** Ledgers of tests. */
import { onTestFinished } from "vitest";
import { TypeormLedger } from "../../keeper/adapters/ledger-typeorm/index.ts";
import { ledgerLocation } from "../../keeper/adapters/ledger-typeorm/location.ts";

/** Opens the ledger at a path or URL, and closes it after the test. */
export async function openLedger(where: string, now_ms?: () => number): Promise<TypeormLedger> {
  const ledger = await TypeormLedger.open(ledgerLocation(where), now_ms);
  onTestFinished(() => ledger.close());
  return ledger;
}

/** Counts of a ledger without challenges. */
export const noChallenges = {
  asked: 0,
  whole: 0,
  partial: 0,
  failed: 0,
  unmeasured: 0,
  bytesProven: 0n,
  bytesCommitted: 0n,
};
