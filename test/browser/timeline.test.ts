import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parseScenario } from "../../scripts/sim/scenario/schema.ts";
import { simulate } from "../../scripts/sim/simulate.ts";
import type { SimulationResult } from "../../scripts/sim/simulate.ts";
import { timelinePage } from "../../scripts/sim/trace/timeline.ts";
import { openBrowser } from "../support/browser.ts";
import { sharedFolder } from "../support/files.ts";

const scenario = parseScenario(
  `name: "crashes & <i>cuts</i>"
settlements: 3
faults:
  - {when: {settlement: 2, phase: close}, keeper: leader, kind: crash, forBlocks: 15}
  - {when: {block: 40}, kind: loss, share: 0.4, forBlocks: 35}
  - {when: {block: 50}, provider: 1, kind: offline, forBlocks: 10}
`,
  "timeline.yaml",
);

let browser: Browser;
let url: string;
let result: SimulationResult;
let remove: () => Promise<void>;

beforeAll(async () => {
  result = await simulate(scenario, 3);
  const shared = await sharedFolder();
  remove = shared.remove;
  // Words from a checker may hold anything.
  const violation = { checker: "S0", block: 75, text: "</script><b>no tag</b>" };
  const at_ms = result.events.find(({ block }) => block === 75)?.at_ms ?? 0;
  const events = [...result.events, { kind: "violation", at_ms, ...violation } as const];
  const file = join(shared.folder, "run.html");
  writeFileSync(file, timelinePage({ ...result, violations: [violation], events }, scenario.committee));
  url = pathToFileURL(file).href;
  browser = await openBrowser();
});
afterAll(async () => {
  await browser?.close();
  await remove?.();
});

async function open(
  width: number,
  colorScheme: "light" | "dark",
): Promise<{ page: Page; trouble: string[] }> {
  const page = await browser.newPage({ viewport: { width, height: 800 }, colorScheme });
  const trouble: string[] = [];
  page.on("pageerror", (error) => trouble.push(error.message));
  page.on("console", (message) => trouble.push(message.text()));
  page.on("request", (request) => {
    if (request.url() !== url) trouble.push(`asks for ${request.url()}`);
  });
  await page.goto(url);
  await page.waitForSelector("#list li");
  return { page, trouble };
}

const marks = (page: Page, selector: string): Promise<number> => page.locator(`#chart ${selector}`).count();
const seen = (page: Page): Promise<string> => page.locator("#view").innerText();

describe("the timeline of a run", () => {
  it("has a lane for each keeper, all messages, faults with their duration, turns, payments and violations", async () => {
    const { page, trouble } = await open(1_000, "light");
    const count = (kind: string): number => result.events.filter((event) => event.kind === kind).length;
    const said = result.events.filter((event) => event.kind === "said" && event.round !== undefined);
    expect(await page.locator("#chart text", { hasText: /^K\d$/ }).count()).toBe(4);
    expect(await marks(page, ".said")).toBe(said.length);
    expect(await marks(page, ".fault")).toBe(3);
    expect(await marks(page, ".turn")).toBe(count("turn"));
    expect(await marks(page, ".paid")).toBe(3);
    expect(await marks(page, "path.violation")).toBe(1);
    const widths = await page
      .locator("#chart .fault")
      .evaluateAll((bars) => bars.map((bar) => bar.getBoundingClientRect().width));
    // In the order in which they struck: loss for 35 blocks, then no provider for 10.
    expect((widths[0] ?? 0) / (widths[1] ?? 1)).toBeCloseTo(3.5, 0);
    expect(await page.locator("h1").innerText()).toBe("crashes & <i>cuts</i> (seed 3)");
    expect(await page.locator("main b").count()).toBe(0);
    expect(trouble).toEqual([]);
    await page.close();
  });

  it("shows close up where messages arrive and which are lost, and lists the same events in the words of the trace", async () => {
    const { page } = await open(1_000, "light");
    await page.selectOption("#places", { label: "interval 1: how it was settled" });
    const said = result.events.filter((event) => event.kind === "said" && event.round?.ts === 10);
    const lost = said.reduce(
      (sum, one) => sum + (one.kind === "said" ? 3 - new Set(one.arrivals.map((a) => a.keeper)).size : 0),
      0,
    );
    expect(lost).toBeGreaterThan(0);
    expect(await marks(page, ".way")).toBe(3 * said.length);
    expect(await marks(page, ".way.lost")).toBe(lost);
    const rows = await page.locator("#list .what").allInnerTexts();
    const words = new Set(result.trace.map((line) => line.replace(/^block \d+: /, "")));
    expect(rows.length).toBeGreaterThan(10);
    expect(rows.filter((row) => !words.has(row))).toEqual(["VIOLATION of S0: </script><b>no tag</b>"]);
    await page.close();
  });

  it("is driven by the keyboard alone", async () => {
    const { page } = await open(1_000, "light");
    const whole = await seen(page);
    for (let i = 0; i < 20 && (await page.evaluate("document.activeElement?.id")) !== "chart"; i++) {
      await page.keyboard.press("Tab");
    }
    await page.keyboard.press("+");
    const closer = await seen(page);
    await page.keyboard.press("ArrowRight");
    const later = await seen(page);
    await page.keyboard.press("0");
    expect(new Set([whole, closer, later]).size).toBe(3);
    expect(await seen(page)).toBe(whole);
    await page.locator("#list button").first().focus();
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("Enter");
    const chosen = page.locator('#list [aria-current="true"]');
    expect(await chosen.count()).toBe(1);
    expect(await page.evaluate("document.activeElement?.getAttribute('aria-current')")).toBe("true");
    await page.close();
  });

  it.each(["light", "dark"] as const)(
    "fits a phone and breaks no rule of accessibility, %s",
    async (scheme) => {
      const { page, trouble } = await open(360, scheme);
      expect(await page.evaluate("document.documentElement.scrollWidth")).toBe(360);
      expect(await page.evaluate("getComputedStyle(document.body).backgroundColor")).toBe(
        scheme === "light" ? "rgb(255, 255, 255)" : "rgb(18, 22, 27)",
      );
      expect(trouble).toEqual([]);
      // The page itself lets no script in, so the judge comes with a page that does.
      const context = await browser.newContext({
        bypassCSP: true,
        colorScheme: scheme,
        viewport: { width: 360, height: 800 },
      });
      const judged = await context.newPage();
      await judged.goto(url);
      await judged.waitForSelector("#list li");
      await judged.addScriptTag({
        content: readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8"),
      });
      const found = await judged.evaluate(
        "axe.run().then(({ violations }) => violations.map(({ id, nodes }) => `${id}: ${nodes[0].html}`))",
      );
      expect(found).toEqual([]);
      await context.close();
      await page.close();
    },
  );
});
