/** A headless Chromium and its pages. */
import { readFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { createRequire } from "node:module";
import { join, relative } from "node:path";
import chromium from "@sparticuz/chromium";
import type { AxeResults } from "axe-core";
import { chromium as playwright } from "playwright-core";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { projectRoot } from "../../scripts/paths.ts";

const axeSource = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const folder = join(projectRoot, ".whitepay/screenshots");

export async function launchChromium(): Promise<Browser> {
  return playwright.launch({
    executablePath: await chromium.executablePath(),
    // No option here disables the page's content security policy.
    args: ["--no-sandbox", "--no-zygote", "--disable-gpu", "--font-render-hinting=none"],
    headless: true,
  });
}

export type Look = {
  readonly name: string;
  readonly viewport: { readonly width: number; readonly height: number };
  readonly scheme: "light" | "dark";
};

const phone = { width: 390, height: 844 };
const desktop = { width: 1440, height: 1000 };

export const looks: readonly Look[] = [
  { name: "phone-light", viewport: phone, scheme: "light" },
  { name: "phone-dark", viewport: phone, scheme: "dark" },
  { name: "desktop-light", viewport: desktop, scheme: "light" },
  { name: "desktop-dark", viewport: desktop, scheme: "dark" },
];

/** A page with its errors and requests. */
export type Watched = {
  readonly page: Page;
  readonly troubles: string[];
  readonly requests: string[];
  close(): Promise<void>;
};

export async function openPage(browser: Browser, url: string, look: Look): Promise<Watched> {
  const context: BrowserContext = await browser.newContext({
    viewport: look.viewport,
    colorScheme: look.scheme,
    reducedMotion: "reduce",
  });
  const page = await context.newPage();
  const troubles: string[] = [];
  const requests: string[] = [];
  page.on("console", (message) => {
    if (message.type() === "error") troubles.push(message.text());
  });
  page.on("pageerror", (error) => troubles.push(String(error)));
  page.on("request", (request) => requests.push(request.url()));
  await page.goto(url);
  return { page, troubles, requests, close: () => context.close() };
}

/** Saves a screenshot and returns its path. */
export async function keepScreenshot(page: Page, name: string): Promise<string> {
  await mkdir(folder, { recursive: true });
  const path = join(folder, `${name}.png`);
  await page.screenshot({ path, fullPage: true });
  return relative(projectRoot, path);
}

/** Violations of WCAG 2.2 AA and of axe's best practices, with rule and element. */
export async function accessibilityFaults(page: Page): Promise<string[]> {
  await page.evaluate(axeSource);
  const results = (await page.evaluate(
    'axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] })',
  )) as AxeResults;
  return results.violations.flatMap(({ id, nodes }) =>
    nodes.map(({ target, failureSummary }) => `${id}: ${target.join(" ")}: ${failureSummary}`),
  );
}

/** Presses Tab until `selector` has the focus. */
export async function tabTo(page: Page, selector: string): Promise<void> {
  for (let presses = 0; presses < 60; presses++) {
    if ((await page.locator(selector).and(page.locator(":focus")).count()) > 0) return;
    await page.keyboard.press("Tab");
  }
  throw new Error(`Tab does not lead to ${selector}`);
}

/** The text of an element on one line. */
export async function textOf(page: Page, selector: string): Promise<string> {
  return (await page.locator(selector).innerText()).replaceAll(/\s+/g, " ");
}

/** Waits until the element contains `words`. */
export async function pageSays(page: Page, selector: string, words: string): Promise<void> {
  await page.locator(selector).filter({ hasText: words }).first().waitFor({ state: "attached" });
}
