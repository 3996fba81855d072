/** `whitepay list`: the stored items, and the number of copies that were proven lately. */
import type { Command } from "commander";
import type { CatalogueItem } from "../../client/storing/catalogue.ts";
import type { PayerOptions } from "../chain/account.ts";
import { printJson, printLine, say } from "../console/output.ts";
import { formatBytes } from "../console/progress.ts";
import { readingOptions } from "./options.ts";
import { placesOf } from "./read-item.ts";
import { knownGroup } from "./find-group.ts";
import { withSession } from "./session.ts";
import { madeGroup } from "./state.ts";
import { readStored, type StoredGroup } from "./stored.ts";

/** A copy counts as proven if its provider proved so much of its data in the last settlement, in 1/10000. */
export const provenBps = 9_000n;

export function register(program: Command): void {
  const command = program
    .command("list")
    .description("list what is stored, with the copies that were proven lately");
  readingOptions(command).action((options: PayerOptions) => list(options));
}

/** Copies whose provider is settled in this group, proved its data, and stays. */
export function provenCopies(stored: StoredGroup, item: CatalogueItem): number {
  const { settledThrough } = stored.page.state;
  return placesOf(stored, item).filter(({ holder: { account } }) => {
    const { activeFrom, proven } = account;
    return activeFrom < settledThrough && proven.paid * 10_000n >= proven.committed * provenBps;
  }).length;
}

async function list(options: PayerOptions): Promise<void> {
  await withSession(options, async (session) => {
    const stored = await readStored(session, await knownGroup(session, await madeGroup(options)));
    const items = stored.catalogue.items.map((item) => ({
      name: item.name,
      bytes: item.bytes,
      copies: item.copies.length,
      provenCopies: provenCopies(stored, item),
    }));
    if (options.json === true) return printJson({ items });
    for (const { name, bytes, copies, provenCopies: proven } of items) {
      printLine(`${name}  ${formatBytes(bytes)}, ${copies} copies, ${proven} proven lately`);
    }
    if (items.length === 0) say("nothing is stored");
  });
}
