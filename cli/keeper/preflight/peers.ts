/** Checks whether enough other keepers of a committee are reachable. */
import type { JsonRpcProvider } from "ethers";
import { committeeAbi } from "../../../client/abi.ts";
import { CommitteeReader } from "../../../client/committee-view.ts";
import { registeredKeeper, registryAt } from "../../../client/registry.ts";
import type { Seat } from "../../../client/seats.ts";
import { groupEvents } from "../../../client/watch.ts";
import type { KeeperConfig } from "../../../keeper/config.ts";
import { faultBound } from "../../../protocol/quorum.ts";
import { reachableParties } from "../../chain/reachable.ts";
import { fail, ok, warn, type CheckItem } from "../../console/check-item.ts";
import { exitCodes } from "../../console/exit.ts";

const certifiedTopic = (committeeAbi.getEvent("Certified") as { topicHash: string }).topicHash;

/**
 * Whether a committee has not certified any block since its first group entered. A certificate through te is accepted in the turn that
 * begins there (R6); without one, the committee starts where its first group begins (R5).
 */
async function neverCertified(provider: JsonRpcProvider, committee: string): Promise<boolean> {
  const view = new CommitteeReader(provider, committee);
  const [from, { turn }, head] = await Promise.all([
    view.certifiedThrough(),
    view.rhythm(),
    provider.getBlockNumber(),
  ]);
  const range = { from, to: Math.min(head, from + turn - 1), abi: committeeAbi, topics: [certifiedTopic] };
  const accepted = await groupEvents(provider, committee, range);
  return accepted.every(({ args }) => Number(args["te"]) !== from);
}

export async function checkPeers(
  config: KeeperConfig,
  provider: JsonRpcProvider,
  { committee, version, index: own }: Seat,
): Promise<CheckItem> {
  const name = "peers";
  const registry = registryAt(config.chain.registry, provider);
  const operators = version.operators.map((operator) => operator.toLowerCase());
  const others = operators.filter((_, index) => index !== own);
  const up = await reachableParties(
    await Promise.all(others.map((operator) => registeredKeeper(registry, operator))),
  );
  const count = up.filter(Boolean).length;
  const needed = 2 * faultBound(operators.length);
  const found = `${count} of ${others.length} other keepers of ${committee} are reachable, ${needed} are needed`;
  const missing = others.filter((_, i) => up[i] !== true).join(", ");
  // The first keeper of a new committee cannot reach the others: they are not started yet.
  if (count < needed && (await neverCertified(provider, committee)))
    return warn(
      name,
      `${found}; the committee has not certified yet`,
      `this keeper waits for the others: ${missing}`,
    );
  if (count < needed)
    return fail(name, found, `check the network, and that these keepers run: ${missing}`, exitCodes.network);
  return count < others.length ? warn(name, found, `not reachable: ${missing}`) : ok(name, found);
}
