/** `whitepay group payments`: all payments of a group, from the chain alone. */
import type { Command } from "commander";
import type { JsonRpcProvider } from "ethers";
import type { GroupAt } from "../../client/group-view.ts";
import { groupPayments, type Payment } from "../../client/payments.ts";
import { openGroup } from "../../client/status.ts";
import { readToken } from "../../client/token.ts";
import { formatAmount, formatTime, type Token } from "../../client/units.ts";
import { csvLine, type CsvValue } from "../console/csv.ts";
import { usageError } from "../console/exit.ts";
import { integerOption, jsonOption } from "../console/options.ts";
import { printJson, printLine } from "../console/output.ts";
import { groupAt, payerOptions, withChain, type PayerOptions } from "../chain/account.ts";
import { progressBar, type Progress } from "../console/progress.ts";

type PaymentsOptions = PayerOptions & {
  readonly from?: number;
  readonly to?: number;
  readonly blocksAtOnce: number;
  readonly csv?: boolean;
};

export function registerPayments(group: Command): void {
  const command = group
    .command("payments")
    .description("list all payments by settlement, from the chain alone; needs no key")
    .option("--from <block>", "first block (default: the group's first)", integerOption("--from"))
    .option("--to <block>", "last block (default: the head)", integerOption("--to"))
    .option(
      "--blocks-at-once <n>",
      "blocks in one request for logs; halved if the endpoint refuses the range",
      integerOption("--blocks-at-once", { min: 1, max: 1_000_000 }),
      2_000,
    )
    .option("--csv", "print comma-separated values, one line for each payment");
  payerOptions(jsonOption(command)).action((options: PaymentsOptions) => {
    if (options.csv === true && options.json === true) throw usageError("choose one of --csv and --json");
    return withChain(options, (provider, payer) => payments(provider, groupAt(payer), options));
  });
}

async function payments(provider: JsonRpcProvider, group: GroupAt, options: PaymentsOptions): Promise<void> {
  const { createdAt, config } = await (await openGroup(provider, group)).page();
  const token = await readToken(provider, config.token);
  const head = await provider.getBlockNumber();
  const { from = createdAt, to = head } = options;
  if (from > to) {
    throw usageError("--from is after --to", { expected: `a block up to ${to}`, actual: String(from) });
  }
  let bar: Progress | undefined;
  const found = groupPayments(provider, group, {
    from,
    to,
    blocksAtOnce: options.blocksAtOnce,
    onProgress: (block, last) => {
      bar ??= progressBar({ label: "blocks", total: last - from + 1 });
      bar?.update(block - from + 1);
    },
  });
  try {
    if (options.json === true) await printAll(found, { group: group.address, token, from, to });
    else if (options.csv === true) await printCsv(found, token);
    else await printText(found, token);
  } finally {
    bar?.stop();
  }
}

type Payments = AsyncGenerator<Payment, void, undefined>;

async function printAll(
  found: Payments,
  scope: { readonly group: string; readonly token: Token; readonly from: number; readonly to: number },
): Promise<void> {
  const all: Payment[] = [];
  for await (const payment of found) all.push(payment);
  printJson({ ...scope, payments: all });
}

const columns: readonly [name: string, of: (payment: Payment, token: Token) => CsvValue | undefined][] = [
  ["block", ({ block }) => block],
  ["time", ({ time_s }) => new Date(time_s * 1000).toISOString()],
  ["transaction", ({ transaction }) => transaction],
  ["kind", ({ kind }) => kind],
  ["from", ({ from }) => from],
  ["through", ({ through }) => through],
  ["role", ({ role }) => role],
  ["index", ({ index }) => index],
  ["committee", ({ committee }) => committee],
  ["version", ({ version }) => version],
  ["operator", ({ operator }) => operator],
  ["payee", ({ payee }) => payee],
  ["units", ({ amount }) => amount],
  ["amount", ({ amount }, token) => formatAmount(amount, token).split(" ")[0]],
  // The address, not the symbol: a symbol could be a spreadsheet formula.
  ["token", (_, { address }) => address],
  ["spaceTime", ({ spaceTime }) => spaceTime],
];

/** Prints each line at once, so that a long history needs little memory. */
async function printCsv(found: Payments, token: Token): Promise<void> {
  process.stdout.write(csvLine(columns.map(([name]) => name)));
  for await (const payment of found) {
    process.stdout.write(csvLine(columns.map(([, of]) => of(payment, token) ?? null)));
  }
}

const words: Readonly<Record<Payment["kind"], string>> = {
  settled: "credited",
  abandoned: "credited, abandoned",
  arrears: "credited, arrears",
  withdrawn: "withdrawn",
};

function partyOf({ role, index, committee, version, operator }: Payment): string {
  if (role === "payer") return "payer";
  const seat = committee === undefined ? "" : ` of version ${version} of committee ${committee}`;
  return `${role} ${index}${seat}, ${operator}`;
}

async function printText(found: Payments, token: Token): Promise<void> {
  const sums = new Map<string, { credited: bigint; withdrawn: bigint }>();
  let heading = "";
  for await (const payment of found) {
    const { block, time_s, transaction, kind, from, through, payee, amount } = payment;
    const interval = from === undefined ? "" : `, blocks ${from} to ${(through ?? 0) - 1}`;
    const head = `block ${block}, ${formatTime(time_s)}${interval}, ${transaction}`;
    if (head !== heading) printLine(head);
    heading = head;
    const to = payee === undefined ? "" : ` to ${payee}`;
    printLine(`  ${words[kind]} ${formatAmount(amount, token)}${to}: ${partyOf(payment)}`);
    add(sums, payment);
  }
  if (sums.size === 0) return printLine("no payments in these blocks");
  printLine("total");
  for (const [party, { credited, withdrawn }] of sums) {
    printLine(
      `  ${party}: credited ${formatAmount(credited, token)}, withdrawn ${formatAmount(withdrawn, token)}`,
    );
  }
}

/** Adds a payment to the sum of its party, over all seats. */
function add(
  sums: Map<string, { credited: bigint; withdrawn: bigint }>,
  { role, operator, kind, amount }: Payment,
): void {
  const party = role === "payer" ? role : `${role} ${operator}`;
  const sum = sums.get(party) ?? { credited: 0n, withdrawn: 0n };
  if (kind === "withdrawn") sum.withdrawn += amount;
  else sum.credited += amount;
  sums.set(party, sum);
}
