/** `whitepay reader`: the peer id to which a payer can give permission to read. */
import type { Command } from "commander";
import { jsonOption } from "../console/options.ts";
import { printJson, printLine, say } from "../console/output.ts";
import { makeReaderKey, peerIdOf } from "./reader-key.ts";
import { registerMoney } from "./reader-money.ts";

export const defaultKey = "reader.key";

export function register(program: Command): void {
  const command = program
    .command("reader")
    // Options of a subcommand follow its name.
    .enablePositionalOptions()
    .description(
      "print the peer id to which a payer can give permission to read; makes its key if there is none",
    )
    .option("--reader-key <file>", "the key file", defaultKey);
  jsonOption(command).action(async ({ readerKey, json }: { readerKey: string; json?: boolean }) => {
    const { key, isNew } = await makeReaderKey(readerKey);
    const peerId = await peerIdOf(key);
    if (isNew) say(`made ${readerKey}; keep it: the permission is for its peer id alone`);
    if (json === true) printJson({ peerId, key: readerKey });
    else printLine(peerId);
  });
  registerMoney(command);
}
