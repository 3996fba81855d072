/** `whitepay group create FILE`: makes, funds and fills a group as its file says; called again, it goes on where it was. */
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

export function registerCreate(group: Command): void {
  const command = group
    .command("create")
    .description(
      "make the group of a file, put the deposit in, add the providers that consented; again: go on",
    )
    .argument("<file>", "keepers, providers, data and price, in YAML; docs/operating.md has one");
  payerOptions(jsonOption(moneyOptions(command))).action((file: string, options: PayerOptions) =>
    withChain(options, (provider, payer) => create({ path: file, options, provider, payer })),
  );
}

async function readMade(
  path: string,
  chainId: number,
  provider: JsonRpcProvider,
): Promise<CreatedGroup | undefined> {
  const file = createdPath(path);
  if (!(await exists(file))) return undefined;
  const found = await readJsonInput(file, createdGroup);
  if (found.chainId !== chainId) {
    throw usageError(`${file} is of another chain`, {
      expected: `chain ${chainId}`,
      actual: `chain ${found.chainId}`,
      hint: "for another group, copy the group file to another name",
    });
  }
  const { group = await groupMadeBy(provider, found.transaction, file) } = found;
  return { ...found, group };
}

/** A run that was cut off after it had sent the transaction finds here what came of it. */
async function groupMadeBy(provider: JsonRpcProvider, transaction: string, file: string): Promise<string> {
  const receipt = await provider.getTransactionReceipt(transaction);
  const group = receipt === null ? undefined : groupCreatedBy(receipt);
  if (group !== undefined) return group;
  throw usageError(
    receipt === null
      ? `${transaction} was sent to make the group and is in no block yet`
      : `${transaction} made no group`,
    { hint: `call this again later; if that transaction is lost for good, remove ${file}` },
  );
}

function writeMade(path: string, value: SentGroup): Promise<void> {
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
/** With the operators of the file that are not in the group. */
type FilledOutlook = Outlook & { readonly absent: readonly string[] };
/** Of a group that is not there yet: what is sent for it. */
type FirstOutlook = FilledOutlook & { readonly rules: GroupRules };

async function create(work: Work): Promise<void> {
  const { path, options, provider, payer } = work;
  const file = await readGroupFile(path);
  const data = await dataOf(file.providers);
  const signer = await payerSigner(provider, payer);
  const chainId = Number((await provider.getNetwork()).chainId);
  const step: Step = { ...work, file, data, signer, chainId, reports: [] };
  const found = await readMade(path, chainId, provider);
  if (found === undefined) {
    const outlook = await lookFirst(step);
    await agree(outlook, options);
    const made = await makeGroup(step, outlook);
    await goOn(step, outlook, made);
  } else {
    say(`group ${found.group} was made before (${createdPath(path)}); going on with it`);
    const outlook = await lookAgain(step, found);
    await agree(outlook, options);
    await goOn(step, outlook, found);
  }
}

async function goOn(step: Step, outlook: FilledOutlook, group: CreatedGroup | undefined): Promise<void> {
  // Agreed to all of it at once.
  const agreed = { ...step, options: { ...step.options, yes: true } };
  if (group !== undefined && !group.funded) await fund(agreed, group, outlook.deposit);
  const waiting = group === undefined ? [] : await fill(agreed, group.group, outlook.absent);
  finish(step, { outlook, group: group?.group, waiting });
}

/** Before the first transaction: whatever would be refused later, and what all of it costs. */
async function lookFirst({ file, data, provider, signer, payer }: Step): Promise<FirstOutlook> {
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

/** The group is there: what is still to be sent, and files that are not what they were. */
async function lookAgain({ file, data, provider }: Step, made: CreatedGroup): Promise<FilledOutlook> {
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
    const found = `${here.length} of ${absent.length} are here`;
    const later = "call this command again when the others are there";
    checks.push(here.length === absent.length ? ok("consents", found) : warn("consents", found, later));
  }
  const deposit = made.funded ? 0n : await missing(view, made);
  const planned = plannedFor({ keepers: undefined, deposit, token, providers: here });
  const maxCost = await costAtMost(provider, planned, { deposit, token });
  return { checks, planned, maxCost, deposit, token, absent };
}

/** A run that was cut off may have paid without writing it down. */
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
    writeMade(path, { ...about, transaction }),
  );
  reports.push(report);
  if (report.hash === undefined) return undefined;
  const group = await groupMadeBy(provider, report.hash, createdPath(path));
  const result = { ...about, transaction: report.hash, group };
  await writeMade(path, result);
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
  await writeMade(path, { ...group, funded: true });
}

/** Adds those of `absent` that have consented. Returns those that have not. */
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
      throw usageError(`${consent} is the consent of another provider`, {
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

/** What comes next, and for whom. */
function next(group: string, waiting: readonly string[], file: GroupFile): void {
  if (waiting.length === 0) {
    say(`all ${file.providers.length} providers are in: whitepay group status --group ${group}`);
    return;
  }
  say(
    [
      "next:",
      `  each keeper    adds ${group} to \`groups\` in its configuration, and starts its daemon again`,
      `  each provider  that is waited for stores its files and calls\n                 whitepay provider consent --group ${group}`,
      "  you            put what that prints where `consent` in the file points, and call this command again\n                 (or whitepay group add-provider)",
    ].join("\n"),
  );
}
