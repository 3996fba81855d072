/** Scene: providers lose data. Checks the reports of keepers, provider and command line, and after how many blocks they come. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "vitest";
import { firing } from "../support/alerts.ts";
import { runCli } from "../support/cli.ts";
import { looks, openPage, pageSays } from "./chromium.ts";
import type { Look } from "./chromium.ts";
import { eventually, onFile } from "./watched-fleet.ts";
import type { WatchedFleet } from "./watched-fleet.ts";

/** A permanent loss of a tenth: visible in the records of all keepers together, and in the next settlement. */
export const slight = { provider: 0, fraction: 0.1 };
/** A permanent loss that is visible in the records of one keeper. */
export const poor = { provider: 1, fraction: 0.3 };

async function lose(scene: WatchedFleet, { provider, fraction }: typeof poor): Promise<void> {
  const config = join(scene.fleet.folder, `provider-${provider}`, "provider.yaml");
  const args = ["provider-sim", "fault", "lose-data", "--fraction", String(fraction), "--config", config];
  const lost = await runCli(args);
  expect(lost.code, lost.stderr).toBe(0);
}

/** Whether keeper `index` reports that a provider proved less lately. */
async function seenBy(scene: WatchedFleet, index: number, provider: number): Promise<boolean> {
  const status = await scene.statusOf(index);
  const late = status.groups[0]?.providers[provider]?.late;
  return late !== undefined && late.partial + late.failed > 0;
}

export async function groupStatusText(scene: WatchedFleet, keepers: readonly string[]): Promise<string> {
  const { rpc, committee } = scene.fleet.chain;
  const args = ["group", "status", "--group", scene.group, "--rpc", rpc, "--lens", committee.lens];
  const told = await runCli([...args, ...(keepers.length === 0 ? [] : ["--keeper", ...keepers])]);
  expect(told.code, told.stderr).toBe(0);
  return told.stdout;
}

/** The indented lines below a provider's line. */
export function linesOf(text: string, provider: number): string {
  const lines = text.split("\n");
  const at = lines.findIndex((line) => line.startsWith(`provider ${provider} `));
  const end = lines.findIndex((line, i) => i > at && !line.startsWith("  "));
  return lines.slice(at + 1, end < 0 ? undefined : end).join("\n");
}

/** Number of blocks after which each loss was reported. */
export async function dataLost(
  scene: WatchedFleet,
): Promise<{ tenthByAll: number | undefined; poorByOne: number | undefined }> {
  const { fleet } = scene;
  await lose(scene, slight);
  await lose(scene, poor);
  const lostAt = await fleet.head();
  const all = Array.from({ length: fleet.size }, (_, index) => index);
  let allAfter: number | undefined;
  let oneAfter: number | undefined;
  // Two whole slots after the one in which the data is lost.
  const limit = 3 * fleet.params.slot;
  await fleet.until(
    "the losses are seen",
    async () => {
      const blocks = (await fleet.head()) - lostAt;
      const seen = await Promise.all(all.map((index) => seenBy(scene, index, slight.provider)));
      if (seen.includes(true)) allAfter ??= blocks;
      if (await seenBy(scene, onFile, poor.provider)) oneAfter ??= blocks;
      return allAfter !== undefined && oneAfter !== undefined;
    },
    limit,
  );
  process.stdout.write(
    `data lost: a tenth seen in the records of ${fleet.size} keepers after ${allAfter} blocks, ${poor.fraction} by one keeper after ${oneAfter}; a slot has ${fleet.params.slot}\n`,
  );
  const urls = all.map((index) => fleet.apiOf(index));
  const text = await groupStatusText(scene, urls);
  for (const { provider } of [slight, poor]) {
    const lines = linesOf(text, provider);
    expect(lines).toMatch(
      /recorded {3}(?!100\.0)[\d.]+ % proven in slots \d+ to \d+ \(\d+ whole, [1-9]\d* partial/,
    );
    expect(lines).toContain(`by ${fleet.size} keepers`);
  }
  await oneKeeperSays(scene);
  return { tenthByAll: allAfter, poorByOne: oneAfter };
}

async function oneKeeperSays(scene: WatchedFleet): Promise<void> {
  const { fleet } = scene;
  const { stdout } = await scene.statusCommand(onFile);
  expect(stdout).toMatch(/ {2}unproven provider 1: (?!100\.0)[\d.]+ % in slots? \d+.* [1-9]\d* partial/);
  const figures = String((await scene.ask(onFile, "/metrics")).body);
  expect(firing("WhitepayDataUnproven", figures).join()).toContain(`provider="${poor.provider}"`);
  const own = await fetch(`${fleet.chain.providers.apiOf(poor.provider)}/metrics`);
  // It has lost a part of every group's data.
  expect(firing("WhitepayProviderDataLost", await own.text())).toHaveLength(fleet.groups.length);
  await eventually("the log says so", async () => {
    const log = await readFile(join(fleet.keeper(onFile).folder, "log"), "utf8");
    return new RegExp(`"data-unproven","detail":"provider ${poor.provider}: (?!100)`).test(log);
  });
  const watched = await openPage(scene.browser, fleet.apiOf(onFile), looks[2] as Look);
  await watched.page.waitForSelector('#glance .warn[data-key="Bytes proven"]');
  await pageSays(watched.page, `#outcomes li[data-key="provider-${poor.provider}"]`, "not all");
  await watched.close();
}
