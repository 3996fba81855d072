/** All checks before a keeper runs, in the order in which they are printed. */
import { join } from "node:path";
import type { JsonRpcProvider } from "ethers";
import type { KeeperConfig } from "../../../keeper/config.ts";
import type { CheckItem } from "../../console/check-item.ts";
import { keeperRuns } from "../running.ts";
import { failureOf, guarded } from "../../preflight/guarded.ts";
import { checkClock, checkEndpoints, checkPrecompile } from "../../preflight/endpoints.ts";
import { checkFunds } from "./funds.ts";
import { checkKeys, type CheckedKeys } from "./keys.ts";
import { checkDisk, checkPorts } from "../../preflight/machine.ts";
import { checkPeers } from "./peers.ts";
import { checkRegistration } from "./registration.ts";
import { checkSeats, type CheckedSeats } from "./seats.ts";

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

const diskNeed = "a keeper that cannot store its notes signs nothing";

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
  return [...items, ...(await checkPorts(config, running)), await checkDisk(config, diskNeed)];
}
