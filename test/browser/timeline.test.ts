import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parseScenario } from "../../sim/scenario/schema.ts";
import { simulate } from "../../sim/simulate.ts";
import type { SimulationResult } from "../../sim/simulate.ts";
import { timelinePage } from "../../sim/trace/timeline.ts";
import { sharedFolder } from "../support/files.ts";
import { accessibilityFaults, keepScreenshot, launchChromium, looks, openPage } from "./chromium.ts";
import type { Look, Watched } from "./chromium.ts";

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
let shared: Awaited<ReturnType<typeof sharedFolder>>;

beforeAll(async () => {
  result = await simulate(scenario, 3);
  shared = await sharedFolder();
  // The text of a violation may contain any characters.
  const violation = { checker: "S0", block: 75, text: "</script><b>no tag</b>" };
  const at_ms = result.events.find(({ block }) => block === 75)?.at_ms ?? 0;
  const events = [...result.events, { kind: "violation", at_ms, ...violation } as const];
  const file = join(shared.folder, "run.html");
  writeFileSync(file, timelinePage({ ...result, violations: [violation], events }, scenario.committee));
  url = pathToFileURL(file).href;
  browser = await launchChromium();
});
afterAll(async () => {
  await browser?.close();
  await shared?.remove();
});

async function open(look: Look): Promise<Watched> {
  const watched = await openPage(browser, url, look);
  await watched.page.waitForSelector("#list li");
  return watched;
}

const desktop = looks[2] as Look;
const marks = (page: Page, selector: string): Promise<number> => page.locator(`#chart ${selector}`).count();
const seen = (page: Page): Promise<string> => page.locator("#view").innerText();

type Box = { readonly left: number; readonly right: number };

describe("the timeline of a run", () => {
  it("writes labels only where they fit, and groups rows with the same text", async () => {
    for (const look of [desktop, looks[0] as Look]) {
      const watched = await open(look);
      const { page } = watched;
      const edge = await page.locator("#chart").evaluate((chart) => chart.getBoundingClientRect().right);
      const labels = await page.locator("#chart text").evaluateAll((texts) =>
        texts.map((text): Box & { row: number } => {
          const { left, right, top } = text.getBoundingClientRect();
          return { left, right, row: Math.round(top) };
        }),
      );
      expect(labels.filter(({ right }) => right > edge)).toEqual([]);
      const rows = Map.groupBy(labels, ({ row }) => row);
      for (const row of rows.values()) {
        const sorted = row.toSorted((a, b) => a.left - b.left);
        const overlaps = sorted.filter((box, i) => i > 0 && box.left < (sorted[i - 1] as Box).right - 1);
        expect(overlaps).toEqual([]);
      }
      const texts = await page.locator("#list .what").allInnerTexts();
      expect(texts.filter((text, i) => text === texts[i - 1])).toEqual([]);
      await watched.close();
    }
  });

  it("spreads the events of one block when zoomed in", async () => {
    const watched = await open(desktop);
    const { page } = watched;
    await page.selectOption("#places", { label: "interval 1: how it was settled" });
    await page.locator('button[data-key="+"]').click();
    const centres = await page.locator("#chart .said").evaluateAll((said) =>
      said.map((mark) => {
        const { left, width, top, height } = mark.getBoundingClientRect();
        return `${Math.round(left + width / 2)},${Math.round(top + height / 2)}`;
      }),
    );
    expect(centres.length).toBeGreaterThan(4);
    expect(new Set(centres).size).toBe(centres.length);
    await watched.close();
  });

  it("has a lane for each keeper, all messages, faults with their duration, turns, payments and violations", async () => {
    const watched = await open(desktop);
    const { page, troubles, requests } = watched;
    const count = (kind: string): number => result.events.filter((event) => event.kind === kind).length;
    const said = result.events.filter((event) => event.kind === "said" && event.round !== undefined);
    expect(await page.locator("#chart text.name", { hasText: /^K\d$/ }).count()).toBe(4);
    expect(await marks(page, ".said")).toBe(said.length);
    expect(await marks(page, ".fault")).toBe(3);
    expect(await marks(page, ".turn")).toBe(count("turn"));
    expect(await marks(page, ".paid")).toBe(3);
    expect(await marks(page, "path.violation")).toBe(1);
    const widths = await page
      .locator("#chart .fault")
      .evaluateAll((bars) => bars.map((bar) => bar.getBoundingClientRect().width));
    // In the order of their start: loss for 35 blocks, then no provider for 10.
    expect((widths[0] ?? 0) / (widths[1] ?? 1)).toBeCloseTo(3.5, 0);
    expect(await marks(page, ".credited")).toBe(3);
    // A signature looks different from a settlement.
    const partials = said.filter((event) => event.kind === "said" && event.message === "partial");
    expect(await marks(page, "path.said")).toBe(partials.length);
    expect(await page.locator("#chart text", { hasText: /^prov$/ }).count()).toBe(1);
    expect(await page.locator("h1").innerText()).toBe("crashes & <i>cuts</i> (seed 3)");
    expect(await page.locator("main b").count()).toBe(0);
    expect(troubles).toEqual([]);
    expect(requests).toEqual([url]);
    await watched.close();
  });

  it("shows the arrival or loss of each message when zoomed in, and lists the same events with the text of the trace", async () => {
    const watched = await open(desktop);
    const { page } = watched;
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
    await watched.close();
  });

  it("works with the keyboard alone", async () => {
    const watched = await open(desktop);
    const { page } = watched;
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
    await watched.close();
  });

  it("draws some messages and all settlements of a long run, and says so", async () => {
    const length_ms = result.events.at(-1)?.at_ms ?? 0;
    const blocks = result.events.at(-1)?.block ?? 0;
    const events = Array.from({ length: 80 }, (_, i) =>
      result.events.map((event) => ({
        ...event,
        at_ms: event.at_ms + i * length_ms,
        block: event.block + i * blocks,
      })),
    ).flat();
    const file = join(shared.folder, "long.html");
    writeFileSync(file, timelinePage({ ...result, events }, scenario.committee));
    const watched = await openPage(browser, pathToFileURL(file).href, desktop);
    await watched.page.waitForSelector("#list li");
    expect(await seen(watched.page)).toMatch(
      /the first 300 rows are listed.*of messages and notes one in 2 is drawn/,
    );
    expect(await marks(watched.page, ".paid")).toBe(240);
    expect(await marks(watched.page, ".said")).toBeLessThan(4_000);
    expect(watched.troubles).toEqual([]);
    await watched.close();
  });

  it.each(looks)("fits the window and breaks no rule of accessibility: $name", async (look) => {
    const watched = await open(look);
    const { page, troubles } = watched;
    expect(await page.evaluate("document.documentElement.scrollWidth")).toBe(look.viewport.width);
    expect(await page.evaluate("getComputedStyle(document.body).backgroundColor")).toBe(
      look.scheme === "light" ? "rgb(255, 255, 255)" : "rgb(18, 22, 27)",
    );
    expect(troubles).toEqual([]);
    expect(await accessibilityFaults(page)).toEqual([]);
    process.stdout.write(`screenshot: ${await keepScreenshot(page, `timeline-${look.name}`)}\n`);
    await watched.close();
  });
});
