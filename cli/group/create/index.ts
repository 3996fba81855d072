/** `whitepay group create FILE`: creates and funds the group of a file and adds its providers; a second run resumes. */
import type { Command } from "commander";
import type { JsonRpcProvider, Wallet } from "ethers";
import { writeFileAtomic } from "../../../storage/disk/atomic-write.ts";
import { GroupView, type GroupRules } from "../../../client/group-view.ts";
import { groupCreatedBy, planAddProvider, planCreate, planFund, registryOf } from "../../../client/plans.ts";
import { measureBlockTime } from "../../../client/status.ts";
import { readToken } from "../../../client/token.ts";
import { readConsent } from "../files/consent.ts";
import { usageError } from "../../console/exit.ts";
import { checkConsentData, dataOf, type ProviderData } from "../hashed-files.ts";
import { checkGroup, checkPace } from "./checks.ts";
import { readGroupFile, type GroupFile } from "../files/group.ts";
import { agree, changedFiles, costAtMost, depositOf, plannedFor, type Outlook } from "./outlook.ts";
import { createdGroup, createdPath, type CreatedGroup, type SentGroup } from "../files/created-group.ts";
import { readJsonInput } from "../../console/json-input.ts";
import { printJson, printLine, say } from "../../console/output.ts";
import { exists } from "../../console/output-file.ts";
import { checkDocument, ok, warn } from "../../console/check-item.ts";
import { payerOptions, payerSigner, withChain, type Payer, type PayerOptions } from "../../chain/account.ts";
import { moneyOptions, transact, type TransactionReport } from "../../chain/transact.ts";
import { jsonOption } from "../../console/options.ts";
import { counted } from "../../../protocol/counted.ts";

export function registerCreate(group: Command): void {
  const command = group
    .command("create")
    .description(
      "create the group of a file, deposit, and add the providers that consented; re-run to resume",
    )
    .argument(
      "<file>",
      "group file (YAML) with keepers, providers, data and price; docs/pay-for-storage.md has an example",
    );
  payerOptions(jsonOption(moneyOptions(command))).action((file: string, options: PayerOptions) =>
    withChain(options, (provider, payer) => create({ path: file, options, provider, payer })),
  );
}

async function readCreated(
  path: string,
  chainId: number,
  provider: JsonRpcProvider,
): Promise<CreatedGroup | undefined> {
  const file = createdPath(path);
  if (!(await exists(file))) return undefined;
  const found = await readJsonInput(file, createdGroup);
  if (found.chainId !== chainId) {
    throw usageError(`${file} belongs to another chain`, {
      expected: `chain ${chainId}`,
      actual: `chain ${found.chainId}`,
      hint: "to create another group, copy the group file to another name",
    });
  }
  const { group = await groupOfTransaction(provider, found.transaction, file) } = found;
  return { ...found, group };
}

/** Resumes a run that was interrupted after it sent the transaction. */
async function groupOfTransaction(
  provider: JsonRpcProvider,
  transaction: string,
  file: string,
): Promise<string> {
  const receipt = await provider.getTransactionReceipt(transaction);
  const group = receipt === null ? undefined : groupCreatedBy(receipt);
  if (group !== undefined) return group;
  throw usageError(
    receipt === null
      ? `transaction ${transaction}, which creates the group, is in no block yet`
      : `transaction ${transaction} created no group`,
    { hint: `re-run later; if the transaction is lost, remove ${file}` },
  );
}

function writeCreated(path: string, value: SentGroup): Promise<void> {
  return writeFileAtomic(createdPath(path), `${JSON.stringify(value, undefined, 2)}\n`);
}

type Work = {
  readonly path: string;
  readonly options: PayerOptions;
  readonly provider: JsonRpcProvider;
  readonly payer: Payer;
};
type Step = Work & {
  readonly file: GroupFile;
  readonly data: readonly ProviderData[];
  readonly signer: Wallet;
  readonly chainId: number;
  readonly reports: TransactionReport[];
};
/** Adds the operators of the file that are not in the group yet. */
type FilledOutlook = Outlook & { readonly absent: readonly string[] };
/** For a new group: adds its parameters. */
type FirstOutlook = FilledOutlook & { readonly rules: GroupRules };

async function create(work: Work): Promise<void> {
  const { path, options, provider, payer } = work;
  const file = await readGroupFile(path);
  const data = await dataOf(file.providers);
  const signer = await payerSigner(provider, payer);
  const chainId = Number((await provider.getNetwork()).chainId);
  const step: Step = { ...work, file, data, signer, chainId, reports: [] };
  const found = await readCreated(path, chainId, provider);
  if (found === undefined) {
    const outlook = await previewNew(step);
    await agree(outlook, options);
    const created = await makeGroup(step, outlook);
    await fundAndFill(step, outlook, created);
  } else {
    say(`group ${found.group} exists already (${createdPath(path)}); resuming`);
    const outlook = await previewRest(step, found);
    await agree(outlook, options);
    await fundAndFill(step, outlook, found);
  }
}

async function fundAndFill(
  step: Step,
  outlook: FilledOutlook,
  group: CreatedGroup | undefined,
): Promise<void> {
  // The user confirmed all transactions at once.
  const agreed = { ...step, options: { ...step.options, yes: true } };
  if (group !== undefined && !group.funded) await fund(agreed, group, outlook.deposit);
  const waiting = group === undefined ? [] : await fill(agreed, group.group, outlook.absent);
  finish(step, { outlook, group: group?.group, waiting });
}

/** Before the first transaction: checks everything and computes the total cost. */
async function previewNew({ file, data, provider, signer, payer }: Step): Promise<FirstOutlook> {
  const factory = payer.need("chain.factory");
  const token = await readToken(provider, file.token);
  const head = await provider.getBlock("latest");
  const at = { block: head?.number ?? 0, time_s: head?.timestamp ?? 0 };
  const measured_s = await measureBlockTime(provider, at);
  const blockTime_s = file.blockTime_s ?? measured_s;
  const rules = file.rulesFor(token, blockTime_s);
  const bytes = data.reduce((sum, one) => sum + one.bytes, 0n);
  const deposit = depositOf(file, { token, rules, bytes, blockTime_s });
  const providers = file.providers.map(({ operator }) => operator);
  const planned = plannedFor({ keepers: file.keepers.length, deposit, token, providers });
  const maxCost = await costAtMost(provider, planned, { deposit, token });
  const group = { file, rules, token, deposit, bytes, payer: signer.address, maxCost };
  const registry = await registryOf(provider, factory);
  const [chain, ...rest] = await checkGroup(provider, { ...group, registry });
  const checks = [chain, checkPace(file.blockTime_s, measured_s), ...rest].filter((one) => one !== undefined);
  return { checks, planned, maxCost, deposit, token, absent: providers, rules };
}

/** For an existing group: the remaining transactions, and files that changed since its creation. */
async function previewRest({ file, data, provider }: Step, made: CreatedGroup): Promise<FilledOutlook> {
  const view = new GroupView(provider, made.group);
  const token = await readToken(provider, file.token);
  const absent: string[] = [];
  const here: string[] = [];
  for (const { operator, consent } of file.providers) {
    const [present] = await view.read("providerOf", [operator]);
    if (present === true) continue;
    absent.push(operator);
    if (consent !== undefined && (await exists(consent))) here.push(operator);
  }
  const checks = changedFiles(made, data, absent);
  if (absent.length > 0) {
    const found = `${here.length} of ${absent.length} are present`;
    const later = "re-run when the other consents are present";
    checks.push(here.length === absent.length ? ok("consents", found) : warn("consents", found, later));
  }
  const deposit = made.funded ? 0n : await missing(view, made);
  const planned = plannedFor({ keepers: undefined, deposit, token, providers: here });
  const maxCost = await costAtMost(provider, planned, { deposit, token });
  return { checks, planned, maxCost, deposit, token, absent };
}

/** The rest of the deposit: an interrupted run may have paid without recording it. */
async function missing(view: GroupView, { deposit }: CreatedGroup): Promise<bigint> {
  const wanted = BigInt(deposit);
  const { deposited } = await view.escrow();
  return deposited < wanted ? wanted - deposited : 0n;
}

async function makeGroup(step: Step, { rules, deposit }: FirstOutlook): Promise<CreatedGroup | undefined> {
  const { path, file, data, signer, payer, options, chainId, provider, reports } = step;
  const factory = payer.need("chain.factory");
  const plan = await planCreate(signer, { factory, rules, keepers: file.keepers });
  const pieces = new Map(data.flatMap((one) => one.pieces).map((piece) => [piece.root, piece]));
  const about = {
    chainId,
    funded: deposit === 0n,
    deposit: String(deposit),
    pieces: [...pieces.values()],
  };
  const report = await transact(plan, signer, { ...options, yes: true }, (transaction) =>
    writeCreated(path, { ...about, transaction }),
  );
  reports.push(report);
  if (report.hash === undefined) return undefined;
  const group = await groupOfTransaction(provider, report.hash, createdPath(path));
  const result = { ...about, transaction: report.hash, group };
  await writeCreated(path, result);
  return result;
}

async function fund(step: Step, group: CreatedGroup, deposit: bigint): Promise<void> {
  const { path, signer, options, reports } = step;
  const plans = deposit === 0n ? [] : await planFund(signer, group.group, deposit);
  for (const plan of plans) {
    const report = await transact(plan, signer, options);
    reports.push(report);
    if (!report.sent) return;
  }
  await writeCreated(path, { ...group, funded: true });
}

/** Adds the providers in `absent` that consented. Returns the others. */
async function fill(step: Step, group: string, absent: readonly string[]): Promise<string[]> {
  const { file, data, signer, options, reports } = step;
  const waiting: string[] = [];
  for (const { operator, consent } of file.providers) {
    if (!absent.includes(operator)) continue;
    if (consent === undefined || !(await exists(consent))) {
      waiting.push(operator);
      continue;
    }
    const signed = await readConsent(consent);
    const wanted = data.find((one) => one.operator === operator);
    if (signed.operator.toLowerCase() !== operator.toLowerCase() || wanted === undefined) {
      throw usageError(`${consent} holds the consent of another provider`, {
        expected: operator,
        actual: signed.operator,
      });
    }
    checkConsentData(signed, wanted);
    reports.push(await transact(await planAddProvider(signer, group, signed), signer, options));
  }
  return waiting;
}

type Finished = {
  readonly outlook: Outlook;
  readonly group: string | undefined;
  readonly waiting: readonly string[];
};

function finish({ options, reports, file }: Step, { outlook, group, waiting }: Finished): void {
  if (options.json === true) {
    const { checks, planned, maxCost } = outlook;
    printJson({
      group,
      checks: checks.map(checkDocument),
      planned,
      maxCost,
      transactions: reports,
      waitingFor: waiting,
    });
  } else {
    if (group !== undefined) printLine(`group     ${group}`);
    for (const operator of waiting) printLine(`waits for ${operator}`);
  }
  if (options.dryRun !== true && group !== undefined) next(group, waiting, file);
}

/** Prints the next steps of each party. */
function next(group: string, waiting: readonly string[], file: GroupFile): void {
  if (waiting.length === 0) {
    say(
      `the group is complete (${counted(file.providers.length, "provider")}); see whitepay group status --group ${group}`,
    );
    return;
  }
  say(
    [
      "next:",
      `  each keeper    adds ${group} to \`groups\` in its configuration and restarts its daemon`,
      `  each provider  in the list above stores its files and runs\n                 whitepay provider consent --group ${group}`,
      "  you            save each printed consent at the path in `consent` of the group file, and re-run\n                 (or use whitepay group add-provider)",
    ].join("\n"),
  );
}
