/** Options that several commands of a ceremony have. */
import type { Command } from "commander";

export type KeyOptions = { readonly key: string; readonly passwordFile?: string };

export function keyOptions(command: Command, whose: string): Command {
  return command
    .requiredOption(
      "--key <file>",
      `${whose}'s key, an Ethereum JSON keystore (whitepay group key creates one)`,
    )
    .option("--password-file <file>", "file whose first line is the password of the key");
}

/** Seconds since 1970. */
export const clock = (): number => Math.floor(Date.now() / 1000);
