/** `whitepay group status`: money, committee and providers of a group. */
import type { Command } from "commander";
import {
  depositFor,
  groupStatus,
  type BlockPace,
  type BlockTime,
  type GroupStatus,
} from "../../client/status.ts";
import { dataAt } from "../../client/group-view.ts";
import { formatAmount, formatDuration, formatTime, month_s } from "../../client/units.ts";
import { provenIn, provenLines, type Proven } from "./proven.ts";
import { printJson, printLine, say } from "../console/output.ts";
import { groupAt, payerOptions, withChain, type PayerOptions } from "../chain/account.ts";
import { formatBytes } from "../console/progress.ts";
import { jsonOption, positiveOption } from "../console/options.ts";
import { counted } from "../../protocol/counted.ts";

type StatusOptions = PayerOptions & { readonly months?: number; readonly keeper?: string[] };

export function registerStatus(group: Command): void {
  const command = group
    .command("status")
    .description(
      "show the blocks that are funded and reserved, the shortfall, the committee and the bytes proven; needs no key",
    )
    .option("--keeper <urls...>", "also read the records of these keepers (URLs of their HTTP servers)")
    .option(
      "--months <number>",
      "also print the deposit that funds this number of months of 30 days",
      positiveOption("--months"),
    );
  payerOptions(jsonOption(command)).action((options: StatusOptions) =>
    withChain(options, async (provider, payer) => {
      const { months } = options;
      const status = await groupStatus(provider, groupAt(payer));
      const proven = await provenIn(status, options.keeper ?? []);
      const blocks = months === undefined ? undefined : Math.ceil((months * month_s) / status.blockTime_s);
      const until = blocks === undefined ? undefined : status.head.block + blocks;
      const deposit = until === undefined ? undefined : await depositFor(provider, status, until);
      if (options.json === true)
        printJson({ ...status, ...proven, ...(deposit === undefined ? {} : { until, deposit }) });
      else print(status, proven, deposit === undefined ? undefined : { months: months ?? 0, deposit });
    }),
  );
}

/** "block time 12.0 s over the last 7200 blocks (24 h)". */
function paceText({ block_s, blocks, seconds }: BlockPace): string {
  if (blocks === 0) return "block time unknown";
  return `block time ${block_s.toFixed(1)} s over the last ${counted(blocks, "block")} (${formatDuration(seconds)})`;
}

function stateText({ state, overdue, committee, head }: GroupStatus): string {
  if (state.ended) return "ended; no more settlements";
  const end = state.endBlock === undefined ? "" : `terminated, data is paid until block ${state.endBlock}; `;
  const settled = `${end}settled through block ${state.settledThrough}`;
  if (committee === undefined) return `${settled}, no committee`;
  const due = state.settledThrough + committee.rhythm.interval;
  const next =
    overdue > 0
      ? `settlement overdue by ${counted(overdue, "block")}`
      : `next settlement ${due > head.block ? `in ${counted(due - head.block, "block")}, ` : ""}from block ${due} on`;
  return `${settled}, ${next}`;
}

function fundedText(until: BlockTime | undefined, { head, reservedUntil, state }: GroupStatus): string {
  if (until === undefined) {
    if (reservedUntil === undefined) return "nothing is committed";
    return state.endBlock === undefined
      ? "further than blocks are counted"
      : `the end, block ${state.endBlock}`;
  }
  if (until.block <= head.block) return "0 blocks: the escrow does not cover what it owes";
  const left_s = until.time_s - head.time_s;
  return `block ${until.block}, about ${formatTime(until.time_s)}: ${counted(until.block - head.block, "block")}, ${formatDuration(left_s)}`;
}

type Amount = (units: bigint) => string;

function print(
  status: GroupStatus,
  proven: Proven,
  wish: { months: number; deposit: bigint } | undefined,
): void {
  const { token, head, shortfall } = status;
  const amount: Amount = (units) => formatAmount(units, token);
  printLine(`group        ${status.address}, chain ${status.chainId}, payer ${status.payer}`);
  printLine(`head         block ${head.block}, ${formatTime(head.time_s)}, ${paceText(status.pace)}`);
  printLine(`state        ${stateText(status)}`);
  printLine(
    `data         ${formatBytes(Number(status.bytes))} committed, at most ${amount(status.costPerBlock)} per block`,
  );
  printLine(`funded until ${fundedText(status.fundedUntil, status)}`);
  printLine(
    `  reserved   until ${fundedText(status.reservedUntil, status)}; the payer may withdraw the rest`,
  );
  printLine(
    `shortfall    ${shortfall === 0n ? "none" : `${amount(shortfall)} are missing of what is required`}`,
  );
  if (wish !== undefined)
    printLine(`deposit      ${amount(wish.deposit)} for ${counted(wish.months, "month")} from now`);
  printMoney(status, amount);
  printCommittee(status, amount);
  printProviders(status, proven, amount);
  if (shortfall > 0n) say(`deposit at least ${amount(shortfall)} soon: whitepay group fund`);
}

function printMoney({ escrow }: GroupStatus, amount: Amount): void {
  const { deposited, paidOut, available, credits, required, withdrawable } = escrow;
  printLine(
    `escrow       ${amount(deposited - paidOut)}: ${amount(credits)} credited to providers and keepers, ${amount(available)} available`,
  );
  printLine(
    `  of it      ${amount(required)} required, of that ${amount(escrow.providerArrears + escrow.keeperArrears)} in arrears; ${amount(withdrawable)} withdrawable`,
  );
}

function printCommittee({ committee, proposals, state, keepers }: GroupStatus, amount: Amount): void {
  if (committee === undefined || state.service === undefined) {
    printLine("committee    none; enter one: whitepay group enter");
    return;
  }
  const { address, version, size, waiting, resigned } = committee;
  const { number, ceiling } = state.service;
  printLine(
    `committee    ${address}, version ${version.version}, ${counted(size, "keeper")}; this is its group ${number}, with ${counted(ceiling, "provider")} reserved`,
  );
  for (const { index, operator, balance } of keepers) {
    const gone = resigned.includes(index) ? ", resigned" : "";
    printLine(`  keeper ${index}   ${operator}${gone}, may withdraw ${amount(balance)}`);
  }
  if (waiting !== undefined) {
    printLine(`  next       version ${waiting.version} takes effect with the next certificate`);
  }
  for (const { version: proposed, proposer, changes, consented } of proposals) {
    const seats = changes.map(({ seat, next }) => `${next} as keeper ${seat}`).join(", ");
    printLine(
      `  proposed   version ${proposed} by ${proposer}: ${seats || "the same keepers"}; ${counted(consented.length, "keeper")} of it consented`,
    );
  }
  if (state.next !== undefined) {
    const { committee: next, from, ceiling: reserved } = state.next;
    printLine(`moves to     ${next} at block ${from}, with ${counted(reserved, "provider")} reserved`);
  }
}

function printProviders({ providers, head }: GroupStatus, proven: Proven, amount: Amount): void {
  for (const provider of providers.filter(({ closed }) => !closed)) {
    const { index, operator, data, credit, arrears, activeFrom, leavesAt } = provider;
    const from = activeFrom > head.block ? `, from block ${activeFrom}` : "";
    const leaves = leavesAt === undefined ? "" : `, leaves at block ${leavesAt}`;
    const bytes = dataAt(data, head.block)?.bytes ?? 0n;
    printLine(
      `provider ${index}   ${operator}, ${formatBytes(Number(bytes))}${from}${leaves}, credit ${amount(credit)}, arrears ${amount(arrears)}`,
    );
    for (const line of provenLines(index, proven)) printLine(line);
  }
}
