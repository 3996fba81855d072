/** `whitepay keeper status`: the status of the running keeper and its entry on chain. */
import { join } from "node:path";
import type { Command } from "commander";
import { formatEther } from "ethers";
import { CliError, exitCodes, explain } from "../console/exit.ts";
import type { ConfigOptions } from "./context.ts";
import { asKeeperFailure, configOptions, loadConfig } from "./context.ts";
import { printJson, printLine } from "../console/output.ts";
import { registeredKeeper, registryAt } from "../../client/registry.ts";
import type { RegisteredKeeper } from "../../client/registry.ts";
import { connectChain } from "../../client/connect.ts";
import { lowDiskText } from "../../keeper/api/disk.ts";
import { formatShare } from "../console/share.ts";
import { statusOf } from "../keeper-api/status.ts";
import type { RunningShare, RunningStatus } from "../keeper-api/status.ts";
import { keeperRuns } from "./running.ts";
import { jsonOption } from "../console/options.ts";
import { counted } from "../../protocol/counted.ts";

export async function registerStatus(keeper: Command): Promise<void> {
  const status = keeper
    .command("status")
    .description("show the running keeper and its registry entry; exit 1 if none runs");
  (await configOptions(jsonOption(status))).action((options: ConfigOptions) =>
    asKeeperFailure(() => statusCommand(options)),
  );
}

type OnChain = { readonly head: number; readonly balance: bigint; readonly registered: RegisteredKeeper };
type Shown = {
  readonly running: boolean;
  readonly api?: string;
  readonly keeper?: RunningStatus;
  readonly operator: string;
  readonly chain?: OnChain;
  readonly chainError?: string;
};

async function onChain(
  chain: Parameters<typeof connectChain>[0] & { registry: string },
  operator: string,
): Promise<OnChain> {
  const provider = await connectChain(chain);
  try {
    const [head, balance] = await Promise.all([provider.getBlockNumber(), provider.getBalance(operator)]);
    return {
      head,
      balance,
      registered: await registeredKeeper(registryAt(chain.registry, provider), operator),
    };
  } finally {
    provider.destroy();
  }
}

type Committee = RunningStatus["committees"][number];
type Group = RunningStatus["groups"][number];
type Bytes = Pick<RunningShare, "bytesProven" | "bytesCommitted">;

const unknownText = "unknown: the running keeper is of an earlier release; restart it";

const shareOf = ({ bytesProven, bytesCommitted }: Bytes): string =>
  formatShare(BigInt(bytesProven), BigInt(bytesCommitted));

function slotsText({ fromSlot, toSlot }: RunningShare): string {
  if (fromSlot === null) return "no slot yet";
  return fromSlot === toSlot ? `slot ${fromSlot}` : `slots ${fromSlot} to ${toSlot}`;
}

/** Recent slots first: a lifetime average hides a recent loss. */
function challengesText({ challenges, proven }: Group): string {
  if (challenges === undefined) return unknownText;
  const { asked, whole, partial, failed, unmeasured } = challenges;
  const older = unmeasured === 0 ? "" : `, ${unmeasured} without a size`;
  const late =
    proven === undefined
      ? ""
      : `${shareOf(proven.late)} in ${slotsText(proven.late)}, ${shareOf(proven.interval)} in the open interval, `;
  return `${late}${shareOf(challenges)} in total; ${counted(asked, "challenge")}: ${whole} whole, ${partial} partial, ${failed} failed${older}`;
}

const countsText = ({ whole, partial, failed }: RunningShare): string =>
  `${whole} whole, ${partial} partial, ${failed} failed`;

/** Providers that did not prove all bytes in the last slots or in the open interval. */
function unprovenLines({ providers = [] }: Group): string[] {
  const isWhole = ({ partial, failed }: RunningShare): boolean => partial + failed === 0;
  return providers
    .filter(({ late, interval }) => !isWhole(late) || !isWhole(interval))
    .map(
      ({ index, late, interval }) =>
        `provider ${index}: ${shareOf(late)} in ${slotsText(late)} (${countsText(late)}), ${shareOf(interval)} in the open interval (${countsText(interval)})`,
    );
}

/** Protocol version of each keeper: an upgrade is complete when all have the new one. */
function versionsText(members: Committee["members"]): string {
  if (members === undefined) return unknownText;
  const versions = [...new Set(members.map(({ speaks }) => speaks))].sort((a, b) => (b ?? 0) - (a ?? 0));
  return versions
    .map((version) => {
      const keepers = members.filter(({ speaks }) => speaks === version).map(({ index }) => index);
      return `${version === null ? "no hello yet" : `version ${version}`}: keepers ${keepers.join(", ")}`;
    })
    .join("; ");
}

type Process = {
  readonly running: boolean;
  readonly api?: string;
  readonly keeper?: Pick<RunningStatus, "problems">;
};

/** "running" only if the keeper itself reports no problem: a process that has not answered yet may be unable to work. */
export function stateText({ running, api, keeper }: Process): string {
  if (!running) return "not running";
  if (api === undefined) return "starting: no address to ask yet";
  if (keeper === undefined) return `up, but does not answer at ${api}`;
  return `${(keeper.problems ?? []).length === 0 ? "running" : "up, but cannot work"}, ${api}`;
}

export function headText({
  head,
  view,
  headAge_s,
}: Pick<RunningStatus, "head" | "view" | "headAge_s">): string {
  if (head < 0) return "none yet";
  const age = headAge_s === undefined ? "" : `, ${Math.floor(headAge_s)} s old`;
  return `${head}${age}, confirmed view ${view}`;
}

function printKeeper(shown: Pick<Shown, "running" | "api" | "keeper">): void {
  const { keeper } = shown;
  printLine(`keeper    ${stateText(shown)}`);
  for (const problem of keeper?.problems ?? []) printLine(`  problem ${problem}`);
  if (keeper !== undefined) {
    printLine(`head      ${headText(keeper)}`);
    printLine(`peers     ${keeper.peers}`);
    if (keeper.diskLow === true) {
      const text = lowDiskText(keeper.diskFreeBytes ?? 0);
      printLine(`disk      ${text}: a keeper that cannot store a digest does not sign it`);
    }
    printCommittees(keeper);
  }
}

function printCommittees({ committees, groups }: RunningStatus): void {
  for (const { committee, ts, turn, leader, phase, members } of committees) {
    printLine(`committee ${committee}: certified through ${ts}, turn ${turn}, leader ${leader}, ${phase}`);
    printLine(`  protocol ${versionsText(members)}`);
    const own = groups.filter((group) => group.committee === committee);
    if (own.length === 0) printLine("  group    none");
    for (const one of own) {
      printLine(`  group    ${one.number}, ${one.group}: settled through ${one.settledThrough}`);
      printLine(`    proven   ${challengesText(one)}`);
      for (const line of unprovenLines(one)) printLine(`    unproven ${line}`);
    }
  }
}

function printChain({ operator, chain, chainError }: Pick<Shown, "operator" | "chain" | "chainError">): void {
  printLine(`operator  ${operator}`);
  if (chain === undefined) return printLine(`chain     ${chainError ?? "no answer"}`);
  const { registered } = chain;
  printLine(`chain     block ${chain.head}, balance ${formatEther(chain.balance)}`);
  if (registered.registeredAt === 0) return printLine("registry  not registered: whitepay keeper register");
  printLine(
    `registry  since block ${registered.registeredAt}, at ${registered.multiaddrs.join(", ")}, payee ${registered.payee}`,
  );
}

async function statusCommand(options: ConfigOptions): Promise<void> {
  const { config } = await loadConfig(options);
  const { describeKeys } = await import("../../daemon/keys/keystore.ts");
  const { readRunFile } = await import("../../keeper/run-file.ts");
  const operator = (await describeKeys(config.keys))[0]?.public ?? "";
  const reading = onChain(config.chain, operator).then(
    (chain) => ({ chain, fault: undefined }),
    (error: unknown) => ({ chain: undefined, fault: explain(error) }),
  );
  const running = await keeperRuns(join(config.dataDir, "store"));
  const file = running ? await readRunFile(config.dataDir) : undefined;
  const keeper = file === undefined ? undefined : await statusOf(file.api);
  const local = {
    running,
    ...(file === undefined ? {} : { api: file.api }),
    ...(keeper === undefined ? {} : { keeper }),
  };
  // A slow endpoint takes many seconds: what the keeper reports is printed before the chain answers.
  if (options["json"] !== true) printKeeper(local);
  const { chain, fault } = await reading;
  const onItsChain = {
    operator,
    ...(chain === undefined ? {} : { chain }),
    ...(fault === undefined ? {} : { chainError: fault.message }),
  };
  if (options["json"] === true) printJson({ ...local, ...onItsChain } satisfies Shown);
  else printChain(onItsChain);
  if (!running)
    throw new CliError({
      code: exitCodes.failed,
      message: "no keeper runs here",
      hint: "whitepay keeper run",
    });
  if (fault !== undefined) {
    const { code, message, hint } = fault;
    throw new CliError({ code, message, ...(hint === undefined ? {} : { hint }) });
  }
}
