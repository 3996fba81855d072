/** `whitepay get NAME…`: reads items back from whichever providers answer, verified and decrypted. */
import { rmdir } from "node:fs/promises";
import { join } from "node:path";
import type { Command } from "commander";
import type { Catalogue, CatalogueItem } from "../../client/storing/catalogue.ts";
import { usageError } from "../console/exit.ts";
import { printJson, printLine } from "../console/output.ts";
import { formatBytes, progressBar } from "../console/progress.ts";
import { itemName, readingOptions } from "./options.ts";
import type { PayerOptions } from "../chain/account.ts";
import { readItem } from "./read-item.ts";
import { freePath, restore } from "./restore.ts";
import { knownGroup } from "./find-group.ts";
import { withSession } from "./session.ts";
import { madeGroup } from "./state.ts";
import { readStored } from "./stored.ts";

/** In the folder of the results: unfinished pieces, which the next run continues. */
const partFolder = ".whitepay-part";

type GetOptions = PayerOptions & { readonly out: string };

export function register(program: Command): void {
  const command = program
    .command("get")
    .description("read stored files and folders back; re-run to continue")
    .argument("<names...>", "names as `whitepay list` shows them")
    .option("--out <folder>", "folder for them", ".");
  readingOptions(command).action((names: string[], options: GetOptions) => get(names, options));
}

/** @throws CliError exit 2 with the names that are not there */
export function itemsNamed({ items }: Catalogue, names: readonly string[]): CatalogueItem[] {
  const wanted = names.map(itemName);
  const missing = wanted.filter((name) => !items.some((item) => item.name === name));
  if (missing.length === 0) return items.filter(({ name }) => wanted.includes(name));
  throw usageError(`nothing is stored under ${missing.join(", ")}`, {
    expected:
      items.length === 0
        ? "nothing is stored"
        : items
            .slice(0, 20)
            .map(({ name }) => name)
            .join(", "),
    hint: "`whitepay list` shows all names",
  });
}

async function get(names: readonly string[], options: GetOptions): Promise<void> {
  await withSession(options, async (session) => {
    const stored = await readStored(session, await knownGroup(session, await madeGroup(options)));
    const done: object[] = [];
    for (const item of itemsNamed(stored.catalogue, names)) {
      const bar = progressBar({ label: item.name, total: Math.max(1, item.bytes), format: formatBytes });
      let bytes = 0;
      const onBytes = (more: number): void => bar?.update((bytes += more));
      const scope = { session, stored, folder: join(options.out, partFolder), onBytes };
      try {
        await freePath(item, options.out);
        const read = await readItem(scope, item);
        const path = await restore(read, item, options.out);
        await read.close();
        done.push({ name: item.name, bytes: item.bytes, path, providers: read.providers });
        if (options.json !== true)
          printLine(`${path}  ${formatBytes(item.bytes)}, from ${read.providers.join(", ")}`);
      } finally {
        bar?.stop();
      }
    }
    // Not empty: it holds ranges of an item whose reading was interrupted.
    await rmdir(join(options.out, partFolder)).catch(() => undefined);
    if (options.json === true) printJson({ items: done });
  });
}
