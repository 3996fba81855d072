/**
 * The whole way of an archive on a devnet: three providers store it as public data, keepers settle, one provider is killed, and the public page
 * shows that copies fell, with the alarm.
 */
import { cp, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { Archive } from "../../archive/schema.ts";
import type { DevnetDocument } from "../../scripts/devnet/run.ts";
import { runCli, startCli, type CliProcess } from "../support/cli.ts";
import { serveFolder, type StaticServer } from "../support/archive/static-server.ts";
import { seededBytes, sharedFolder } from "../support/files.ts";
import { keepScreenshot, launchChromium, looks, openPage, pageSays, textOf } from "./chromium.ts";
import type { Look } from "./chromium.ts";

type Status = {
  files: { name: string; copies: number; holders: { provider: string }[] }[];
  unread: unknown[];
};

const minutes = 60_000;
let folder: string;
let remove: () => Promise<void>;
let devnet: CliProcess;
let document: DevnetDocument;
let browser: Browser;
let server: StaticServer | undefined;
let bareServer: StaticServer | undefined;

beforeAll(async () => {
  ({ folder, remove } = await sharedFolder());
  devnet = startCli(["devnet", "--providers", "3", "--data-dir", join(folder, "devnet"), "--json"]);
  let printed = "";
  devnet.child.stdout?.on("data", (chunk: Buffer) => (printed += String(chunk)));
  await devnet.said('"keepers"');
  document = JSON.parse(printed) as DevnetDocument;
  browser = await launchChromium();
}, 3 * minutes);

afterAll(async () => {
  await browser?.close();
  await server?.stop();
  await bareServer?.stop();
  devnet.child.kill("SIGTERM");
  await devnet.ended;
  await remove();
}, minutes);

/** The JSON document of a command of the payer, which must exit with `code`. */
async function run<T>(code: number, ...args: string[]): Promise<T> {
  const done = await runCli([...args, "--json"], {
    cwd: folder,
    env: { WHITEPAY_CONFIG: document.payerConfig },
  });
  if (done.code !== code) throw new Error(`${args.join(" ")}: exit ${done.code}\n${done.stderr}`);
  return (done.stdout.trim() === "" ? {} : JSON.parse(done.stdout)) as T;
}

async function statusOnce(isSo: (status: Status) => boolean, limit_ms: number): Promise<Status> {
  const end_ms = performance.now() + limit_ms;
  for (;;) {
    const status = await run<Status>(0, "archive", "status", "--manifest", "archive.json", "--least", "0");
    if (isSo(status)) return status;
    if (performance.now() > end_ms) throw new Error(`the copies stay: ${JSON.stringify(status.files)}`);
    await sleep(5_000);
  }
}

it(
  "shows on its page what providers keep, and that copies fall when one is killed",
  { timeout: 14 * minutes },
  async () => {
    const files = { response_0001: seededBytes(2_500_000, 1), "README.md": seededBytes(3_000, 2) };
    await mkdir(join(folder, "transcript"));
    for (const [name, bytes] of Object.entries(files))
      await writeFile(join(folder, "transcript", name), bytes);
    await run(0, "archive", "import", "transcript", "--out", "archive.json", "--title", "Powers of Tau");
    await run(0, "archive", "sign", "archive.json", "--bytes", "manifest");
    const names = ["response_0001", "README.md"].map((name) => join("transcript", name));
    const { group } = await run<{ group: string }>(
      0,
      "store",
      ...names,
      "manifest",
      "--copies",
      "3",
      "--for",
      "5000blocks",
      "--public",
      "--yes",
    );
    const { root } = await run<{ root: string }>(0, "archive", "show", "archive.json");
    await run(0, "group", "publish-manifest", root, "--group", group, "--yes");
    const kept = await statusOnce(({ files: all }) => all.every(({ copies }) => copies === 3), 5 * minutes);
    expect(kept.unread).toEqual([]);

    const made = await run<{ readers: string[] }>(
      0,
      "archive",
      "page",
      "--manifest",
      "archive.json",
      "--out",
      "page",
      "--least",
      "3",
    );
    expect(made.readers).toHaveLength(3);
    server = await serveFolder(join(folder, "page"));
    const { page, troubles } = await openPage(browser, `${server.url}/`, looks[2] as Look);
    await page.waitForSelector("#link[data-state=live]");
    expect(await textOf(page, '#glance [data-key="Fewest copies now"]')).toContain("3 copies");
    expect(await page.locator("#alarm").count()).toBe(0);
    expect(await textOf(page, "#funders")).toContain(" 1 ");

    // Without lists and manifest beside it, the page reads both from the providers.
    await cp(join(folder, "page"), join(folder, "bare"), { recursive: true });
    const settings = JSON.parse(await readFile(join(folder, "bare/settings.json"), "utf8")) as object;
    const bare = { ...settings, lists: [], manifestUrls: [] };
    await writeFile(join(folder, "bare/settings.json"), JSON.stringify(bare));
    bareServer = await serveFolder(join(folder, "bare"));
    const other = await openPage(browser, `${bareServer.url}/`, looks[2] as Look);
    await other.page.waitForSelector("#link[data-state=live]");
    expect(await textOf(other.page, '#glance [data-key="Fewest copies now"]')).toContain("3 copies");
    expect(await other.page.locator("#unread").count()).toBe(0);
    expect(other.requests.map((url) => new URL(url).pathname)).toEqual(
      expect.arrayContaining([
        `/archive/${root.slice(2)}/manifest`,
        expect.stringMatching(/^\/list\/[0-9a-f]{64}$/),
      ]),
    );
    expect(other.troubles).toEqual([]);
    await other.close();

    // The links lead to the bytes, at each provider.
    const { manifest } = JSON.parse(await readFile(join(folder, "archive.json"), "utf8")) as Archive;
    await page.locator("button.open", { hasText: "README.md" }).click();
    const links = await page
      .locator("#files .links a")
      .evaluateAll((all) => all.map((link) => (link as HTMLAnchorElement).href));
    expect(links).toHaveLength(3);
    for (const link of links) {
      expect(link).toContain(`/archive/${root.slice(2)}/README.md`);
      expect(new Uint8Array(await (await fetch(link)).arrayBuffer())).toEqual(files["README.md"]);
    }
    // The page reads a file of two ranges from all of them, checks it, and saves it.
    await page.locator("#filter").fill("response");
    await pageSays(page, "#files caption", "1 to 1 of 1 file");
    await page.locator("button.open").click();
    const saved = page.waitForEvent("download");
    await page.locator("[data-download]").click();
    const path = await (await saved).path();
    expect(new Uint8Array(await readFile(path))).toEqual(files.response_0001);
    await pageSays(page, "#files .more", "read and checked, from http://127.0.0.1:");
    await page.locator("#filter").fill("");
    expect(manifest.collections.flatMap((one) => one.files)).toHaveLength(2);

    const lost = document.providers[0]!;
    process.kill(lost.pid, "SIGKILL");
    const after = await statusOnce(({ files: all }) => all.every(({ copies }) => copies === 2), 6 * minutes);
    expect(after.files.flatMap(({ holders }) => holders.map(({ provider }) => provider))).not.toContain(
      lost.operator,
    );
    await page.locator("#again").click();
    await pageSays(page, "#alarm", "Alarm: 2 files with fewer than 3 copies");
    expect(await textOf(page, '#glance [data-key="Fewest copies now"]')).toContain("2 copies");
    const line = String(await page.locator('#copies path[data-key="lf"]').getAttribute("d"));
    const heights = [...line.matchAll(/(?:M[\d.]+,|V)([\d.]+)/g)].map(([, y]) => Number(y));
    // The last step of the picture leads down.
    expect(heights.at(-1)).toBeGreaterThan(Math.min(...heights));
    expect(await page.locator("#copies rect.too-few").count()).toBeGreaterThan(0);
    // Its list is beside the page, so the killed provider takes no history with it.
    expect(await page.locator("#unread").count()).toBe(0);
    await page.evaluate(() => scrollTo(0, 0));
    await keepScreenshot(page, "archive-devnet");
    // The browser reports that the killed provider refuses connections.
    expect(troubles.filter((text) => !text.includes("ERR_CONNECTION_REFUSED"))).toEqual([]);
  },
);
