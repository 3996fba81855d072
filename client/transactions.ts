/** Sends transactions: simulate, confirm, simulate again, send, and check the result. */
import {
  formatEther,
  type Contract,
  type Signer,
  type TransactionReceipt,
  type TransactionResponse,
} from "ethers";
import { transactionGasCap } from "../protocol/fees.ts";
import { WhitePayError } from "./errors.ts";
import { missingContract } from "./missing-contract.ts";
import { refusalOf } from "./refusals.ts";
import { chainOf } from "./signer.ts";
import type { Token } from "./units.ts";

export type TransactionPlan = {
  /** A short text, for example "registering keeper 0x…"; refusals contain it too. */
  readonly what: string;
  readonly contract: Contract;
  readonly method: string;
  readonly args: readonly unknown[];
  /**
   * A transaction that calls no function of an ABI. `creation`: the data are creation code, and `contract` is at the address to come.
   * `call`: raw data for the contract's code. `transfer`: value for an account that may have no code. `method` is its name in reports.
   */
  readonly raw?: { readonly kind: "creation" | "call" | "transfer"; readonly data: string };
  /** Value of the transaction in wei. */
  readonly value?: bigint;
  /** Least gas limit, where a transaction of somebody else may make this one dearer after the estimate. */
  readonly leastGas?: bigint;
  /** Rows to show before the confirmation: label and text, amounts with their unit. */
  readonly shows?: readonly (readonly [label: string, text: string])[];
  /** Token of the amounts in a refusal. */
  readonly token?: Token;
};

export type TransactionReport = {
  readonly what: string;
  readonly from: string;
  /** The address to come of a contract that is created. */
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

export type SendOptions = {
  /** Receives the simulated transaction; false cancels it. Without `confirm` the transaction is sent. */
  readonly confirm?: (plan: TransactionPlan, report: TransactionReport) => Promise<boolean>;
  /** Called with the hash after sending, and awaited. */
  readonly onSent?: (hash: string) => void | Promise<void>;
};

/** Margin of the gas limit: the state may change between estimate and block. */
const gasMarginPercent = 130n;
const receiptTimeout_ms = 600_000;

type Prepared = {
  readonly data: string;
  readonly gas: bigint;
  readonly maxFeePerGas: bigint;
  readonly tip: bigint;
};

function dataOf({ contract, method, args, raw }: TransactionPlan): string {
  return raw === undefined ? contract.interface.encodeFunctionData(method, args) : raw.data;
}

/** Null for a transaction that creates a contract. */
async function receiverOf({ contract, raw }: TransactionPlan): Promise<string | null> {
  return raw?.kind === "creation" ? null : contract.getAddress();
}

async function simulated(plan: TransactionPlan, signer: Signer): Promise<bigint> {
  const { raw, value = 0n } = plan;
  const from = await signer.getAddress();
  const to = await receiverOf(plan);
  const data = dataOf(plan);
  const provider = chainOf(signer);
  // A call to an address without code succeeds without an effect.
  if (to !== null && raw?.kind !== "transfer" && (await provider.getCode(to)) === "0x") {
    throw missingContract("contract", to);
  }
  try {
    await provider.call({ from, to, data, value });
    return await provider.estimateGas({ from, to, data, value });
  } catch (error) {
    throw await explained(plan, signer, error);
  }
}

/** An error of a simulation or of sending: as a WhitePayError if the contract refuses or coin is missing. */
async function explained(
  { contract, what, token, value = 0n }: TransactionPlan,
  signer: Signer,
  error: unknown,
): Promise<unknown> {
  if ((error as { code?: unknown }).code === "INSUFFICIENT_FUNDS") {
    const from = await signer.getAddress();
    return lacking(from, value, await chainOf(signer).getBalance(from), error);
  }
  return refusalOf(contract.interface, what, error, token) ?? error;
}

function lacking(account: string, needed: bigint, balance: bigint, cause?: unknown): WhitePayError {
  return new WhitePayError({
    code: "funds",
    message: `account ${account} has too little coin`,
    expected: `at least ${formatEther(needed)} (gas and value)`,
    actual: formatEther(balance),
    hint: "send coin to it",
    cause,
  });
}

async function prepare(plan: TransactionPlan, signer: Signer): Promise<Prepared> {
  const estimated = await simulated(plan, signer);
  const provider = chainOf(signer);
  const fees = await provider.getFeeData();
  const maxFeePerGas = fees.maxFeePerGas ?? fees.gasPrice ?? 0n;
  if (estimated > transactionGasCap) {
    throw new WhitePayError({
      code: "refused",
      message: `${plan.what} needs more gas than the limit of a transaction`,
      expected: `at most ${transactionGasCap}`,
      actual: String(estimated),
      hint: "split it into smaller transactions",
    });
  }
  const usual = (estimated * gasMarginPercent) / 100n;
  const { leastGas = 0n } = plan;
  const wished = usual > leastGas ? usual : leastGas;
  const gas = wished < transactionGasCap ? wished : transactionGasCap;
  const from = await signer.getAddress();
  const balance = await provider.getBalance(from);
  const needed = gas * maxFeePerGas + (plan.value ?? 0n);
  if (balance < needed) throw lacking(from, needed, balance);
  return { data: dataOf(plan), gas, maxFeePerGas, tip: fees.maxPriorityFeePerGas ?? 0n };
}

async function reported(
  plan: TransactionPlan,
  signer: Signer,
  prepared: Prepared,
): Promise<TransactionReport> {
  const value = plan.value ?? 0n;
  return {
    what: plan.what,
    from: await signer.getAddress(),
    to: await plan.contract.getAddress(),
    method: plan.method,
    value,
    gas: prepared.gas,
    maxFeePerGas: prepared.maxFeePerGas,
    maxCost: prepared.gas * prepared.maxFeePerGas + value,
    sent: false,
  };
}

/**
 * Simulates the transaction and computes its cost. Sends nothing.
 * @throws WhitePayError `refused` if the contract refuses it, `funds` if coin is missing
 */
export async function simulate(plan: TransactionPlan, signer: Signer): Promise<TransactionReport> {
  return reported(plan, signer, await prepare(plan, signer));
}

/**
 * Simulates, confirms, simulates again, sends, and waits for the block.
 * @throws WhitePayError `refused` if the contract refuses it, `funds` if coin is missing, `cancelled` if `confirm` says no,
 * `network` if it is in no block after ten minutes
 */
export async function send(
  plan: TransactionPlan,
  signer: Signer,
  options: SendOptions = {},
): Promise<TransactionReport> {
  if (options.confirm !== undefined) {
    const agreed = await options.confirm(plan, await simulate(plan, signer));
    if (!agreed) throw new WhitePayError({ code: "cancelled", message: "not sent" });
  }
  // The chain may change during the confirmation: simulate again.
  const now = await prepare(plan, signer);
  const report = await reported(plan, signer, now);
  const sent = await sentBy(plan, signer, now);
  await options.onSent?.(sent.hash);
  const receipt = await mined(plan, sent.hash, signer);
  return {
    ...report,
    sent: true,
    hash: sent.hash,
    block: receipt.blockNumber,
    gasUsed: receipt.gasUsed,
    fee: receipt.fee,
  };
}

async function sentBy(
  plan: TransactionPlan,
  signer: Signer,
  { data, gas, maxFeePerGas, tip }: Prepared,
): Promise<TransactionResponse> {
  const request = {
    to: await receiverOf(plan),
    data,
    value: plan.value ?? 0n,
    gasLimit: gas,
    maxFeePerGas,
    maxPriorityFeePerGas: tip,
  };
  try {
    return await signer.sendTransaction(request);
  } catch (error) {
    // A node that executes a transaction before it takes it reports a revert here.
    throw await explained(plan, signer, error);
  }
}

async function mined(plan: TransactionPlan, hash: string, signer: Signer): Promise<TransactionReceipt> {
  const receipt = await chainOf(signer).waitForTransaction(hash, 1, receiptTimeout_ms);
  if (receipt === null) {
    throw new WhitePayError({
      code: "network",
      message: `${hash} is in no block after ${receiptTimeout_ms / 60_000} minutes`,
      hint: "check whether it is pending before you send it again",
    });
  }
  if (receipt.status === 1) return receipt;
  // The transaction reverted after a successful simulation: a new simulation gives the reason.
  await simulated(plan, signer);
  throw new WhitePayError({
    code: "refused",
    message: `${hash} reverted, but a new simulation succeeds`,
    hint: "re-run",
  });
}
