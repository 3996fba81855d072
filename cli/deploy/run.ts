/** Carries a deployment out, one transaction after the other; each one starts from what is on the chain, so it can be interrupted anywhere. */
import { setTimeout as sleep } from "node:timers/promises";
import type { JsonRpcProvider, Signer } from "ethers";
import { WhitePayError } from "../../client/errors.ts";
import { counted } from "../../protocol/counted.ts";
import { transact, type MoneyFlags, type TransactionReport } from "../chain/transact.ts";
import { CliError, exitCodes } from "../console/exit.ts";
import { say } from "../console/output.ts";
import { broadcastProxy, hasProxy } from "./proxy.ts";
import { missingSteps, planStep, stepTexts } from "./steps.ts";
import { isComplete, survey, type Survey, type SurveyOptions } from "./survey.ts";
import type { SystemCode } from "./system.ts";

export type DeployRun = {
  readonly provider: JsonRpcProvider;
  readonly signer: Signer;
  readonly code: SystemCode;
  readonly options: SurveyOptions;
  /** Called with the hash of each transaction. */
  readonly onSent?: (hash: string) => Promise<void>;
};

export type DeployResult = { readonly survey: Survey; readonly transactions: readonly TransactionReport[] };

const waitLimit_ms = 600_000;
const look_ms = 500;
const unattended: MoneyFlags = { yes: true };

/** A transaction that an interrupted run sent must be in a block before the chain is looked at: it must not be sent twice. */
export async function awaitPending(provider: JsonRpcProvider, account: string): Promise<void> {
  const end_ms = performance.now() + waitLimit_ms;
  for (let told = false; ; told = true) {
    const [mined, sent] = await Promise.all([
      provider.getTransactionCount(account, "latest"),
      provider.getTransactionCount(account, "pending"),
    ]);
    if (sent <= mined) return;
    if (!told) say(`waiting for ${counted(sent - mined, "pending transaction")} of ${account}`);
    if (performance.now() > end_ms) {
      throw new WhitePayError({
        code: "network",
        message: `transactions of ${account} are in no block after ${waitLimit_ms / 60_000} minutes`,
        expected: `nonce ${sent}`,
        actual: `nonce ${mined}`,
        hint: "replace or cancel them with a wallet, then run the command again",
      });
    }
    await sleep(look_ms);
  }
}

/** Sends the proxy's transaction. Returns why the chain does not take it; undefined when the proxy exists. */
async function createProxy({ provider, onSent }: DeployRun): Promise<string | undefined> {
  say(stepTexts.proxy);
  const answer = await broadcastProxy(provider);
  if (answer.kind === "refused") return answer.why;
  if (answer.kind === "unfunded")
    return "its account has the coin, and the chain still says that it lacks it";
  say(`sent ${answer.hash}`);
  await onSent?.(answer.hash);
  const receipt = await provider.waitForTransaction(answer.hash, 1, waitLimit_ms);
  if (await hasProxy(provider)) return undefined;
  return receipt === null
    ? "it is in no block after ten minutes"
    : "it used its 100,000 gas up on this chain";
}

function saySwitch(why: string): void {
  say(
    `the chain does not take the deployment proxy's transaction (${why}): deploying by the account's nonce, at addresses of this chain alone`,
  );
}

/**
 * Creates the missing contracts.
 * @throws CliError exit 6 if other code is at an address; WhitePayError as `transact` does
 */
export async function deployMissing(run: DeployRun): Promise<DeployResult> {
  const { provider, signer, code } = run;
  const from = await signer.getAddress();
  const transactions: TransactionReport[] = [];
  let { refusal } = run.options;
  let previous = "";
  for (;;) {
    await awaitPending(provider, from);
    const found = await survey(provider, from, code, { ...run.options, refusal });
    if (isComplete(found)) return { survey: found, transactions };
    const [step] = missingSteps(found);
    if (step === undefined || step === previous) throw noEffect(step ?? "the last step", found);
    previous = step;
    if (step === "proxy") {
      refusal = await createProxy(run);
      if (refusal !== undefined) saySwitch(refusal);
      continue;
    }
    transactions.push(await transact(planStep(step, found, code, signer), signer, unattended, run.onSent));
  }
}

/** A node behind another one may answer from an older block. */
function noEffect(step: string, { layout }: Survey): CliError {
  return new CliError({
    code: exitCodes.network,
    message: `"${step}" is in a block, but the endpoint does not show its contract`,
    expected: `code at the addresses of the deployer ${layout.deployer}`,
    actual: "none",
    hint: "the endpoint is behind: run the command again, it goes on where it stopped",
  });
}
