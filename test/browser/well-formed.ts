/** What every page must keep to, at every viewport and in both colour schemes. */
import type { Page } from "playwright-core";
import { expect } from "vitest";
import { accessibilityFaults } from "./chromium.ts";
import type { Look } from "./chromium.ts";

/** Accessible, without overflow, in the right colours; with all details unfolded. At the end all are folded. */
export async function isWellFormed(page: Page, look: Look): Promise<void> {
  // Folded details are checked too.
  await page.evaluate(() => {
    for (const details of document.querySelectorAll("details")) details.open = true;
  });
  expect(await accessibilityFaults(page)).toEqual([]);
  // No element is wider than the page.
  const wide = await page.evaluate(() => {
    const edge = document.documentElement.clientWidth;
    const out = [...document.querySelectorAll("body *")].filter((each) => {
      return (
        each.getBoundingClientRect().right > edge + 0.5 && each.closest(".scroll, .hidden, svg") === null
      );
    });
    return out.map((each) => `${each.tagName} ${each.className}: ${each.textContent?.slice(0, 40)}`);
  });
  expect(wide).toEqual([]);
  const cut = await page.evaluate(() => {
    const cards = [...document.querySelectorAll(".card")];
    return cards.filter((card) => card.scrollWidth > card.clientWidth).map((card) => card.textContent);
  });
  expect(cut).toEqual([]);
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(look.viewport.width);
  const dark = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  expect(dark).toBe(look.scheme === "dark" ? "rgb(12, 18, 17)" : "rgb(243, 246, 245)");
  await page.evaluate(() => {
    for (const details of document.querySelectorAll("details")) details.open = false;
  });
}
