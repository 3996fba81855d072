/** `whitepay group status`: money, committee and providers of a group. */
import type { Command } from "commander";
import {
  depositFor,
  groupStatus,
  type BlockPace,
  type BlockTime,
  type GroupStatus,
} from "../../client/status.ts";
import { formatAmount, formatDuration, formatTime, month_s } from "../../client/units.ts";
import { provenIn, provenLines, type Proven } from "./proven.ts";
import { printJson, printLine, say } from "../console/output.ts";
import { payerOptions, withChain, type PayerOptions } from "../chain/account.ts";
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
      const status = await groupStatus(provider, payer.need("group"));
      const proven = await provenIn(provider, status, options.keeper ?? []);
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

function stateText({ state, overdue, parameters, head }: GroupStatus): string {
  if (state.ended) return "ended; no more settlements";
  const due = state.settledThrough + parameters.interval;
  const next =
    overdue > 0
      ? `settlement overdue by ${counted(overdue, "block")}`
      : `next settlement in ${counted(due - head.block, "block")}, from block ${due} on`;
  const end = state.terminatedAt > 0 ? `terminated, data is paid until block ${state.endBlock}; ` : "";
  return `${end}settled through block ${state.settledThrough}, ${next}`;
}

function fundedText(until: BlockTime | undefined, { head }: GroupStatus): string {
  if (until === undefined) return "nothing is committed";
  if (until.block <= head.block) return "0 blocks: the escrow does not cover what it owes";
  const left_s = until.time_s - head.time_s;
  return `block ${until.block}, about ${formatTime(until.time_s)}: ${counted(until.block - head.block, "block")}, ${formatDuration(left_s)}`;
}

function print(
  status: GroupStatus,
  proven: Proven,
  wish: { months: number; deposit: bigint } | undefined,
): void {
  const { token, escrow, head, shortfall, committee, pendingCommittee } = status;
  const amount = (units: bigint): string => formatAmount(units, token);
  printLine(`group        ${status.group}, chain ${status.chainId}, payer ${status.parameters.payer}`);
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
    `shortfall    ${shortfall === 0n ? "none" : `${amount(shortfall)} are missing for arrears and reserve`}`,
  );
  if (wish !== undefined)
    printLine(`deposit      ${amount(wish.deposit)} for ${counted(wish.months, "month")} from now`);
  printLine(
    `escrow       ${amount(escrow.balance)}: ${amount(escrow.credits)} credited to providers and keepers, ${amount(escrow.unallocated)} unallocated`,
  );
  printLine(
    `  of it      ${amount(escrow.reserve)} reserved, ${amount(escrow.arrears)} in arrears, ${amount(escrow.withdrawable)} withdrawable`,
  );
  printLine(`committee    version ${committee.version}, ${counted(committee.operators.length, "keeper")}`);
  for (const { index, operator, earned } of status.keepers)
    printLine(`  keeper ${index}   ${operator}, earned ${amount(earned)}`);
  if (pendingCommittee !== undefined) {
    const { version, accepted, operators } = pendingCommittee;
    const missing = operators.filter((_, index) => !accepted.includes(index));
    printLine(
      `proposed     version ${version}, ${missing.length === 0 ? "all members accepted" : `waits for ${missing.join(", ")}`}`,
    );
  }
  for (const provider of status.providers.filter(({ closed }) => !closed)) {
    const { index, operator, bytesNow, credited, withdrawn, arrears, activeFrom, removedAt } = provider;
    const from = activeFrom > head.block ? `, from block ${activeFrom}` : "";
    const removed = removedAt > 0 ? `, removed at block ${removedAt}` : "";
    printLine(
      `provider ${index}   ${operator}, ${formatBytes(Number(bytesNow))}${from}${removed}, credited ${amount(credited)}, withdrawn ${amount(withdrawn)}, arrears ${amount(arrears)}`,
    );
    for (const line of provenLines(index, proven)) printLine(line);
  }
  if (shortfall > 0n) say(`deposit at least ${amount(shortfall)} soon: whitepay group fund`);
}
