/** `whitepay keeper withdraw` and `whitepay keeper rotate-seat`: what a keeper's operator calls on its groups (R31, R3). */
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
      "send what this keeper has earned to its payee, of the groups named or of all in the config",
      withdrawals,
      "nothing is owed to this keeper",
    ],
    [
      "rotate-seat",
      "put the registered BLS key into this keeper's seats: after `register --rotate-key`, from the next settlement on",
      rotations,
      "no group of this keeper has another key than the registered one",
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
    throw usageError("no group is named, and none is in the config", { hint: "name the group's address" });
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

/** One for each group where this operator has a seat with another key than the registered one. */
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
  // What is rotated already takes effect with the next settlement.
  const seats = await contract.getFunction("members")(Math.max(version, rotatedCommittee), 0, maxSeats);
  const seat = [...seats].find(({ operator }) => operator === signer.address);
  if (seat === undefined || seat.blsKey === blsKey) return [];
  return [
    {
      what: `putting the registered BLS key into the seat of group ${group}`,
      contract,
      method: "rotateSeat",
      args: [],
    },
  ];
}
