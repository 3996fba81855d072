/** Checks whether enough other keepers of a group are reachable. */
import { Contract, type JsonRpcProvider } from "ethers";
import { groupAbi } from "../../../client/abi.ts";
import { GroupView } from "../../../client/group-view.ts";
import { expectContract } from "../../../client/missing-contract.ts";
import { registeredKeeper, registryAt } from "../../../client/registry.ts";
import type { KeeperConfig } from "../../../keeper/config.ts";
import { reachableParties } from "../../chain/reachable.ts";
import { fail, ok, warn, type CheckItem } from "../../console/check-item.ts";
import { exitCodes } from "../../console/exit.ts";

/** True for a new group: it is settled through its origin block only. */
async function neverSettled(provider: JsonRpcProvider, group: string): Promise<boolean> {
  const view = new GroupView(provider, group);
  const [{ originBlock }, { settledThrough }] = await Promise.all([view.parameters(), view.state()]);
  return settledThrough === originBlock;
}

export async function checkPeers(
  config: KeeperConfig,
  provider: JsonRpcProvider,
  group: string,
  me: string,
): Promise<CheckItem> {
  const name = "peers";
  const registry = registryAt(config.chain.registry, provider);
  if ((await provider.getCode(group)) === "0x")
    return fail(name, `no contract at group ${group}`, "correct groups", exitCodes.usage);
  const contract = new Contract(group, groupAbi, provider);
  const committee = await expectContract("group", group, () => contract.getFunction("committee")());
  const operators = [...committee.operators].map((operator: string) => operator.toLowerCase());
  if (!operators.includes(me))
    return warn(name, `this keeper has no seat in group ${group}`, "ask the payer for a seat");
  const others = operators.filter((operator) => operator !== me);
  const up = await reachableParties(
    await Promise.all(others.map((operator) => registeredKeeper(registry, operator))),
  );
  const count = up.filter(Boolean).length;
  const needed = 2 * Math.floor((operators.length - 1) / 3);
  const found = `${count} of ${others.length} other keepers of ${group} are reachable, ${needed} are needed`;
  const missing = others.filter((_, i) => up[i] !== true).join(", ");
  // The first keeper of a new group cannot reach the others: they are not started yet.
  if (count < needed && (await neverSettled(provider, group)))
    return warn(
      name,
      `${found}; the group is not settled yet`,
      `this keeper waits for the others: ${missing}`,
    );
  if (count < needed)
    return fail(name, found, `check the network, and that these keepers run: ${missing}`, exitCodes.network);
  return count < others.length ? warn(name, found, `not reachable: ${missing}`) : ok(name, found);
}
