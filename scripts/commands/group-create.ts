/** `whitepay group create FILE`: makes, funds and fills a group as its file says; called again, it goes on where it was. */
import { stat } from "node:fs/promises";
import type { Command } from "commander";
import type { JsonRpcProvider, Wallet } from "ethers";
import { writeFileAtomic } from "../../storage/disk/atomic-write.ts";
import { GroupView } from "../client/group-view.ts";
import { groupCreatedBy, planAddProvider, planCreate, planFund } from "../client/plans.ts";
import { measureBlockTime } from "../client/status.ts";
import { readToken } from "../client/token.ts";
import { parseAmount } from "../client/units.ts";
import { readConsent } from "../lib/consent-file.ts";
import { usageError } from "../lib/exit.ts";
import { checkConsentData, dataOf, type ProviderData } from "../lib/group-data.ts";
import { readGroupFile, type GroupFile } from "../lib/group-file.ts";
import { createdGroup, createdPath, type CreatedGroup, type SentGroup } from "../lib/group-created.ts";
import { readJsonInput } from "../lib/json-input.ts";
import { printJson, printLine, say } from "../lib/output.ts";
import { payerOptions, payerSigner, withChain, type Payer, type PayerOptions } from "../lib/payer.ts";
import { jsonOption, moneyOptions, transact, type TransactionReport } from "../lib/transact.ts";

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
  if ((await stat(file).catch(() => undefined)) === undefined) return undefined;
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
  readonly signer: Wallet;
  readonly reports: TransactionReport[];
};

async function create(work: Work): Promise<void> {
  const { path, options, provider, payer } = work;
  const file = await readGroupFile(path);
  const data = await dataOf(file.providers);
  const signer = await payerSigner(provider, payer);
  const step: Step = { ...work, file, signer, reports: [] };
  const chainId = Number((await provider.getNetwork()).chainId);
  const found = await readMade(path, chainId, provider);
  if (found !== undefined)
    say(`group ${found.group} was made before (${createdPath(path)}); going on with it`);
  const group = found ?? (await makeGroup(step, { chainId, data }));
  if (group === undefined) return finish(step, undefined, []);
  if (!group.funded) await fund(step, group);
  const waiting = await fill(step, group.group, data);
  finish(step, group.group, waiting);
  if (options.dryRun !== true) hints(group.group, waiting);
}

async function makeGroup(
  step: Step,
  { chainId, data }: { readonly chainId: number; readonly data: readonly ProviderData[] },
): Promise<CreatedGroup | undefined> {
  const { path, file, provider, signer, payer, options, reports } = step;
  const token = await readToken(provider, file.token);
  const head = await provider.getBlock("latest");
  const at = { block: head?.number ?? 0, time_s: head?.timestamp ?? 0 };
  const blockTime_s = file.blockTime_s ?? (await measureBlockTime(provider, at));
  const rules = file.rulesFor(token, blockTime_s);
  const plan = await planCreate(signer, {
    factory: payer.need("chain.factory"),
    rules,
    keepers: file.keepers,
  });
  const pieces = new Map(data.flatMap((one) => one.pieces).map((piece) => [piece.root, piece]));
  const about = { chainId, funded: file.deposit === undefined, pieces: [...pieces.values()] };
  const report = await transact(plan, signer, options, (transaction) =>
    writeMade(path, { ...about, transaction }),
  );
  reports.push(report);
  if (report.hash === undefined) return undefined;
  const group = await groupMadeBy(provider, report.hash, createdPath(path));
  const result = { ...about, transaction: report.hash, group };
  await writeMade(path, result);
  return result;
}

async function fund(
  { path, file, signer, provider, options, reports }: Step,
  group: CreatedGroup,
): Promise<void> {
  const token = await readToken(provider, file.token);
  const deposit = parseAmount(file.deposit ?? "0", token);
  // A run that was cut off may have paid without writing it down.
  const { deposited } = await new GroupView(provider, group.group).escrow();
  const plans = deposited >= deposit ? [] : await planFund(signer, group.group, deposit - deposited);
  for (const plan of plans) {
    const report = await transact(plan, signer, options);
    reports.push(report);
    if (!report.sent) return;
  }
  await writeMade(path, { ...group, funded: true });
}

/** Adds who has consented and is not in the group. Returns who has not consented. */
async function fill(step: Step, group: string, data: readonly ProviderData[]): Promise<string[]> {
  const { file, signer, provider, options, reports } = step;
  const view = new GroupView(provider, group);
  const waiting: string[] = [];
  for (const { operator, consent } of file.providers) {
    const [present] = await view.read("providerOf", [operator]);
    if (present === true) continue;
    if (consent === undefined || (await stat(consent).catch(() => undefined)) === undefined) {
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

function finish({ options, reports }: Step, group: string | undefined, waiting: readonly string[]): void {
  if (options.json === true) return printJson({ group, transactions: reports, waitingFor: waiting });
  if (group !== undefined) printLine(`group     ${group}`);
  for (const operator of waiting) printLine(`waits for ${operator}`);
}

function hints(group: string, waiting: readonly string[]): void {
  if (waiting.length === 0) return;
  say(
    `each of these providers stores its files and runs\n  whitepay provider consent --group ${group}\nput what it prints where \`consent\` in the file points, and call this command again (or whitepay group add-provider)`,
  );
}
