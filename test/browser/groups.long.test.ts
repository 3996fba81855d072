/** One keeper's page for several groups. */
import { afterAll, beforeAll, expect, it } from "vitest";
import { accessibilityFaults, looks, openPage, pageSays, textOf } from "./chromium.ts";
import type { Look } from "./chromium.ts";
import { onFile, patience_ms, WatchedFleet } from "./watched-fleet.ts";

const limit_ms = 240_000;

let scene: WatchedFleet;
beforeAll(async () => {
  scene = await WatchedFleet.start();
}, limit_ms);
afterAll(() => scene.stop(), limit_ms);

it(
  "shows the group that is chosen, and goes on doing so as news come",
  async () => {
    const [first, second] = (await scene.fleet.addGroups(1)).map((group) => group.toLowerCase()) as [
      string,
      string,
    ];
    await scene.fleet.settled(await scene.fleet.ts(), 2);
    const watched = await openPage(scene.browser, scene.fleet.apiOf(onFile), looks[0] as Look);
    const { page, troubles } = watched;
    await page.waitForSelector("#group-field:not([hidden])");
    await page.waitForSelector("#payments .payments", { timeout: patience_ms });
    expect(await textOf(page, "#machine")).toContain(first);
    expect(await textOf(page, "#outcomes")).toContain("Provider 2");
    await page.selectOption("#group", second);
    await pageSays(page, "#machine", second);
    await pageSays(page, "#outcomes", "no providers yet");
    await pageSays(page, "#space", "No challenge");
    const block = await scene.fleet.mine();
    await pageSays(page, "#machine", `block ${block}`);
    expect(await textOf(page, "#machine")).toContain(second);
    expect(await accessibilityFaults(page)).toEqual([]);
    await page.selectOption("#group", first);
    await pageSays(page, "#outcomes", "Provider 2");
    expect(troubles).toEqual([]);
    await watched.close();
  },
  limit_ms,
);
