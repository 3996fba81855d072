/** A keeper's page with the keyboard only: skip link, details, copy buttons. Updates keep unfolded details and the focus. */
import { expect } from "vitest";
import { looks, openPage, pageSays, tabTo, textOf } from "./chromium.ts";
import type { Look } from "./chromium.ts";
import { onFile } from "./watched-fleet.ts";
import type { WatchedFleet } from "./watched-fleet.ts";

/** @returns the copied text: the address of a payment's sender */
export async function usedByKeyboard(scene: WatchedFleet): Promise<string> {
  const watched = await openPage(scene.browser, scene.fleet.apiOf(onFile), looks[0] as Look);
  const { page } = watched;
  await page.waitForSelector("#space .chart");
  await page.keyboard.press("Tab");
  expect(await page.evaluate(() => document.activeElement?.textContent)).toBe("Skip to the figures");
  await page.keyboard.press("Enter");
  await tabTo(page, ".chart");
  const newest = await textOf(page, "#space .readout");
  await page.keyboard.press("ArrowLeft");
  expect(await textOf(page, "#space .readout")).not.toBe(newest);
  await tabTo(page, ".payments summary");
  await page.keyboard.press("Enter");
  expect(await textOf(page, ".payments details[open] .unfolded")).toContain("Signed by");
  const block = await scene.fleet.mine();
  await pageSays(page, "#machine", `block ${block}`);
  expect(await page.locator(".payments details[open]").count()).toBe(1);
  expect(await page.evaluate(() => document.activeElement?.matches(".payments summary"))).toBe(true);
  await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
  await tabTo(page, `.payments .unfolded button.copy[aria-label="Copy the sender's address"]`);
  await page.keyboard.press("Enter");
  await pageSays(page, "#news", "Copy the sender's address: copied.");
  const copied = await page.evaluate(() => navigator.clipboard.readText());
  expect(await textOf(page, ".payments details[open] .unfolded")).toContain(copied);
  await watched.close();
  return copied;
}
