/**
 * A process that writes without end until it is killed: `writer-process.ts store|ledger PATH`. Each line on stdout is the
 * number of a slot whose write was acknowledged before the line was printed.
 */
import { writeSync } from "node:fs";
import { TypeormLedger } from "../../keeper/adapters/ledger-typeorm/index.ts";
import { ledgerLocation } from "../../keeper/adapters/ledger-typeorm/location.ts";
import { LevelStore } from "../../keeper/adapters/store-level.ts";
import { provenRecord, storeGroup, storeServed, writeOf } from "./records.ts";

const [kind, path] = process.argv.slice(2) as [string, string];
const write = kind === "store" ? await storeWriter(path) : await ledgerWriter(path);
for (let slot = 0; ; slot++) {
  await write(slot);
  writeSync(1, `${slot}\n`);
}

async function storeWriter(folder: string): Promise<(slot: number) => Promise<void>> {
  const store = await LevelStore.open(folder);
  return (slot) =>
    store.write(storeGroup, [
      writeOf(slot),
      { kind: "note", ts: slot, turn: 1, digest: provenRecord(slot).blockHash },
    ]);
}

async function ledgerWriter(file: string): Promise<(slot: number) => Promise<void>> {
  const ledger = await TypeormLedger.open(ledgerLocation(file));
  return (slot) =>
    ledger.addChallenges([{ ...storeServed, record: provenRecord(slot), committed: 2n ** 71n }]);
}
