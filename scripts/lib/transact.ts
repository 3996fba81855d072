/**
 * How every command sends a transaction: simulate, show amounts and gas, ask, simulate again, send, look at the result.
 * Nothing costs money before the last question.
 */
import type { Command } from "commander";
import { formatEther, formatUnits, type Contract, type Signer, type TransactionReceipt } from "ethers";
import { CliError, exitCodes } from "./exit.ts";
import { say } from "./output.ts";
import { askYesNo } from "./prompt.ts";
import { refusalOf } from "./revert.ts";

/** Options of each command that costs money. */
export type MoneyFlags = { readonly yes?: boolean; readonly dryRun?: boolean };

export function moneyOptions(command: Command): Command {
  return command
    .option("--yes", "send without asking")
    .option("--dry-run", "simulate and show, send nothing");
}

export function jsonOption(command: Command): Command {
  return command.option("--json", "print one JSON document on stdout");
}

export type TransactionPlan = {
  /** In a few words, as in "registering keeper 0x…": also used in refusals. */
  readonly what: string;
  readonly contract: Contract;
  readonly method: string;
  readonly args: readonly unknown[];
  /** Coin sent along, in wei. */
  readonly value?: bigint;
  /** What a person should see before agreeing: label and text, amounts with their unit. */
  readonly shows?: readonly (readonly [label: string, text: string])[];
};

export type TransactionReport = {
  readonly what: string;
  readonly from: string;
  readonly to: string;
  readonly method: string;
  /** wei */
  readonly value: bigint;
  readonly gas: bigint;
  /** wei */
  readonly maxFeePerGas: bigint;
  /** wei: gas limit × highest fee + value */
  readonly maxCost: bigint;
  readonly sent: boolean;
  readonly hash?: string;
  readonly block?: number;
  readonly gasUsed?: bigint;
  /** wei */
  readonly fee?: bigint;
};

/** The state may move between estimate and block: a little more than it took. */
const gasMarginPercent = 130n;
const receiptTimeout_ms = 600_000;

type Prepared = {
  readonly data: string;
  readonly gas: bigint;
  readonly maxFeePerGas: bigint;
  readonly tip: bigint;
};

async function simulate(plan: TransactionPlan, signer: Signer): Promise<bigint> {
  const { contract, method, args, value = 0n } = plan;
  const from = await signer.getAddress();
  const to = await contract.getAddress();
  const data = contract.interface.encodeFunctionData(method, args);
  const { provider } = signer;
  if (provider === null) throw new Error("transact: the signer has no provider");
  try {
    await provider.call({ from, to, data, value });
    return await provider.estimateGas({ from, to, data, value });
  } catch (error) {
    const refused = refusalOf(contract.interface, plan.what, error);
    if ((error as { code?: unknown }).code === "INSUFFICIENT_FUNDS") {
      throw lacking(from, value, await provider.getBalance(from), error);
    }
    throw refused ?? error;
  }
}

function lacking(account: string, needed: bigint, balance: bigint, cause?: unknown): CliError {
  return new CliError({
    code: exitCodes.funds,
    message: `account ${account} has too little coin`,
    expected: `at least ${formatEther(needed)} (gas and value)`,
    actual: formatEther(balance),
    hint: "send coin to it",
    cause,
  });
}

async function prepare(plan: TransactionPlan, signer: Signer): Promise<Prepared> {
  const estimated = await simulate(plan, signer);
  const { provider } = signer;
  if (provider === null) throw new Error("transact: the signer has no provider");
  const fees = await provider.getFeeData();
  const maxFeePerGas = fees.maxFeePerGas ?? fees.gasPrice ?? 0n;
  const gas = (estimated * gasMarginPercent) / 100n;
  const from = await signer.getAddress();
  const balance = await provider.getBalance(from);
  const needed = gas * maxFeePerGas + (plan.value ?? 0n);
  if (balance < needed) throw lacking(from, needed, balance);
  const data = plan.contract.interface.encodeFunctionData(plan.method, plan.args);
  return { data, gas, maxFeePerGas, tip: fees.maxPriorityFeePerGas ?? 0n };
}

function preview(plan: TransactionPlan, report: TransactionReport): void {
  const rows: (readonly [string, string])[] = [
    ...(plan.shows ?? []),
    ["from", report.from],
    ["to", report.to],
    ["call", report.method],
    ...(report.value > 0n ? [["coin sent along", formatEther(report.value)] as const] : []),
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
 * Simulates, shows, asks (unless `yes`), simulates again, sends, waits for the block.
 * @throws CliError exit 4 if the contract refuses it, 5 if coin is missing, 2 if nobody can be asked, 130 if a no is answered
 */
export async function transact(
  plan: TransactionPlan,
  signer: Signer,
  flags: MoneyFlags,
): Promise<TransactionReport> {
  const value = plan.value ?? 0n;
  const first = await prepare(plan, signer);
  const report: TransactionReport = {
    what: plan.what,
    from: await signer.getAddress(),
    to: await plan.contract.getAddress(),
    method: plan.method,
    value,
    gas: first.gas,
    maxFeePerGas: first.maxFeePerGas,
    maxCost: first.gas * first.maxFeePerGas + value,
    sent: false,
  };
  preview(plan, report);
  if (flags.dryRun === true) {
    say("nothing sent (--dry-run)");
    return report;
  }
  if (
    flags.yes !== true &&
    !(await askYesNo("Send it?", "--yes sends without asking, --dry-run sends nothing"))
  ) {
    throw new CliError({ code: exitCodes.interrupted, message: "not sent" });
  }
  // While a person reads, the chain moves on: what was true in the preview has to be true now.
  const now = await prepare(plan, signer);
  const fees = { maxFeePerGas: now.maxFeePerGas, maxPriorityFeePerGas: now.tip };
  const sent = await signer.sendTransaction({
    to: report.to,
    data: now.data,
    value,
    gasLimit: now.gas,
    ...fees,
  });
  say(`sent ${sent.hash}`);
  const receipt = await settled(plan, sent.hash, signer);
  say(`in block ${receipt.blockNumber}, ${receipt.gasUsed} gas, ${formatEther(receipt.fee)} paid`);
  return {
    ...report,
    gas: now.gas,
    maxFeePerGas: now.maxFeePerGas,
    maxCost: now.gas * now.maxFeePerGas + value,
    sent: true,
    hash: sent.hash,
    block: receipt.blockNumber,
    gasUsed: receipt.gasUsed,
    fee: receipt.fee,
  };
}

async function settled(plan: TransactionPlan, hash: string, signer: Signer): Promise<TransactionReceipt> {
  const receipt = await signer.provider?.waitForTransaction(hash, 1, receiptTimeout_ms);
  if (receipt === null || receipt === undefined) {
    throw new CliError({
      code: exitCodes.network,
      message: `${hash} is in no block after ${receiptTimeout_ms / 60_000} minutes`,
      hint: "look for it before you send anything again",
    });
  }
  if (receipt.status === 1) return receipt;
  // Mined and refused although it was simulated: the same call now says why.
  await simulate(plan, signer);
  throw new CliError({
    code: exitCodes.refused,
    message: `${hash} was mined and refused; a repeated simulation passes`,
    hint: "try it again",
  });
}
