/** Checks a keeper's page at one viewport and colour scheme. */
import type { Page } from "playwright-core";
import { expect } from "vitest";
import { keepScreenshot, openPage, textOf } from "./chromium.ts";
import type { Look } from "./chromium.ts";
import { counted } from "../../daemon/page/format.ts";
import { isWellFormed } from "./well-formed.ts";
import { onFile } from "./watched-fleet.ts";
import type { WatchedFleet } from "./watched-fleet.ts";

/** Health of the providers and money come first, then who is connected, then the protocol; terms are explained where they stand. */
const cards = [
  ["Providers", true],
  ["Bytes proven", true],
  ["Payments", true],
  ["Money", false],
  ["Groups", true],
  ["Keepers", true],
  ["Skipped, refused or missed", true],
  ["Current round", true],
  ["Next leaders", true],
  ["This machine", false],
] as const;

async function tellsWhatMatters(scene: WatchedFleet, page: Page): Promise<void> {
  const shown = await page
    .locator(".card")
    .evaluateAll((all) =>
      all.map((card) => [card.querySelector("h2")?.textContent, card.querySelector(".explain") !== null]),
    );
  expect(shown).toEqual(cards);
  const group = (await scene.statusOf(onFile)).groups[0];
  const payments = group?.earned?.payments ?? 0;
  expect(await textOf(page, '#glance [data-key="Earned by this keeper"]')).toContain(
    payments === 0 ? "no payment yet" : `in ${counted(payments, "payment")}`,
  );
  // Payments are folded, each with its age and date.
  expect(await page.locator("#payments details[open]").count()).toBe(0);
  expect(await textOf(page, "#payments li:first-child .when")).toMatch(
    /^\d+ (s|min) ago ?\d+ \w+,? \d\d:\d\d$/,
  );
  // The committed bytes of each provider are a line beside the mean of the proven ones.
  const providers = group?.providers.length ?? 0;
  expect(await page.locator('#space svg path[data-key^="c"]').count()).toBe(providers);
  expect(await page.locator('#space svg path[data-key^="l"]').count()).toBe(providers);
}

/** Checks the page, and saves a screenshot. */
export async function inspect(scene: WatchedFleet, look: Look): Promise<string> {
  await scene.fleet.mine();
  const watched = await openPage(scene.browser, scene.fleet.apiOf(onFile), look);
  const { page, troubles, requests } = watched;
  await page.waitForSelector("#payments .payments, #payments .empty");
  await page.waitForSelector("#space .chart");
  await tellsWhatMatters(scene, page);
  await isWellFormed(page, look);
  // An estimate names its measurement, and the reserved money is separate from it.
  expect(await textOf(page, "#machine")).toMatch(/Mean time of a block [\d.]+ s, over the last \d+ blocks/);
  expect(await textOf(page, "#money")).toMatch(
    /Reserved until block \d+: in .* The payer may withdraw the rest/,
  );
  const kept = await keepScreenshot(page, `keeper-${look.name}`);
  expect(troubles).toEqual([]);
  const own = new URL(scene.fleet.apiOf(onFile)).origin;
  expect(requests.filter((url) => new URL(url).origin !== own)).toEqual([]);
  await watched.close();
  return kept;
}
