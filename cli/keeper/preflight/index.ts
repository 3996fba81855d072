/** All checks before a keeper runs, in the order in which they are printed. */
import { join } from "node:path";
import type { JsonRpcProvider } from "ethers";
import type { KeeperConfig } from "../../../keeper/config.ts";
import { fail, type CheckItem } from "../../console/check-item.ts";
import { exitCodes, explain } from "../../console/exit.ts";
import { keeperRuns } from "../running.ts";
import { checkClock, checkEndpoints, checkPrecompile } from "./endpoints.ts";
import { checkFunds } from "./funds.ts";
import { checkKeys, type CheckedKeys } from "./keys.ts";
import { checkDisk, checkPorts } from "./machine.ts";
import { checkPeers } from "./peers.ts";
import { checkRegistration } from "./registration.ts";
import { checkSeats, type CheckedSeats } from "./seats.ts";

/** An error inside one check fails that check only. */
async function guarded(name: string, work: () => Promise<CheckItem>): Promise<CheckItem> {
  try {
    return await work();
  } catch (error) {
    return failureOf(name, error);
  }
}

function failureOf(name: string, error: unknown): CheckItem {
  const { code, message, hint = "the endpoint does not know this call, or is down" } = explain(error);
  return fail(name, message, hint, code === exitCodes.failed ? exitCodes.network : code);
}

async function checkOnChain(
  config: KeeperConfig,
  provider: JsonRpcProvider,
  keys: CheckedKeys,
): Promise<CheckItem[]> {
  const items = [await guarded("EIP-2537", () => checkPrecompile(provider)), await checkClock(config)];
  const { operator } = keys;
  if (operator === undefined) return items;
  items.push(await guarded("registry", () => checkRegistration(config, provider, keys)));
  let certifying: CheckedSeats["certifying"] = [];
  try {
    const checked = await checkSeats(config, provider, operator);
    ({ certifying } = checked);
    items.push(...checked.items);
    for (const seat of checked.seats)
      items.push(await guarded("peers", () => checkPeers(config, provider, seat)));
  } catch (error) {
    items.push(failureOf("seats", error));
  }
  items.push(await guarded("funds", () => checkFunds(config, provider, { operator, certifying })));
  return items;
}

/** Runs all checks; checks of the chain are left out if no endpoint of the configured chain answers. */
export async function preflight(config: KeeperConfig): Promise<CheckItem[]> {
  const running = await keeperRuns(join(config.dataDir, "store"));
  const keys = await checkKeys(config);
  const { provider, items: endpoints } = await checkEndpoints(config);
  const items = [...keys.items, ...endpoints];
  if (provider !== undefined) {
    try {
      items.push(...(await checkOnChain(config, provider, keys)));
    } finally {
      provider.destroy();
    }
  }
  return [...items, ...(await checkPorts(config, running)), await checkDisk(config)];
}
