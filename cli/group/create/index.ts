/** `whitepay group create FILE`: creates and funds the group of a file and adds its providers; a second run resumes. */
import type { Command } from "commander";
import type { JsonRpcProvider, Wallet } from "ethers";
import { writeFileAtomic } from "../../../storage/disk/atomic-write.ts";
import { committeeCreatedBy, planCommittee } from "../../../client/committee-plans.ts";
import {
  groupCreatedBy,
  planEnter,
  planGroup,
  planPrivate,
  registryOf,
} from "../../../client/group-plans.ts";
import { GroupView, type GroupAt } from "../../../client/group-view.ts";
import { planFund } from "../../../client/money-plans.ts";
import { planAddProvider } from "../../../client/provider-plans.ts";
import { measureBlockTime } from "../../../client/status.ts";
import { readToken } from "../../../client/token.ts";
import { readConsent } from "../files/consent.ts";
import { usageError } from "../../console/exit.ts";
import { checkConsentData, checkConsentPrice, dataOf, type ProviderData } from "../hashed-files.ts";
import { checkGroup, checkPace } from "./checks.ts";
import { readGroupFile, type GroupFile } from "../files/group.ts";
import { draftOf } from "./draft.ts";
import { readMemberConsent } from "../files/member-consent.ts";
import {
  agree,
  changedFiles,
  costAtMost,
  moneyOf,
  plannedFor,
  type Making,
  type Outlook,
} from "./outlook.ts";
import { createdGroup, createdPath, type CreatedGroup, type SentGroup } from "../files/created-group.ts";
import { readJsonInput } from "../../console/json-input.ts";
import { printJson, printLine, say } from "../../console/output.ts";
import { exists } from "../../console/output-file.ts";
import { checkDocument, ok, warn } from "../../console/check-item.ts";
import { payerOptions, payerSigner, withChain, type Payer, type PayerOptions } from "../../chain/account.ts";
import {
  moneyOptions,
  transact,
  type TransactionPlan,
  type TransactionReport,
} from "../../chain/transact.ts";
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
      "group file (YAML) with committee, providers, data and price; docs/pay-for-storage.md has an example",
    );
  payerOptions(jsonOption(moneyOptions(command))).action((file: string, options: PayerOptions) =>
    withChain(options, (provider, payer) => create({ path: file, options, provider, payer })),
  );
}

async function readCreated(
  path: string,
  chainId: number,
  provider: JsonRpcProvider,
): Promise<SentGroup | undefined> {
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
  return found.group === undefined ? { ...found, ...(await madeBy(provider, found, file)) } : found;
}

type Made = { readonly committee?: string; readonly group?: string };

/** What the transaction made: resumes a run that was interrupted after it sent it. */
async function madeBy(provider: JsonRpcProvider, found: SentGroup, file: string): Promise<Made> {
  const { transaction } = found;
  const receipt = await provider.getTransactionReceipt(transaction);
  const [committee, group] =
    receipt === null ? [] : [committeeCreatedBy(receipt) ?? found.committee, groupCreatedBy(receipt)];
  if (committee !== undefined || group !== undefined) {
    return { ...(committee === undefined ? {} : { committee }), ...(group === undefined ? {} : { group }) };
  }
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

async function create(work: Work): Promise<void> {
  const { path, options, provider, payer } = work;
  const file = await readGroupFile(path);
  const data = await dataOf(file.providers);
  const signer = await payerSigner(provider, payer);
  const chainId = Number((await provider.getNetwork()).chainId);
  const step: Step = { ...work, file, data, signer, chainId, reports: [] };
  const found = await readCreated(path, chainId, provider);
  if (found !== undefined) say(`resuming ${createdPath(path)}`);
  const outlook = isMade(found) ? await previewRest(step, found) : await previewNew(step, found);
  await agree(outlook, options);
  // The user confirmed all transactions at once.
  const agreed = { ...step, options: { ...options, yes: true } };
  const made = isMade(found) ? found : await makeAll(agreed, outlook, found);
  await fundAndFill(agreed, outlook, made);
}

const isMade = (found: SentGroup | undefined): found is CreatedGroup => found?.group !== undefined;

async function fundAndFill(
  step: Step,
  outlook: FilledOutlook,
  made: CreatedGroup | undefined,
): Promise<void> {
  if (made === undefined) return finish(step, { outlook, group: undefined, waiting: [] });
  const group = { address: made.group, lens: step.payer.need("chain.lens") };
  if (!made.funded) await fund(step, group, made, outlook.deposit);
  await enter(step, group, made);
  const waiting = await fill(step, group, outlook.absent);
  finish(step, { outlook, group: made.group, waiting });
}

/** A private committee whose group pays a fee is formed before: the group needs money before it enters (R32). */
function makingOf({ keepers, config, committee }: GroupFile, made: SentGroup | undefined): Making[] {
  if (committee !== undefined || made?.committee !== undefined) return [{ kind: "group" }];
  if (config.keeperFee === 0n) return [{ kind: "private", keepers: keepers.length }];
  return [{ kind: "committee", keepers: keepers.length }, { kind: "group" }];
}

/** With a fee, the group enters after the deposit. */
const entersLater = ({ config }: GroupFile): boolean => config.keeperFee > 0n;

/** Before the first transaction: checks everything and computes the total cost. */
async function previewNew(
  { file, data, provider, signer, payer }: Step,
  found: SentGroup | undefined,
): Promise<FilledOutlook> {
  const factory = payer.need("chain.factory");
  const token = await readToken(provider, file.token);
  const head = await provider.getBlock("latest");
  const at = { block: head?.number ?? 0, time_s: head?.timestamp ?? 0 };
  const measured_s = await measureBlockTime(provider, at);
  const blockTime_s = file.blockTime_s ?? measured_s;
  const money = moneyOf(file, { token, data, blockTime_s });
  const { deposit } = money;
  const providers = file.providers.map(({ operator }) => operator);
  const enters = entersLater(file);
  const planned = plannedFor({ made: makingOf(file, found), deposit, token, enters, providers });
  const maxCost = await costAtMost(provider, planned, { deposit, token });
  const group = { file, token, ...money, payer: signer.address, maxCost };
  const places = { factory, registry: await registryOf(provider, factory), lens: payer.need("chain.lens") };
  const [chain, ...rest] = await checkGroup(provider, { ...group, ...places });
  const checks = [chain, checkPace(file.blockTime_s, measured_s), ...rest].filter((one) => one !== undefined);
  return { checks, planned, maxCost, deposit, token, absent: providers };
}

/** For an existing group: the remaining transactions, and files that changed since its creation. */
async function previewRest(
  { file, data, provider, payer }: Step,
  made: CreatedGroup,
): Promise<FilledOutlook> {
  const view = new GroupView(provider, { address: made.group, lens: payer.need("chain.lens") });
  const [token, page] = await Promise.all([readToken(provider, file.token), view.page()]);
  const absent: string[] = [];
  const here: string[] = [];
  for (const { operator, consent } of file.providers) {
    if ((await view.providerOf(operator)) !== undefined) continue;
    absent.push(operator);
    if (consent !== undefined && (await exists(consent))) here.push(operator);
  }
  const checks = changedFiles(made, data, absent);
  if (absent.length > 0) {
    const found = `${here.length} of ${absent.length} are present`;
    const later = "re-run when the other consents are present";
    checks.push(here.length === absent.length ? ok("consents", found) : warn("consents", found, later));
  }
  // An interrupted run may have paid without recording it.
  const wanted = BigInt(made.deposit) - page.escrow.deposited;
  const deposit = made.funded || wanted < 0n ? 0n : wanted;
  const enters = page.state.service === undefined;
  const planned = plannedFor({ made: [], deposit, token, enters, providers: here });
  const maxCost = await costAtMost(provider, planned, { deposit, token });
  return { checks, planned, maxCost, deposit, token, absent };
}

/** Makes the private committee if there is one, and the group. Undefined in a dry run. */
async function makeAll(
  step: Step,
  { deposit }: FilledOutlook,
  found: SentGroup | undefined,
): Promise<CreatedGroup | undefined> {
  const { data, chainId } = step;
  const pieces = new Map(data.flatMap((one) => one.pieces).map((piece) => [piece.root, piece]));
  const about = {
    chainId,
    funded: deposit === 0n,
    deposit: String(deposit),
    pieces: [...pieces.values()],
    ...(found?.committee === undefined ? {} : { committee: found.committee }),
  };
  let made: SentGroup = { ...about, transaction: "" };
  for (const one of makingOf(step.file, found)) {
    const sent = await make(step, await planOf(step, one, made.committee), made);
    if (sent === undefined) return undefined;
    made = sent;
  }
  return isMade(made) ? made : undefined;
}

async function planOf(step: Step, { kind }: Making, formed: string | undefined): Promise<TransactionPlan> {
  const { file, signer, payer } = step;
  const factory = payer.need("chain.factory");
  const { config, ceiling } = file;
  if (kind === "group") {
    const committee = file.committee ?? formed;
    return planGroup(signer, { factory, config, committee }, entersLater(file) ? 0 : ceiling);
  }
  const draft = draftOf(file, factory);
  const consents = await Promise.all(file.consents.map(readMemberConsent));
  if (kind === "committee") return planCommittee(signer, draft, consents);
  return planPrivate(signer, { committee: draft, config, ceiling }, consents);
}

/** Sends one of these transactions, and notes what it made. */
async function make(
  { path, signer, options, provider, reports }: Step,
  plan: TransactionPlan,
  before: SentGroup,
): Promise<SentGroup | undefined> {
  const report = await transact(plan, signer, options, (transaction) =>
    writeCreated(path, { ...before, transaction }),
  );
  reports.push(report);
  if (report.hash === undefined) return undefined;
  const sent = { ...before, transaction: report.hash };
  const result = { ...sent, ...(await madeBy(provider, sent, createdPath(path))) };
  await writeCreated(path, result);
  return result;
}

async function fund(step: Step, group: GroupAt, made: CreatedGroup, deposit: bigint): Promise<void> {
  const { path, signer, options, reports } = step;
  const plans = deposit === 0n ? [] : await planFund(signer, group, deposit);
  for (const plan of plans) {
    const report = await transact(plan, signer, options);
    reports.push(report);
    if (!report.sent) return;
  }
  await writeCreated(path, { ...made, funded: true });
}

/** Enters the committee, unless the group did with its creation. */
async function enter(step: Step, group: GroupAt, { committee }: CreatedGroup): Promise<void> {
  const { file, signer, options, reports, provider } = step;
  const { state } = await new GroupView(provider, group).page();
  const target = file.committee ?? committee;
  if (state.service !== undefined || target === undefined) return;
  const plan = await planEnter(signer, group, { committee: target, ceiling: file.ceiling });
  reports.push(await transact(plan, signer, options));
}

/** Adds the providers in `absent` that consented. Returns the others. */
async function fill(step: Step, group: GroupAt, absent: readonly string[]): Promise<string[]> {
  const { file, data, signer, options, reports, provider } = step;
  const waiting: string[] = [];
  const token = await readToken(provider, file.token);
  for (const entry of file.providers) {
    const { operator, consent } = entry;
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
    // Without a block time in the file a monthly price changes with the chain's pace.
    if (file.blockTime_s !== undefined) {
      checkConsentPrice(signed, file.priceOf(entry, token, file.blockTime_s));
    }
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
      `  each provider  in the list above stores its files and runs\n                 whitepay provider consent --group ${group}`,
      "  you            save each printed consent at the path in `consent` of the group file, and re-run\n                 (or use whitepay group add-provider)",
    ].join("\n"),
  );
}
