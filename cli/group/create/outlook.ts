/** All transactions for a new group and their total cost, shown before one confirmation for all of them. */
import { formatEther, type JsonRpcProvider } from "ethers";
import { perMonthOf } from "../../../client/prices.ts";
import { quote } from "../../../client/quote.ts";
import { formatAmount, parseAmount, type Token } from "../../../client/units.ts";
import { CliError, exitCodes } from "../../console/exit.ts";
import type { CreatedGroup } from "../files/created-group.ts";
import type { ProviderData } from "../hashed-files.ts";
import type { GroupFile } from "../files/group.ts";
import { say } from "../../console/output.ts";
import { checkLine, fail, warn, type CheckItem } from "../../console/check-item.ts";
import { askYesNo } from "../../console/prompt.ts";
import type { MoneyFlags } from "../../chain/transact.ts";
import { counted } from "../../../protocol/counted.ts";

export type PlannedTransaction = {
  readonly what: string;
  readonly method:
    | "createCommittee"
    | "createPrivate"
    | "createGroup"
    | "approve"
    | "deposit"
    | "enter"
    | "addProvider";
  /** Upper bound; `test/integration/group-commands.test.ts` compares it with the gas used. */
  readonly gas: bigint;
};

export type Outlook = {
  readonly checks: readonly CheckItem[];
  readonly planned: readonly PlannedTransaction[];
  /** wei, deposited coin included */
  readonly maxCost: bigint;
  /** Token units that are still to be deposited. */
  readonly deposit: bigint;
  readonly token: Token;
};

/** Gas limits with their margin. The members' keys are the largest part of a committee's cost (docs/figures/gas-committees.md). */
const gasBounds = {
  approve: 80_000n,
  deposit: 180_000n,
  createGroup: 400_000n,
  enter: 300_000n,
  addProvider: 600_000n,
} as const;
const committeeGas = (keepers: number): bigint => 350_000n + 100_000n * BigInt(keepers);

/** What is to be made first; nothing in a run that resumes. */
export type Making =
  /** One call for a private committee of n members and its group. */
  | { readonly kind: "private"; readonly keepers: number }
  /** A private committee alone: its group pays a fee, and needs money before it enters. */
  | { readonly kind: "committee"; readonly keepers: number }
  | { readonly kind: "group" };

function making(one: Making): PlannedTransaction {
  if (one.kind === "group") {
    return { what: "creating a group", method: "createGroup", gas: gasBounds.createGroup };
  }
  const { kind, keepers } = one;
  const committee = `forming a private committee of ${counted(keepers, "keeper")}`;
  return kind === "committee"
    ? { what: committee, method: "createCommittee", gas: committeeGas(keepers) }
    : {
        what: `${committee} and creating its group`,
        method: "createPrivate",
        gas: committeeGas(keepers) + gasBounds.createGroup,
      };
}

/** The transactions in order. */
export function plannedFor({
  made,
  deposit,
  token,
  enters,
  providers,
}: {
  readonly made: readonly Making[];
  readonly deposit: bigint;
  readonly token: Token;
  /** The group enters its committee after the deposit. */
  readonly enters: boolean;
  readonly providers: readonly string[];
}): PlannedTransaction[] {
  const planned: PlannedTransaction[] = made.map(making);
  if (deposit > 0n) {
    const amount = formatAmount(deposit, token);
    if (BigInt(token.address) !== 0n) {
      planned.push({ what: `approving ${amount}`, method: "approve", gas: gasBounds.approve });
    }
    planned.push({ what: `depositing ${amount}`, method: "deposit", gas: gasBounds.deposit });
  }
  if (enters) planned.push({ what: "entering the committee", method: "enter", gas: gasBounds.enter });
  for (const operator of providers) {
    planned.push({
      what: `adding provider ${operator}`,
      method: "addProvider",
      gas: gasBounds.addProvider,
    });
  }
  return planned;
}

/** wei: all gas at the highest fee, plus deposited coin. */
export async function costAtMost(
  provider: JsonRpcProvider,
  planned: readonly PlannedTransaction[],
  { deposit, token }: { readonly deposit: bigint; readonly token: Token },
): Promise<bigint> {
  const { maxFeePerGas, gasPrice } = await provider.getFeeData();
  const gas = planned.reduce((sum, transaction) => sum + transaction.gas, 0n);
  return gas * (maxFeePerGas ?? gasPrice ?? 0n) + (BigInt(token.address) === 0n ? deposit : 0n);
}

/** A shared committee's size is unknown before it is read; it changes the advised deposit by some turns only. */
const usualKeepers = 4;

export type GroupMoney = {
  /** The file's `deposit`, or the advised deposit for its `months`. */
  readonly deposit: bigint;
  /** What the lockup needs (R32). */
  readonly reserve: bigint;
  readonly costPerMonth: bigint;
  readonly prices: readonly { readonly price: bigint; readonly perMonth: bigint }[];
};

/** Amounts of the group of a file, in token units. */
export function moneyOf(
  file: GroupFile,
  group: {
    readonly token: Token;
    readonly data: readonly ProviderData[];
    readonly blockTime_s: number;
  },
): GroupMoney {
  const { months, keepers, rhythm, config, ceiling } = file;
  const { token, data, blockTime_s } = group;
  const providers = file.providers.map((provider, i) => ({
    bytes: data[i]?.bytes ?? 0n,
    price: file.priceOf(provider, token, blockTime_s),
  }));
  const { depositAdvised, reserve, costPerMonth } = quote({
    providers,
    ceiling,
    rhythm,
    config,
    token,
    keepers: keepers.length === 0 ? usualKeepers : keepers.length,
    blockTime_s,
    months: months ?? 1,
  });
  const deposit = months === undefined ? parseAmount(file.deposit ?? "0", token) : depositAdvised;
  const prices = [...new Set(providers.map(({ price }) => price))].map((price) => {
    return { price, perMonth: perMonthOf(price, blockTime_s) };
  });
  return { deposit, reserve, costPerMonth, prices };
}

/** Files that changed since the group was created. For a provider that is not in the group yet this is a failure. */
export function changedFiles(
  made: CreatedGroup,
  data: readonly ProviderData[],
  absent: readonly string[],
): CheckItem[] {
  return data.flatMap(({ operator, pieces }) =>
    pieces.flatMap(({ name, root }) => {
      const before = made.pieces.filter((piece) => piece.name === name);
      if (before.length === 0 || before.some((piece) => piece.root === root)) return [];
      const found = `${name} changed since the group was created: expected ${before.map((piece) => piece.root).join(" or ")}, actual ${root}`;
      return [
        absent.includes(operator)
          ? fail(
              "files",
              found,
              "restore the file, or copy the group file to another name and create another group",
            )
          : warn("files", found, "the provider stores the old content; whitepay group set-data changes it"),
      ];
    }),
  );
}

function show({ checks, planned, maxCost, deposit, token }: Outlook): void {
  for (const check of checks) say(checkLine(check, 10));
  if (planned.length === 0) return;
  say("transactions");
  for (const [index, { what, method, gas }] of planned.entries()) {
    say(`  ${index + 1}  ${what} (${method}, ${gas} gas at most)`);
  }
  const money =
    deposit === 0n || BigInt(token.address) === 0n
      ? ""
      : `, plus ${formatAmount(deposit, token)} into the escrow`;
  say(`total cost at most ${formatEther(maxCost)} of the chain's coin${money}`);
}

/** Prints checks, transactions and total, and asks once. @throws CliError with the code of the first failed check, or 130 */
export async function agree(outlook: Outlook, flags: MoneyFlags): Promise<void> {
  show(outlook);
  const failed = outlook.checks.filter(({ grade }) => grade === "fail");
  const [first] = failed;
  if (first !== undefined) {
    throw new CliError({
      code: first.code,
      message: `nothing was sent; failed checks: ${failed.length} of ${outlook.checks.length}, first: ${first.name}: ${first.found}`,
      ...(first.remedy === undefined ? {} : { hint: first.remedy }),
    });
  }
  if (flags.dryRun === true || flags.yes === true || outlook.planned.length === 0) return;
  const agreed = await askYesNo("Send all of them?", "--yes sends without asking, --dry-run sends nothing");
  if (!agreed) throw new CliError({ code: exitCodes.interrupted, message: "nothing was sent" });
}
