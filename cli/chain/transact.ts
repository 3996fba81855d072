/** Shows a simulated transaction with its amounts and gas, asks the user, and sends it. */
import type { Command } from "commander";
import { formatEther, formatUnits, type Signer } from "ethers";
import { send, simulate } from "../../client/transactions.ts";
import type { TransactionPlan, TransactionReport } from "../../client/transactions.ts";
import { say } from "../console/output.ts";
import { askYesNo } from "../console/prompt.ts";

export type { TransactionPlan, TransactionReport } from "../../client/transactions.ts";

/** Options of every command that sends transactions. */
export type MoneyFlags = { readonly yes?: boolean; readonly dryRun?: boolean };

export function moneyOptions(command: Command): Command {
  return command
    .option("--yes", "send without asking")
    .option("--dry-run", "simulate and print the transactions; send nothing");
}

function preview(plan: TransactionPlan, report: TransactionReport): void {
  const rows: (readonly [string, string])[] = [
    ...(plan.shows ?? []),
    ["from", report.from],
    ["to", report.to],
    ["call", report.method],
    ...(report.value > 0n ? [["value", formatEther(report.value)] as const] : []),
    ["gas", `${report.gas} at most, at up to ${formatUnits(report.maxFeePerGas, "gwei")} gwei`],
    ["costs at most", formatEther(report.maxCost)],
  ];
  const width = Math.max(...rows.map(([label]) => label.length));
  say(
    [
      `${plan.what} (simulated: the contract accepts it)`,
      ...rows.map(([label, text]) => `  ${label.padEnd(width)}  ${text}`),
    ].join("\n"),
  );
}

/**
 * Simulates, prints, asks (unless `yes`), simulates again, sends, and waits for the block.
 * @throws WhitePayError if the contract refuses it (exit 4), coin is missing (5) or the user declines (130); CliError exit 2
 * if there is no terminal for the question
 */
export async function transact(
  plan: TransactionPlan,
  signer: Signer,
  flags: MoneyFlags,
  onSent?: (hash: string) => Promise<void>,
): Promise<TransactionReport> {
  if (flags.dryRun === true) {
    const report = await simulate(plan, signer);
    preview(plan, report);
    say("nothing sent (--dry-run)");
    return report;
  }
  const report = await send(plan, signer, {
    confirm: async (_, simulated) => {
      preview(plan, simulated);
      return (
        flags.yes === true || askYesNo("Send it?", "--yes sends without asking, --dry-run sends nothing")
      );
    },
    onSent: async (hash) => {
      say(`sent ${hash}`);
      await onSent?.(hash);
    },
  });
  say(`in block ${report.block}, ${report.gasUsed} gas, ${formatEther(report.fee ?? 0n)} paid`);
  return report;
}
