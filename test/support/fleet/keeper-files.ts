/** Files of a keeper in a fault fleet: its configuration, its plan, its traces. */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Links } from "../../../scripts/fleet/links.ts";
import { multiaddr } from "../../../scripts/fleet/setup.ts";
import type { Keeper } from "../../../scripts/fleet/setup.ts";
import type { KeeperPlan } from "./traces.ts";

export async function configure({ folder }: Keeper, change: Record<string, unknown>): Promise<void> {
  const file = configFileIn(folder);
  const config = JSON.parse(await readFile(file, "utf8")) as object;
  await writeFile(file, JSON.stringify({ ...config, ...change }));
}

export function configFileIn(folder: string): string {
  return join(folder, "config.json");
}

export function planFileIn(folder: string, index: number): string {
  return join(folder, `plan-${index}.json`);
}

export function traceFolder(folder: string, index: number): string {
  return join(folder, `traces-${index}`);
}

export async function writePlans(folder: string, keepers: readonly Keeper[], links: Links): Promise<void> {
  for (const { index } of keepers) {
    const others = keepers.filter((keeper) => keeper.index !== index);
    const plan: KeeperPlan = {
      folder: traceFolder(folder, index),
      links: Object.fromEntries(
        others.map((other) => [multiaddr(other.port), links.address(index, other.index)]),
      ),
    };
    await writeFile(planFileIn(folder, index), JSON.stringify(plan));
  }
}
