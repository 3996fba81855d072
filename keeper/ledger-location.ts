/** The configured location of the ledger. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { LedgerError, ledgerLocation } from "./adapters/ledger-typeorm/location.ts";
import type { LedgerLocation } from "./adapters/ledger-typeorm/location.ts";
import type { KeeperConfig } from "./config.ts";

/**
 * The configured location, or a file in the keeper's folder. The password of a server comes from WHITEPAY_LEDGER_PASSWORD or from a
 * file, so that the URL need not contain it.
 * @throws LedgerError if the password file cannot be read
 */
export async function ledgerLocationOf(config: KeeperConfig): Promise<LedgerLocation> {
  const { dataDir, ledger, ledgerPasswordFile: file } = config;
  const given = process.env["WHITEPAY_LEDGER_PASSWORD"];
  const password = given ?? (file === undefined ? undefined : await firstLine(file));
  return ledgerLocation(ledger ?? join(dataDir, "ledger.sqlite"), password);
}

async function firstLine(file: string): Promise<string> {
  try {
    return (await readFile(file, "utf8")).split(/\r?\n/)[0] ?? "";
  } catch (error) {
    throw new LedgerError(
      `ledgerPasswordFile ${file}: expected a file with the password, actual: ${(error as Error).message}`,
    );
  }
}
