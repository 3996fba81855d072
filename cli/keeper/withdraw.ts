/** `whitepay keeper withdraw|rotate-seat`: sends a call of the operator for each committee (R31, R37). */
import type { Command } from "commander";
import { planRotateSeat } from "../../client/committee-plans.ts";
import { CommitteeReader } from "../../client/committee-view.ts";
import { keeperBalances, planKeeperWithdrawals } from "../../client/withdrawals.ts";
import type { ConfigOptions, KeeperAccount } from "./context.ts";
import { asKeeperFailure, configOptions, loadConfig, withKeeper } from "./context.ts";
import { addressOption, jsonOption } from "../console/options.ts";
import { printJson, say } from "../console/output.ts";
import { moneyOptions, transact } from "../chain/transact.ts";
import type { MoneyFlags, TransactionPlan, TransactionReport } from "../chain/transact.ts";

type CommitteeOptions = ConfigOptions & MoneyFlags & { readonly json?: boolean };
type WithdrawOptions = CommitteeOptions & { readonly factory: string; readonly lens: string };
type Plan = (account: KeeperAccount, committee: string) => Promise<TransactionPlan[]>;

export async function registerWithdraw(keeper: Command): Promise<void> {
  const withdraw = keeper
    .command("withdraw")
    .description("send this keeper's earnings in all groups of the committees to its payee")
    .argument("<committees...>", "addresses of committees")
    .requiredOption("--factory <address>", "the UpkeepingFactory contract", addressOption("--factory"))
    .requiredOption("--lens <address>", "the Lens contract", addressOption("--lens"));
  (await configOptions(jsonOption(moneyOptions(withdraw)))).action(
    (committees: string[], options: WithdrawOptions) =>
      onCommittees(committees, options, withdrawals(options), "this keeper has no credit"),
  );
  const rotate = keeper
    .command("rotate-seat")
    .description(
      "use the registered BLS key in this keeper's seats from the next certificate on; run it after `register --rotate-key`",
    )
    .argument("<committees...>", "addresses of committees");
  (await configOptions(jsonOption(moneyOptions(rotate)))).action(
    (committees: string[], options: CommitteeOptions) =>
      onCommittees(committees, options, rotations, "all seats of this keeper have the registered key"),
  );
}

function onCommittees(
  named: readonly string[],
  options: CommitteeOptions,
  plan: Plan,
  nothing: string,
): Promise<void> {
  const committees = named.map(addressOption("<committees...>"));
  return asKeeperFailure(async () => {
    const { config } = await loadConfig(options);
    await withKeeper(config, async (account) => {
      const transactions: TransactionReport[] = [];
      for (const committee of committees) {
        for (const each of await plan(account, committee)) {
          transactions.push(await transact(each, account.signer, options));
        }
      }
      if (transactions.length === 0) say(`nothing to do: ${nothing}`);
      if (options.json === true) printJson({ operator: account.signer.address, transactions });
    });
  });
}

function withdrawals({ factory, lens }: WithdrawOptions): Plan {
  return async ({ provider, signer }, committee) => {
    const operator = signer.address;
    const balances = await keeperBalances(provider, { lens, committee, operator });
    return balances.length === 0 ? [] : planKeeperWithdrawals(signer, { factory, lens }, balances);
  };
}

/** One transaction if this operator has a seat whose key differs from the registered one. */
async function rotations(
  { provider, signer, config }: KeeperAccount,
  committee: string,
): Promise<TransactionPlan[]> {
  const { registeredKeeper, registryAt } = await import("../../client/registry.ts");
  const view = new CommitteeReader(provider, committee);
  const [{ blsKey }, { version }] = await Promise.all([
    registeredKeeper(registryAt(config.chain.registry, provider), signer.address),
    view.present(),
  ]);
  const seat = (await view.members(version)).find(({ operator }) => operator === signer.address);
  return seat === undefined || seat.blsKey === blsKey ? [] : [await planRotateSeat(signer, committee)];
}
