/** The public page of an archive in a real Chromium, from a static server and a chain, as a stranger opens it. */
import { cp, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { canonicalText } from "../../archive/canonical.ts";
import { maxFiles } from "../../archive/schema.ts";
import type { Manifest } from "../../archive/schema.ts";
import { archiveScene, type ArchiveScene } from "../support/archive/archive-scene.ts";
import { fileNamed, manifestOf } from "../support/archive/manifests.ts";
import { serveFolder, type StaticServer } from "../support/archive/static-server.ts";
import { keepScreenshot, launchChromium, looks, openPage, pageSays, tabTo, textOf } from "./chromium.ts";
import type { Look, Watched } from "./chromium.ts";
import { isWellFormed } from "./well-formed.ts";

const GB = 1_000_000_000;
/** Markup, an end of an attribute, and a sign that turns the direction of text. */
const hostile = `<img src=x onerror="document.title='owned'">'"&lt;script&gt;\u202E.bin`;
const manifest = manifestOf(
  [
    fileNamed("challenge_0001", { bytes: 51 * GB }),
    fileNamed("response_0001", {
      bytes: 51 * GB,
      sources: [{ url: "https://host.example/response_0001" }],
    }),
    fileNamed("challenge_0002", {
      bytes: 51 * GB,
      priority: 0,
      derivedFrom: { file: "response_0001", by: "powersoftau" },
    }),
    fileNamed("response_0002", { bytes: 51 * GB }),
    fileNamed("notes/README.md"),
    fileNamed(hostile),
  ],
  { title: "Powers of Tau <b>", description: "The transcript\n<script>alert(1)</script>" },
);

let scene: ArchiveScene;
let browser: Browser;
const servers: StaticServer[] = [];

beforeAll(async () => {
  scene = await archiveScene(manifest);
  await scene.json(["archive", "page", "--manifest", scene.manifestFile, "--out", pageFolder()]);
  browser = await launchChromium();
});

afterAll(async () => {
  await browser?.close();
  for (const server of servers) await server.stop();
  await scene?.close();
});

const pageFolder = (name = "page"): string => join(scene.folder, name);

async function opened(folder = pageFolder(), look = looks[2] as Look): Promise<Watched> {
  const server = await serveFolder(folder);
  servers.push(server);
  return openPage(browser, `${server.url}/`, look);
}

/** The page with other settings. */
async function changed(name: string, change: object): Promise<string> {
  const folder = pageFolder(name);
  await cp(pageFolder(), folder, { recursive: true });
  const settings = JSON.parse(await readFile(join(folder, "settings.json"), "utf8")) as object;
  await writeFile(join(folder, "settings.json"), JSON.stringify({ ...settings, ...change }));
  return folder;
}

const isRead = (page: Page): Promise<unknown> => page.waitForSelector("#link[data-state=live]");

describe("the page of an archive", () => {
  it.each(looks)("tells how each file stands, since when, and who pays: $name", async (look) => {
    const watched = await opened(pageFolder(), look);
    const { page, troubles, requests } = watched;
    await isRead(page);
    expect(await textOf(page, "#title")).toBe("Powers of Tau <b>");
    expect(await page.title()).toBe("⚠ Powers of Tau <b>");
    const alarm = await textOf(page, "#alarm");
    expect(alarm).toMatch(/Alarm: 3 files with fewer than 2 copies; 3 at the last copy or without one/);
    expect(alarm).toMatch(/response_0002: 1 copy, the last one/);
    expect(await textOf(page, "#unread")).toContain(`provider ${scene.operators.unlisted}`);
    expect(await textOf(page, '#glance [data-key="Fewest copies now"]')).toMatch(/1 copy.*of 5 files/);
    const copies = await page
      .locator("#files tbody tr")
      .evaluateAll((rows) =>
        rows.map((row) => [
          row.querySelector("th")?.textContent,
          row.querySelector("td:nth-child(3)")?.textContent,
        ]),
      );
    expect(copies).toEqual([
      ["response_0002", "▲alarm: the last copy: 1"],
      ["notes/README.md", "▲alarm: the last copy: 1"],
      [hostile, "▲alarm: the last copy: 1"],
      ["challenge_0001", "✓2"],
      ["response_0001", "✓2"],
      ["challenge_0002", "✓2"],
    ]);
    const holders = await textOf(page, "#holders");
    expect(holders).toContain("not readable from a browser");
    expect(await textOf(page, "#funders")).toMatch(/1,000 WPD.*25 WPD/);
    // The payer sent its tokens before the group was made.
    expect(await page.locator(`#funders [title="${scene.payer.address}"]`).count()).toBe(1);
    await isWellFormed(page, look);
    await keepScreenshot(page, `archive-${look.name}`);
    expect(troubles).toEqual([]);
    const own = [new URL(page.url()).origin, new URL(scene.rpc).origin];
    expect(requests.filter((url) => !own.includes(new URL(url).origin))).toEqual([]);
    await watched.close();
  });

  it("draws the copies as they fell when a provider stopped to prove, with the time of the alarm", async () => {
    const watched = await opened();
    const { page } = watched;
    await isRead(page);
    // The steps of the fewest copies: two, then one; lower is further down.
    const line = await page.locator('#copies path[data-key="lf"]').getAttribute("d");
    const heights = [...String(line).matchAll(/(?:M[\d.]+,|V)([\d.]+)/g)].map(([, y]) => Number(y));
    expect([...new Set(heights)]).toHaveLength(2);
    expect(heights.at(-1)).toBeGreaterThan(heights[0] as number);
    const zone = page.locator("#copies rect.too-few");
    expect(await zone.count()).toBe(1);
    const chart = await page.locator("#copies svg").boundingBox();
    const box = await zone.boundingBox();
    // The provider stopped in the middle of the 60 days.
    const share = ((box?.x ?? 0) - (chart?.x ?? 0)) / (chart?.width ?? 1);
    expect(share).toBeGreaterThan(0.4);
    expect(share).toBeLessThan(0.7);
    await page.locator("#copies summary").click();
    const table = await textOf(page, "#copies details[open]");
    expect(table).toMatch(/1 1\.4 2 3/);
    expect(table).toMatch(/2 2\.[04] [23] 0/);
    await watched.close();
  });

  it("is used with the keyboard: skip link, picture, names, copy", async () => {
    const watched = await opened();
    const { page, troubles } = watched;
    await isRead(page);
    await page.keyboard.press("Tab");
    expect(await page.evaluate(() => document.activeElement?.textContent)).toBe("Skip to the figures");
    await page.keyboard.press("Enter");
    await tabTo(page, ".chart");
    expect(await textOf(page, "#copies .readout")).toContain("3 of 5 files below 2");
    await page.keyboard.press("Home");
    expect(await textOf(page, "#copies .readout")).toContain("fewest 2 copies");
    await tabTo(page, "button.open");
    await page.keyboard.press("Enter");
    const unfolded = await textOf(page, "#files .more");
    expect(unfolded).toContain("1 copy now, fewest 1 from");
    expect(await page.locator(`#files .more [title="${scene.operators.whole}"]`).count()).toBe(1);
    expect(await page.evaluate(() => document.activeElement?.matches("button.open"))).toBe(true);
    await page.locator("#filter").fill("RESPONSE_0001");
    await pageSays(page, "#files caption", "1 to 1 of 1 file");
    await page.keyboard.press("Enter");
    await page.locator("button.open").click();
    const link = page.locator("#files .links a");
    expect(await link.getAttribute("href")).toBe("https://host.example/response_0001");
    expect(await link.getAttribute("rel")).toBe("noreferrer noopener");
    expect(troubles).toEqual([]);
    await watched.close();
  });

  it("shows hostile names as text, and runs no code that is not a file of the page", async () => {
    const watched = await opened();
    const { page } = watched;
    await isRead(page);
    expect(await page.locator("main img, main script, main b").count()).toBe(0);
    expect(await page.title()).toBe("⚠ Powers of Tau <b>");
    const blocked = await page.evaluate(async () => {
      const found: string[] = [];
      addEventListener("securitypolicyviolation", ({ violatedDirective }) => found.push(violatedDirective));
      const script = document.createElement("script");
      script.textContent = "document.title = 'owned'";
      document.body.append(script);
      await fetch("https://elsewhere.example/").catch(() => undefined);
      await new Promise((done) => setTimeout(done, 50));
      return found;
    });
    expect(blocked).toEqual(expect.arrayContaining(["script-src-elem", "connect-src"]));
    expect(await page.title()).not.toBe("owned");
    await watched.close();
  });
});

describe("a page that cannot be read", () => {
  const faults: [string, () => Promise<string>, RegExp][] = [
    ["the endpoint is gone", () => changed("gone", { rpc: ["http://127.0.0.1:9"] }), /no chain answers/],
    [
      "another chain",
      () => changed("chain", { chainId: 5 }),
      /another chain; expected chain 5, actual chain 31337/,
    ],
    [
      "the manifest of another root",
      () => changed("root", { manifest: `0x${"12".repeat(32)}` }),
      /another manifest: root: expected 0x1212\w+, actual 0x/,
    ],
    ["no manifest", () => changed("none", { manifestUrls: ["nothing.json"] }), /nothing.json .*HTTP 404/],
    ["settings of another form", () => changed("form", { days: 0 }), /settings.json: days: /],
    [
      "a group that is none",
      () => changed("group", { groups: [`0x${"77".repeat(20)}`] }),
      /there is no group at 0x7777/,
    ],
  ];
  it.each(faults)("says so: %s", async (_, folder, words) => {
    const watched = await opened(await folder());
    const { page } = watched;
    await page.waitForSelector("#link[data-state=away]");
    expect(await textOf(page, "#problems")).toMatch(words);
    expect(await page.locator("#all").isVisible()).toBe(false);
    expect(await page.locator("#again").isVisible()).toBe(true);
    await watched.close();
  });

  it("is read again by its button, and keeps what it showed if that fails", async () => {
    const folder = await changed("again", {});
    const watched = await opened(folder);
    const { page } = watched;
    await isRead(page);
    const settings = await readFile(join(folder, "settings.json"), "utf8");
    await writeFile(join(folder, "settings.json"), "{");
    await page.locator("#again").click();
    await pageSays(page, "#problems", "What is shown below is from before");
    expect(await page.locator("#files tbody tr").count()).toBe(6);
    await writeFile(join(folder, "settings.json"), settings);
    await page.locator("#again").click();
    await pageSays(page, "#problems", "Alarm: 3 files");
    await watched.close();
  });
});

describe("an archive with the most files", () => {
  it("is read beside the page, which stays usable and shows 50 rows at a time", async () => {
    const many: Manifest = manifestOf(
      Array.from({ length: maxFiles }, (_, i) => fileNamed(`part ${i}`)),
      { title: "many" },
    );
    const file = join(scene.folder, "many.json");
    await writeFile(file, canonicalText({ manifest: many, signatures: [] }));
    await scene.json(["archive", "page", "--manifest", file, "--out", pageFolder("many")]);
    const watched = await opened(pageFolder("many"));
    const { page, troubles } = watched;
    // The longest time in which the page could not react.
    await page.evaluate(() => {
      let last = performance.now();
      const state = window as unknown as { longest: number };
      state.longest = 0;
      setInterval(() => {
        const now = performance.now();
        state.longest = Math.max(state.longest, now - last);
        last = now;
      }, 10);
    });
    const began = performance.now();
    await page.waitForSelector("#link[data-state=live]", { timeout: 120_000 });
    const read_ms = performance.now() - began;
    const longest_ms = await page.evaluate(() => (window as unknown as { longest: number }).longest);
    expect(longest_ms).toBeLessThan(Math.max(500, read_ms / 3));
    expect(await textOf(page, "#remarks")).toContain("No group on this chain announced this manifest");
    expect(await page.locator("#files tbody tr").count()).toBe(50);
    await page.locator('#files [data-turn="on"]').click();
    await pageSays(page, "#files caption", "51 to 100 of 100,000 files");
    await page.locator("#order").selectOption("name");
    await pageSays(page, "#files tbody tr:first-child", "part 0");
    await page.locator("#filter").fill("part 99999");
    await pageSays(page, "#files caption", "1 to 1 of 1 file");
    expect(troubles).toEqual([]);
    await watched.close();
  });
});
