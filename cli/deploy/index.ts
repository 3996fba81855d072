/** `whitepay deploy`: puts the contracts on a chain. */
import { mkdir, readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { Command } from "commander";
import { formatEther, formatUnits, type JsonRpcProvider, type Wallet } from "ethers";
import { deployPurse, payerOptions, payerSigner, withChain, type PayerOptions } from "../chain/account.ts";
import type { Deployment } from "../chain/deployments.ts";
import { counted } from "../../protocol/counted.ts";
import { moneyOptions, transact, type TransactionReport } from "../chain/transact.ts";
import { CliError, exitCodes } from "../console/exit.ts";
import { jsonOption } from "../console/options.ts";
import { writeOutput } from "../console/output-file.ts";
import { printJson, printLine, say } from "../console/output.ts";
import { askYesNo } from "../console/prompt.ts";
import { proxyAddress, proxyCost } from "./proxy.ts";
import { awaitPending, deployMissing } from "./run.ts";
import { gasOf, missingSteps, planStep, stepTexts, type Step } from "./steps.ts";
import { isComplete, requirePrecompiles, survey, type Survey } from "./survey.ts";
import { partNames, readSystemCode, type SystemCode } from "./system.ts";
import { writeVerification } from "./verification.ts";

type DeployOptions = PayerOptions & { readonly byNonce?: boolean; readonly out?: string };

export function register(program: Command): void {
  const command = program
    .command("deploy")
    .description(
      "put the contracts on a chain, at addresses that are the same on every chain; goes on where an interrupted run stopped",
    )
    .option("--by-nonce", "without the deployment proxy: addresses of this chain alone")
    .option(
      "--out <folder>",
      "folder for the addresses and the input of source verification (default: whitepay-<chain id>)",
    );
  payerOptions(jsonOption(moneyOptions(command)), deployPurse).action((options: DeployOptions) =>
    withChain(
      options,
      async (provider, payer) => {
        await requirePrecompiles(provider);
        const code = await readSystemCode();
        await deploy({ provider, code, signer: await payerSigner(provider, payer) }, options);
      },
      deployPurse,
    ),
  );
}

type Tools = { readonly provider: JsonRpcProvider; readonly code: SystemCode; readonly signer: Wallet };

async function deploy(tools: Tools, options: DeployOptions): Promise<void> {
  const { provider, code, signer } = tools;
  const surveyed = { byNonce: options.byNonce ?? false };
  if (options.dryRun !== true) await awaitPending(provider, signer.address);
  const found = await survey(provider, signer.address, code, surveyed);
  const cost = await costOf(provider, found, code);
  show(found, cost);
  let last = found;
  let transactions: readonly TransactionReport[] = [];
  if (!isComplete(found)) {
    if (options.dryRun === true) transactions = await simulateFirst(tools, found);
    else {
      await confirm(tools, cost, options);
      ({ survey: last, transactions } = await deployMissing({ ...tools, options: surveyed }));
    }
  }
  const files = options.dryRun === true ? undefined : await writeFiles(options, code, last);
  finish(last, { options, transactions, files, cost });
}

type Cost = { readonly gas: bigint; readonly feePerGas: bigint; readonly wei: bigint };

async function costOf(provider: JsonRpcProvider, found: Survey, code: SystemCode): Promise<Cost> {
  const steps = missingSteps(found);
  const gas = BigInt(
    steps.filter((step) => step !== "proxy").reduce((sum, step) => sum + gasOf(step, code), 0),
  );
  const fees = await provider.getFeeData();
  const feePerGas = fees.maxFeePerGas ?? fees.gasPrice ?? 0n;
  return { gas, feePerGas, wei: gas * feePerGas + (steps.includes("fund") ? proxyCost : 0n) };
}

function state({ layout, hasDeployer, created, hasProxy, way }: Survey): readonly [string, string, string][] {
  const word = (there: boolean): string => (there ? "there, the right code" : "missing");
  const proxy: [string, string, string][] =
    way === "proxy" ? [["deployment proxy", proxyAddress, word(hasProxy)]] : [];
  return [
    ...proxy,
    ["Deployer", layout.deployer, word(hasDeployer)],
    ...partNames.map((name, index): [string, string, string] => [
      name,
      layout.parts[name],
      word(index < created),
    ]),
  ];
}

function show(found: Survey, { gas, feePerGas, wei }: Cost): void {
  say(`chain ${found.chainId}: EIP-2537 is there`);
  if (found.way === "nonce") {
    say(`deploying by the account's nonce, at addresses of this chain alone: ${found.why ?? ""}`);
  }
  for (const [name, address, is] of state(found)) say(`  ${name.padEnd(16)}  ${address}  ${is}`);
  const steps = missingSteps(found);
  if (steps.length === 0) return say("nothing to do: everything is there");
  say(`${counted(steps.length, "transaction")}:`);
  for (const step of steps) say(`  ${stepTexts[step]}`);
  say(
    `about ${gas} gas, at up to ${formatUnits(feePerGas, "gwei")} gwei: costs about ${formatEther(wei)} at most${
      steps.includes("fund") ? `, with ${formatEther(proxyCost)} for the proxy` : ""
    }`,
  );
}

/** The first transaction can be simulated; the others build on it. */
async function simulateFirst({ code, signer }: Tools, found: Survey): Promise<TransactionReport[]> {
  const step = missingSteps(found).find((each): each is Exclude<Step, "proxy"> => each !== "proxy");
  if (step === undefined || missingSteps(found)[0] === "proxy") {
    say("nothing sent (--dry-run)");
    return [];
  }
  return [await transact(planStep(step, found, code, signer), signer, { dryRun: true })];
}

async function confirm({ provider, signer }: Tools, { wei }: Cost, { yes }: DeployOptions): Promise<void> {
  const balance = await provider.getBalance(signer.address);
  if (balance < wei) {
    throw new CliError({
      code: exitCodes.funds,
      message: `account ${signer.address} has too little coin`,
      expected: `about ${formatEther(wei)}`,
      actual: formatEther(balance),
      hint: "send coin to it; nothing was sent",
    });
  }
  if (yes === true || (await askYesNo("Deploy?", "--yes sends without asking, --dry-run sends nothing")))
    return;
  throw new CliError({ code: exitCodes.interrupted, message: "nothing sent" });
}

async function ownVersion(): Promise<string> {
  const manifest = await readFile(new URL("../../package.json", import.meta.url), "utf8");
  return (JSON.parse(manifest) as { version: string }).version;
}

/** The file of a known deployment (cli/chain/deployments/README.md). */
async function deploymentOf({ chainId, way, layout }: Survey): Promise<Deployment> {
  const { Registry, UpkeepingFactory, Lens, Committee, Upkeeping, UpkeepingDesk, ReadVouchers } =
    layout.parts;
  return {
    chainId: Number(chainId),
    version: await ownVersion(),
    way,
    deployer: layout.deployer,
    registry: Registry,
    factory: UpkeepingFactory,
    lens: Lens,
    committee: Committee,
    group: Upkeeping,
    desk: UpkeepingDesk,
    vouchers: ReadVouchers,
  };
}

type Files = { readonly deployment: string; readonly verification: string };

async function writeFiles({ out }: DeployOptions, code: SystemCode, done: Survey): Promise<Files> {
  const folder = resolve(out ?? `whitepay-${done.chainId}`);
  await mkdir(folder, { recursive: true });
  const deployment = join(folder, `${done.chainId}.json`);
  await writeOutput(deployment, `${JSON.stringify(await deploymentOf(done), null, 2)}\n`);
  const verification = join(folder, "verification");
  await writeVerification(verification, code, done.layout);
  return { deployment, verification };
}

type Outcome = {
  readonly options: DeployOptions;
  readonly transactions: readonly TransactionReport[];
  readonly files: Files | undefined;
  readonly cost: Cost;
};

function finish(done: Survey, { options, transactions, files, cost }: Outcome): void {
  const { way, why, layout, chainId } = done;
  const complete = isComplete(done);
  if (options.json === true) {
    const { Registry, UpkeepingFactory, Lens, Committee, Upkeeping, UpkeepingDesk, ReadVouchers } =
      layout.parts;
    return printJson({
      chainId,
      way,
      ...(why === undefined ? {} : { why }),
      complete,
      deployer: layout.deployer,
      registry: Registry,
      factory: UpkeepingFactory,
      lens: Lens,
      committee: Committee,
      group: Upkeeping,
      desk: UpkeepingDesk,
      vouchers: ReadVouchers,
      missing: missingSteps(done),
      estimatedGas: cost.gas,
      transactions,
      ...(files === undefined ? {} : { files }),
    });
  }
  if (!complete) return;
  printLine(`chain:
  id: ${chainId}
  registry: "${layout.parts.Registry}"
  factory: "${layout.parts.UpkeepingFactory}"
  lens: "${layout.parts.Lens}"`);
  if (files === undefined) return;
  say(`every contract has exactly the code of this release
addresses: ${files.deployment}
input of source verification: ${files.verification}`);
}
