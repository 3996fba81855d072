/** `whitepay keeper withdraw|rotate-seat`: sends a call of the operator to each group (R31, R3). */
import type { Command } from "commander";
import { Contract, type JsonRpcProvider, type Wallet } from "ethers";
import { groupAbi } from "../../client/abi.ts";
import { planKeeperWithdraw } from "../../client/rights.ts";
import { openGroup } from "../../client/status.ts";
import { usageError } from "../console/exit.ts";
import type { ConfigOptions } from "./context.ts";
import { asKeeperFailure, configOptions, loadConfig, withKeeper } from "./context.ts";
import { addressOption, jsonOption } from "../console/options.ts";
import { printJson, say } from "../console/output.ts";
import { moneyOptions, transact } from "../chain/transact.ts";
import type { MoneyFlags, TransactionPlan, TransactionReport } from "../chain/transact.ts";

/** R2 */
const maxSeats = 124;

type GroupOptions = ConfigOptions & MoneyFlags;
type Plan = (provider: JsonRpcProvider, group: string, signer: Wallet) => Promise<TransactionPlan[]>;

export async function registerWithdraw(keeper: Command): Promise<void> {
  const commands: readonly [name: string, text: string, plan: Plan, nothing: string][] = [
    [
      "withdraw",
      "send this keeper's earnings to its payee, from the given groups or from all groups in the config",
      withdrawals,
      "this keeper has no credit",
    ],
    [
      "rotate-seat",
      "use the registered BLS key in this keeper's seats from the next settlement on; run it after `register --rotate-key`",
      rotations,
      "all seats of this keeper have the registered key",
    ],
  ];
  for (const [name, text, plan, nothing] of commands) {
    const command = keeper.command(name).description(text).argument("[groups...]", "addresses of groups");
    (await configOptions(jsonOption(moneyOptions(command)))).action(
      (groups: string[], options: GroupOptions) =>
        asKeeperFailure(() => onGroups(groups.map(addressOption("[groups...]")), options, plan, nothing)),
    );
  }
}

async function onGroups(
  named: readonly string[],
  options: GroupOptions,
  plan: Plan,
  nothing: string,
): Promise<void> {
  const { config } = await loadConfig(options);
  const groups = named.length > 0 ? named : config.groups;
  if (groups.length === 0) {
    throw usageError("no group is given, and none is in the config", {
      hint: "give the address of the group",
    });
  }
  await withKeeper(config, async ({ provider, signer }) => {
    const transactions: TransactionReport[] = [];
    for (const group of groups) {
      for (const each of await plan(provider, group, signer))
        transactions.push(await transact(each, signer, options));
    }
    if (transactions.length === 0) say(`nothing to do: ${nothing}`);
    if (options["json"] === true) printJson({ operator: signer.address, transactions });
  });
}

async function withdrawals(
  provider: JsonRpcProvider,
  group: string,
  signer: Wallet,
): Promise<TransactionPlan[]> {
  await openGroup(provider, group);
  return planKeeperWithdraw(signer, group, signer.address);
}

/** One transaction if this operator has a seat whose key differs from the registered one. */
async function rotations(
  provider: JsonRpcProvider,
  group: string,
  signer: Wallet,
): Promise<TransactionPlan[]> {
  const view = await openGroup(provider, group);
  const { registry } = await view.parameters();
  const { registeredKeeper, registryAt } = await import("../../client/registry.ts");
  const { blsKey } = await registeredKeeper(registryAt(registry, provider), signer.address);
  const contract = new Contract(group, groupAbi, signer);
  const [{ version }, { rotatedCommittee }] = await Promise.all([view.committee(), view.state()]);
  // A rotated key takes effect with the next settlement.
  const seats = await contract.getFunction("members")(Math.max(version, rotatedCommittee), 0, maxSeats);
  const seat = [...seats].find(({ operator }) => operator === signer.address);
  if (seat === undefined || seat.blsKey === blsKey) return [];
  return [
    {
      what: `rotating the BLS key of the seat in group ${group}`,
      contract,
      method: "rotateSeat",
      args: [],
    },
  ];
}
