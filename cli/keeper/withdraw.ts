/** `whitepay keeper withdraw|rotate-seat`: calls of the operator for all of its committees (R31, R37). */
import type { Command } from "commander";
import { planRotateSeat } from "../../client/committee-plans.ts";
import { CommitteeReader } from "../../client/committee-view.ts";
import { factoryOf, seatsOf } from "../../client/seats.ts";
import { keeperBalances, planKeeperWithdrawals, type KeeperBalance } from "../../client/withdrawals.ts";
import type { KeeperConfig } from "../../keeper/config.ts";
import type { ConfigOptions, KeeperAccount } from "./context.ts";
import { asKeeperFailure, configOptions, loadConfig, withKeeper } from "./context.ts";
import { usageError } from "../console/exit.ts";
import { addressOption, jsonOption } from "../console/options.ts";
import { printJson, say } from "../console/output.ts";
import { moneyOptions, transact } from "../chain/transact.ts";
import type { MoneyFlags, TransactionPlan, TransactionReport } from "../chain/transact.ts";

type CommitteeOptions = ConfigOptions & MoneyFlags;
type Plans = (account: KeeperAccount, committees: readonly string[]) => Promise<TransactionPlan[]>;
type Batch = { readonly plans: Plans; readonly nothing: string };

const argument = "addresses of committees; default: every committee in which this keeper consented";

export async function registerWithdraw(keeper: Command): Promise<void> {
  const withdraw = keeper
    .command("withdraw")
    .description(
      "send this keeper's earnings in all groups of its committees to its payee, many groups in one call",
    )
    .argument("[committees...]", argument);
  const withdrawals = { plans: planWithdrawals, nothing: "this keeper has no credit" };
  (await configOptions(jsonOption(moneyOptions(withdraw)))).action(
    (committees: string[], options: CommitteeOptions) => onCommittees(committees, options, withdrawals),
  );
  const rotate = keeper
    .command("rotate-seat")
    .description(
      "use the registered BLS key in this keeper's seats from the next certificate on; run it after `register --rotate-key`",
    )
    .argument("[committees...]", argument);
  const rotations = { plans: planRotations, nothing: "all seats of this keeper have the registered key" };
  (await configOptions(jsonOption(moneyOptions(rotate)))).action(
    (committees: string[], options: CommitteeOptions) => onCommittees(committees, options, rotations),
  );
}

function onCommittees(
  named: readonly string[],
  options: CommitteeOptions,
  { plans, nothing }: Batch,
): Promise<void> {
  const given = named.map(addressOption("[committees...]"));
  return asKeeperFailure(async () => {
    const { config } = await loadConfig(options);
    await withKeeper(config, async (account) => {
      const committees = given.length > 0 ? given : await ownCommittees(account);
      const transactions: TransactionReport[] = [];
      for (const plan of await plans(account, committees)) {
        transactions.push(await transact(plan, account.signer, options));
      }
      if (transactions.length === 0) say(`nothing to do: ${nothing}`);
      if (options["json"] === true) printJson({ operator: account.signer.address, transactions });
    });
  });
}

async function ownCommittees({ config, provider, signer }: KeeperAccount): Promise<string[]> {
  const seats = await seatsOf(provider, { ...config.chain, operator: signer.address });
  return seats.map(({ committee }) => committee);
}

/** @throws CliError exit 2 if no Lens is configured */
function lensOf({ chain }: KeeperConfig): string {
  if (chain.lens !== undefined) return chain.lens;
  throw usageError("chain.lens is missing: the Lens contract, through which earnings are read", {
    hint: "add it to the config file, or give --lens",
  });
}

/** Each call goes to one factory, which makes the withdrawals of up to 100 groups of all committees (R31). */
async function planWithdrawals(
  { provider, signer, config }: KeeperAccount,
  committees: readonly string[],
): Promise<TransactionPlan[]> {
  const lens = lensOf(config);
  const operator = signer.address;
  const byFactory = new Map<string, KeeperBalance[]>();
  for (const committee of committees) {
    const factory = await factoryOf(provider, config.chain.factories, committee);
    if (factory === undefined) {
      throw usageError(`${committee} is not a committee of a configured factory`, {
        expected: `a committee of ${config.chain.factories.join(", ") || "a factory in chain.factories"}`,
        actual: committee,
      });
    }
    const balances = await keeperBalances(provider, { lens, committee, operator });
    byFactory.set(factory, [...(byFactory.get(factory) ?? []), ...balances]);
  }
  const plans: TransactionPlan[] = [];
  for (const [factory, balances] of byFactory) {
    if (balances.length > 0)
      plans.push(...(await planKeeperWithdrawals(signer, { factory, lens }, balances)));
  }
  return plans;
}

/** One transaction for each seat whose key differs from the registered one, counting a rotation that waits to take effect (R37). */
async function planRotations(
  { provider, signer, config }: KeeperAccount,
  committees: readonly string[],
): Promise<TransactionPlan[]> {
  const { registeredKeeper, registryAt } = await import("../../client/registry.ts");
  const { blsKey } = await registeredKeeper(registryAt(config.chain.registry, provider), signer.address);
  const plans: TransactionPlan[] = [];
  for (const committee of committees) {
    const view = new CommitteeReader(provider, committee);
    const [{ version }, [, rotated]] = await Promise.all([view.present(), view.read("waiting")]);
    const members = await view.members(rotated === 0n ? version : Number(rotated));
    const seat = members.find(({ operator }) => operator === signer.address);
    if (seat !== undefined && seat.blsKey !== blsKey) plans.push(await planRotateSeat(signer, committee));
  }
  return plans;
}
