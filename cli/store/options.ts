/** Options that the commands of a payer's data share. */
import type { Command } from "commander";
import { payerOptions, type PayerOptions } from "../chain/account.ts";
import { jsonOption } from "../console/options.ts";

export type StoringOptions = PayerOptions & { readonly yes?: boolean };

/** For commands that send transactions. */
export function storingOptions(command: Command): Command {
  return payerOptions(jsonOption(command.option("--yes", "do not ask")));
}

/** For commands that only read. */
export function readingOptions(command: Command): Command {
  return payerOptions(jsonOption(command));
}

/** A name as users type it: `photos/` is the folder `photos`. */
export function itemName(text: string): string {
  return text.replace(/\/+$/, "");
}
