/** Options that the commands of a payer's data share. */
import type { Command } from "commander";
import { payerOptions, type PayerOptions } from "../chain/account.ts";
import { CliError, exitCodes } from "../console/exit.ts";
import { jsonOption } from "../console/options.ts";
import { say } from "../console/output.ts";
import { askYesNo } from "../console/prompt.ts";

export type StoringOptions = PayerOptions;

/** For commands that send transactions. */
export function storingOptions(command: Command): Command {
  return payerOptions(
    jsonOption(command.option("--yes", "do not ask").option("--dry-run", "show the plan; send nothing")),
  );
}

/** Whether the user agrees to the plan that was shown. False after a dry run. @throws CliError exit 130 if the user declines */
export async function agreed(options: StoringOptions, question: string): Promise<boolean> {
  if (options.dryRun === true) {
    say("nothing sent (--dry-run)");
    return false;
  }
  if (options.yes === true || (await askYesNo(question, "--yes does not ask, --dry-run sends nothing")))
    return true;
  throw new CliError({ code: exitCodes.interrupted, message: "nothing sent" });
}

/** For commands that only read. */
export function readingOptions(command: Command): Command {
  return payerOptions(jsonOption(command));
}

/** A name as users type it: `photos/` is the folder `photos`. */
export function itemName(text: string): string {
  return text.replace(/\/+$/, "");
}
