/** R47: a reader's accounts on its disk: what it signed for each channel, and what it got. One command at a time uses the folder. */
import { openLevel } from "../../provider/open-level.ts";
import type { ReadTabs } from "../../client/reading/purse.ts";
import type { ReadTab } from "../../protocol/reading-account.ts";
import { CliError, exitCodes, usageError } from "../console/exit.ts";

export type TabFolder = ReadTabs & {
  all(): Promise<[string, ReadTab][]>;
  close(): Promise<void>;
};

const format = 1;
type Saved = { readonly format: number; readonly signed: string; readonly received: string };

/** @throws CliError exit 2 if another command uses the folder, 1 if it is damaged */
export async function openTabs(folder: string): Promise<TabFolder> {
  const db = await openLevel(folder, { remedy: "restore the folder" }).catch((error: unknown) => {
    const { name, message } = error as Error;
    if (name !== "FolderInUseError") throw new CliError({ code: exitCodes.failed, message, cause: error });
    throw usageError(`${folder} is in use by another command`, {
      hint: "wait until it ends: two commands must not sign for one account at once",
    });
  });
  const read = (key: string, bytes: Uint8Array): ReadTab => {
    try {
      const saved = JSON.parse(new TextDecoder().decode(bytes)) as Saved;
      if (saved.format !== format) throw new RangeError(`expected ${format}, actual ${saved.format}`);
      return { signed: BigInt(saved.signed), received: BigInt(saved.received) };
    } catch (error) {
      throw new CliError({
        code: exitCodes.failed,
        message: `${folder}: the account ${key} is damaged: ${(error as Error).message}`,
        hint: "restore the folder, or name another one with --accounts",
        cause: error,
      });
    }
  };
  return {
    async get(key) {
      const bytes = await db.get(key);
      return bytes === undefined ? undefined : read(key, bytes);
    },
    async put(key, { signed, received }) {
      const saved: Saved = { format, signed: String(signed), received: String(received) };
      await db.put(key, new TextEncoder().encode(JSON.stringify(saved)), { sync: true });
    },
    async all() {
      const found: [string, ReadTab][] = [];
      for await (const [key, bytes] of db.iterator()) found.push([key, read(key, bytes)]);
      return found;
    },
    close: () => db.close(),
  };
}
