/** Scene: the chain makes no more blocks. Checks the reports of keeper and provider, and after how long they come. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "vitest";
import { readySchema } from "../../daemon/http/schemas.ts";
import { firing } from "../support/alerts.ts";
import { accessibilityFaults, keepScreenshot, looks, openPage, textOf } from "./chromium.ts";
import type { Look } from "./chromium.ts";
import { eventually, onFile, patience_ms } from "./watched-fleet.ts";
import type { WatchedFleet } from "./watched-fleet.ts";

type Ready = { readonly status: number; readonly body: unknown };

async function fetched(url: string): Promise<Ready> {
  const response = await fetch(url);
  return { status: response.status, body: await response.json() };
}

export type SeenAfter = { readonly after_s: number; readonly limit_s: number };

/** Time after which a keeper and a provider reported it, with their limits. */
export async function chainStops(scene: WatchedFleet): Promise<SeenAfter[]> {
  const { fleet } = scene;
  const provider = fleet.chain.providers.apiOf(0);
  const watched = await openPage(scene.browser, fleet.apiOf(onFile), looks[2] as Look);
  const { page } = watched;
  const block = await fleet.mine();
  const stopped_ms = performance.now();
  const seconds = (): number => (performance.now() - stopped_ms) / 1000;
  await eventually("keeper 0 is ready", async () => (await scene.ask(onFile, "/readyz")).status === 200);
  // On a busy machine blocks are slow, so the limit is high.
  const limits = [(await scene.ask(onFile, "/readyz")).body, (await fetched(`${provider}/readyz`)).body];
  const limit_s = Math.max(...limits.map((body) => readySchema.parse(body).headAgeLimit_s));
  const limit_ms = limit_s * 1000 + patience_ms;
  const isOver = async (ask: Promise<Ready>): Promise<boolean> => (await ask).status === 503;
  await eventually("the keeper says so", () => isOver(scene.ask(onFile, "/readyz")), limit_ms);
  const keeperAfter_s = seconds();
  await eventually("the provider says so", () => isOver(fetched(`${provider}/readyz`)), limit_ms);
  const providerAfter_s = seconds();
  const told = readySchema.parse((await scene.ask(onFile, "/readyz")).body);
  const own = readySchema.parse((await fetched(`${provider}/readyz`)).body);
  process.stdout.write(
    `chain stopped: seen by the keeper after ${keeperAfter_s.toFixed(1)} s (limit ${told.headAgeLimit_s} s), by a provider after ${providerAfter_s.toFixed(1)} s (limit ${own.headAgeLimit_s} s)\n`,
  );
  for (const { headAge_s, headAgeLimit_s } of [told, own]) {
    expect(headAge_s).toBeGreaterThanOrEqual(headAgeLimit_s);
  }
  const words = `the newest block is ${block} and older than ${told.headAgeLimit_s} s`;
  expect(told.problems.join()).toContain(words);
  expect(await scene.statusOf(onFile)).toMatchObject({ ready: false, chainStopped: true });
  await page.waitForSelector("#problems .banner");
  expect(await textOf(page, "#problems")).toContain(words);
  expect(await textOf(page, '#glance [data-key="Next payment"]')).toContain("the chain has stopped");
  expect(await accessibilityFaults(page)).toEqual([]);
  process.stdout.write(`screenshot: ${await keepScreenshot(page, "keeper-chain-stopped")}\n`);
  expect(firing("WhitepayChainStopped", String((await scene.ask(onFile, "/metrics")).body))).toHaveLength(1);
  const figures = await (await fetch(`${provider}/metrics`)).text();
  expect(firing("WhitepayChainStopped", figures)).toHaveLength(1);
  const status = await scene.statusCommand(onFile);
  expect(status.stdout).toMatch(/^keeper {4}up, but cannot work, /);
  expect(status.stdout).toContain(words);
  await fleet.mine();
  await goesOn(scene, provider);
  expect(watched.troubles).toEqual([]);
  await watched.close();
  return [
    { after_s: keeperAfter_s, limit_s: told.headAgeLimit_s },
    { after_s: providerAfter_s, limit_s: own.headAgeLimit_s },
  ];
}

async function goesOn(scene: WatchedFleet, provider: string): Promise<void> {
  await eventually("the keeper is ready again", async () => {
    const { status } = await scene.ask(onFile, "/readyz");
    return status === 200;
  });
  await eventually("so is the provider", async () => (await fetched(`${provider}/readyz`)).status === 200);
  const { fleet } = scene;
  for (const folder of [fleet.keeper(onFile).folder, join(fleet.folder, "provider-0")]) {
    await eventually("both changes are in the log", async () => {
      const log = await readFile(join(folder, "log"), "utf8");
      return log.includes("chain-stopped") && log.includes("new blocks again");
    });
  }
}
