/** A real headless Chromium for pages that people look at. */
import chromium from "@sparticuz/chromium";
import { chromium as playwright } from "playwright-core";
import type { Browser } from "playwright-core";

export async function openBrowser(): Promise<Browser> {
  // In one process with its pages a browser ends when the first page does.
  const args = chromium.args.filter((arg) => arg !== "--single-process" && arg !== "--disable-web-security");
  return playwright.launch({ args, executablePath: await chromium.executablePath() });
}
