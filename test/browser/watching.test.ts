/** Keepers that people watch: figures, answers, books and the page, on running processes and in a real browser. */
import { existsSync } from "node:fs";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { get } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { metrics } from "../../keeper/adapters/telemetry-prometheus.ts";
import * as schemas from "../../keeper/api/schemas.ts";
import type { KeeperStatus, SettlementDocument } from "../../keeper/api/schemas.ts";
import { projectRoot } from "../../scripts/lib/paths.ts";
import { writeFaults } from "../../provider-sim/fault-file.ts";
import { runCli } from "../support/cli.ts";
import { FaultFleet } from "../support/fleet/fault-fleet.ts";
import { startPostgres } from "../support/postgres.ts";
import type { TestPostgres } from "../support/postgres.ts";
import { leaderDies } from "../process/scenarios/crashes.ts";
import { accessibilityFaults, keepScreenshot, launchChromium, looks, openPage } from "./chromium.ts";
import type { Look } from "./chromium.ts";

const limit_ms = 180_000;
const chainTables = ["settlement", "item", "share", "transaction"];
/** Looks of the monitor come every five seconds. */
const patience_ms = 30_000;
const [onFile, onPostgres] = [0, 1];
const badProvider = 2;

let postgres: TestPostgres;
let fleet: FaultFleet;
let browser: Browser;
let passwords: string;

async function eventually(what: string | (() => string), holds: () => Promise<boolean>): Promise<void> {
  const end = performance.now() + patience_ms;
  while (!(await holds())) {
    if (performance.now() > end) {
      throw new Error(`not within ${patience_ms} ms: ${typeof what === "string" ? what : what()}`);
    }
    await new Promise((next) => setTimeout(next, 100));
  }
}

type Answer = { readonly status: number; readonly headers: Headers; readonly body: unknown };

async function ask(index: number, path: string): Promise<Answer> {
  const response = await fetch(`${fleet.apiOf(index)}${path}`);
  const text = await response.text();
  const isJson = response.headers.get("content-type")?.includes("json") === true;
  return { status: response.status, headers: response.headers, body: isJson ? JSON.parse(text) : text };
}

const statusOf = async (index: number): Promise<KeeperStatus> =>
  schemas.statusSchema.parse((await ask(index, "/v1/status")).body);

type Rows = Record<string, readonly Record<string, unknown>[]>;

async function exported(index: number, ...flags: string[]): Promise<Rows> {
  const args = ["ledger", "export", "--json", "--config", fleet.configFile(index), ...flags, ...chainTables];
  const { code, stdout, stderr } = await runCli(args);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  return JSON.parse(stdout) as Rows;
}

/** Waits until the ledger of keeper `index` has exactly the settlements of the chain. */
async function bookedAsTheChain(index: number): Promise<Rows> {
  const settled = await fleet.settlements();
  const expected = settled.map(({ ts, te, tx, leader }) => ({ ts, te, tx, leader }));
  await eventually("the ledger has what the chain has", async () => {
    const { body } = await ask(index, `/v1/groups/${fleet.chain.group.toLowerCase()}/settlements?limit=200`);
    const booked = (body as { items: SettlementDocument[] }).items.toReversed();
    const same = booked.map(({ ts, te, tx, leader }) => ({ ts, te, tx, leader }));
    return JSON.stringify(same) === JSON.stringify(expected);
  });
  return exported(index);
}

beforeAll(async () => {
  postgres = await startPostgres();
  const url = new URL(await postgres.database());
  url.password = "";
  passwords = await mkdtemp(join(tmpdir(), "whitepay-browser-"));
  const ledgerPasswordFile = join(passwords, "password");
  await writeFile(ledgerPasswordFile, `${postgres.password}\n`, { mode: 0o600 });
  fleet = await FaultFleet.start({
    keepers: 4,
    providers: 3,
    configOf: async (index) => (index === onPostgres ? { ledger: url.toString(), ledgerPasswordFile } : {}),
  });
  browser = await launchChromium();
}, limit_ms);
afterAll(async () => {
  await browser?.close();
  await fleet?.stop();
  await postgres?.stop();
  await rm(passwords, { recursive: true, force: true });
}, limit_ms);

const group = (): string => fleet.chain.group.toLowerCase();

/** Presses Tab until `selector` has the focus. */
async function tabTo(page: Page, selector: string): Promise<void> {
  for (let presses = 0; presses < 60; presses++) {
    if (await page.evaluate((s) => document.activeElement?.matches(s) === true, selector)) return;
    await page.keyboard.press("Tab");
  }
  throw new Error(`Tab does not lead to ${selector}`);
}

/** The answer to a question that says it is for the host `name`. */
function statusUnderName(name: string): Promise<number | undefined> {
  return new Promise((done, fail) => {
    get(`${fleet.apiOf(onFile)}/v1/status`, { headers: { host: name } }, (response) => {
      response.resume();
      done(response.statusCode);
    }).once("error", fail);
  });
}

async function text(page: Page, selector: string): Promise<string> {
  return (await page.locator(selector).innerText()).replaceAll(/\s+/g, " ");
}

/** Looks at the page of a keeper with all unfolded, and keeps a picture with all folded. */
async function inspect(look: Look): Promise<string> {
  const watched = await openPage(browser, fleet.apiOf(onFile), look);
  const { page, troubles, requests } = watched;
  await page.waitForSelector("#payments .payments, #payments .empty");
  await page.waitForSelector("#space .chart");
  // What is unfolded must hold as well.
  await page.evaluate(() => {
    for (const details of document.querySelectorAll("details")) details.open = true;
  });
  expect(await accessibilityFaults(page)).toEqual([]);
  // Nothing sticks out to the side.
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
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(look.viewport.width);
  const dark = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  expect(dark).toBe(look.scheme === "dark" ? "rgb(12, 18, 17)" : "rgb(243, 246, 245)");
  await page.evaluate(() => {
    for (const details of document.querySelectorAll("details")) details.open = false;
  });
  const kept = await keepScreenshot(page, `keeper-${look.name}`);
  expect(troubles).toEqual([]);
  const own = new URL(fleet.apiOf(onFile)).origin;
  expect(requests.filter((url) => new URL(url).origin !== own)).toEqual([]);
  await watched.close();
  return kept;
}

describe("keepers that people watch", () => {
  it(
    "become ready, and answer on loopback alone, under names that are theirs",
    async () => {
      await eventually("keeper 0 is ready", async () => (await ask(onFile, "/readyz")).status === 200);
      expect(await ask(onFile, "/healthz")).toMatchObject({ status: 200, body: { status: "alive" } });
      expect(new URL(fleet.apiOf(onFile)).hostname).toBe("127.0.0.1");
      // A page of a stranger whose name was made to lead here gets nothing.
      expect(await statusUnderName("evil.example")).toBe(421);
      expect(await statusUnderName("localhost")).toBe(200);
    },
    limit_ms,
  );

  it(
    "show a round as it goes, a killed leader and the payment at the end, without being asked again",
    async () => {
      await writeFaults(join(fleet.folder, `provider-${badProvider}`), [{ kind: "corrupt" }]);
      const [first, second] = fleet.order(await fleet.ts()) as [number, number];
      const watched = await openPage(browser, fleet.apiOf(second), looks[2] as Look);
      const { page, troubles } = watched;
      await page.waitForSelector("#round .phases");
      expect(await text(page, "#payments")).toContain("Nothing has been paid yet");
      await page.evaluate(() => {
        const seen: string[] = [];
        Object.assign(window, { seen });
        new MutationObserver(() => {
          const now = document.querySelector('#round [aria-current="step"] .name')?.textContent ?? "";
          if (seen.at(-1) !== now) seen.push(now);
        }).observe(document.body, { subtree: true, childList: true, attributes: true, characterData: true });
      });
      const settled = await leaderDies(fleet, "before-commit");
      await page.waitForSelector("#payments .payments", { timeout: patience_ms });
      expect(await text(page, "#payments summary")).toMatch(
        new RegExp(`to 3 providers, 3 keepers led by keeper ${settled.leader} turn 2`),
      );
      expect(await text(page, "#news")).toContain("Paid through block");
      const seen = await page.evaluate(() => (window as unknown as { seen: string[] }).seen);
      expect(new Set(seen).size).toBeGreaterThanOrEqual(3);
      await page.waitForFunction(() =>
        document.querySelector("#outcomes")?.textContent.includes("bad-proof"),
      );
      await page.waitForFunction(() =>
        document.querySelector("#reasons")?.textContent.includes("turn-missed"),
      );
      expect(await page.locator(`#keepers tr:nth-child(${first + 1})`).innerText()).toContain("connected");
      expect(troubles).toEqual([]);
      await watched.close();
    },
    limit_ms,
  );

  it(
    "book a settlement alike on a file and on PostgreSQL, whoever sent it, and after a kill -9",
    async () => {
      await writeFaults(join(fleet.folder, `provider-${badProvider}`), []);
      const rows = await bookedAsTheChain(onFile);
      expect(rows["settlement"]).toHaveLength(1);
      expect(rows["item"]).toHaveLength(3);
      expect(rows["share"]).toHaveLength(3);
      for (const index of [onPostgres, 2, 3]) expect(await bookedAsTheChain(index)).toEqual(rows);
    },
    limit_ms,
  );

  it(
    "take back what a reorg took back, and book what came instead",
    async () => {
      const ts = await fleet.ts();
      const first = await fleet.settled(ts, 1);
      expect((await bookedAsTheChain(onFile))["settlement"]).toHaveLength(2);
      await fleet.reorg(1);
      expect((await bookedAsTheChain(onFile))["settlement"]).toHaveLength(1);
      const again = await fleet.settled(ts, 1);
      expect(again.block).toBeGreaterThan(first.block);
      const rows = await bookedAsTheChain(onFile);
      expect(rows["settlement"]).toHaveLength(2);
      expect(await bookedAsTheChain(onPostgres)).toEqual(rows);
      await fleet.confirmed(again);
    },
    limit_ms,
  );

  it(
    "lose nothing by a rebuild from the chain: beside the running keeper, on either engine, and into a new file",
    async () => {
      const before = await bookedAsTheChain(onFile);
      for (const index of [onFile, onPostgres]) {
        const args = ["ledger", "rebuild", "--json", "--config", fleet.configFile(index)];
        const { code, stdout } = await runCli(args);
        expect(code).toBe(0);
        expect(JSON.parse(stdout)).toMatchObject({ groups: [{ group: group(), settlements: 2 }] });
        expect(await exported(index)).toEqual(before);
      }
      const elsewhere = ["--ledger", join(fleet.folder, "again.sqlite")];
      const made = await runCli(["ledger", "rebuild", "--config", fleet.configFile(onFile), ...elsewhere]);
      expect(made.stdout).toMatch(/: 2 settlements, booked through block \d+\n$/);
      expect(await exported(onFile, ...elsewhere)).toEqual(before);
    },
    limit_ms,
  );

  it(
    "hand out their books as CSV, one table or all",
    async () => {
      const config = ["--config", fleet.configFile(onFile)];
      const one = await runCli(["ledger", "export", "share", "--csv", ...config]);
      const [head, ...lines] = one.stdout.trimEnd().split("\r\n");
      expect(head).toBe("group,ts,keeper,operator,amount");
      expect(lines.map((line) => line.split(",").length)).toEqual(lines.map(() => 5));
      expect(lines).toHaveLength(((await exported(onFile))["share"] ?? []).length);
      const out = join(fleet.folder, "books");
      expect((await runCli(["ledger", "export", "--out", out, ...config])).code).toBe(0);
      expect((await readdir(out)).sort()).toEqual([
        "challenge.csv",
        "challenge_day.csv",
        "cursor.csv",
        "item.csv",
        "peer.csv",
        "reason.csv",
        "settlement.csv",
        "share.csv",
        "transaction.csv",
      ]);
      expect(await readFile(join(out, "share.csv"), "utf8")).toBe(one.stdout);
      const refused = await runCli(["ledger", "export", "payments", "--csv", ...config]);
      expect(refused).toMatchObject({ code: 2, stdout: "" });
      expect(refused.stderr).toMatch(/expected: settlement, item,.*\n +actual: +payments/);
    },
    limit_ms,
  );

  it(
    "feed every figure that docs/metrics.md names",
    async () => {
      let missing: string[] = [];
      await eventually(
        () => `every figure is fed; missing: ${missing.join(", ")}`,
        async () => {
          const { body } = await ask(onFile, "/metrics");
          const lines = [...String(body).matchAll(/^(whitepay_\w+)(?:\{[^}]*\})? \S+$/gm)];
          const fed = new Set(lines.map((line) => line[1]));
          missing = Object.keys(metrics).filter((name) => !fed.has(name));
          return missing.length === 0;
        },
      );
      expect(missing).toEqual([]);
    },
    limit_ms,
  );

  it(
    "answer as their description says",
    async () => {
      const document = (await ask(onFile, "/openapi.json")).body as {
        openapi: string;
        paths: Record<string, { get: { responses: Record<string, unknown> } }>;
      };
      expect(document.openapi).toBe("3.1.0");
      const root = `/v1/groups/${group()}`;
      const list = (item: { parse(value: unknown): unknown }) => (body: unknown) => {
        const { items } = body as { items: unknown[] };
        expect(items.length).toBeGreaterThan(0);
        for (const one of items) item.parse(one);
      };
      const answers: Record<string, [path: string, check: (body: unknown) => unknown]> = {
        "/healthz": ["/healthz", (body) => schemas.healthSchema.parse(body)],
        "/readyz": ["/readyz", (body) => schemas.readySchema.parse(body)],
        "/metrics": ["/metrics", (body) => expect(body).toContain("# HELP whitepay_")],
        "/v1/status": ["/v1/status", (body) => schemas.statusSchema.parse(body)],
        "/v1/peers": ["/v1/peers", list(schemas.peerSchema)],
        "/v1/reasons": ["/v1/reasons", list(schemas.reasonSchema)],
        "/v1/groups/{group}/settlements": [`${root}/settlements`, list(schemas.settlementSchema)],
        "/v1/groups/{group}/challenges": [`${root}/challenges`, list(schemas.challengeSchema)],
        "/v1/groups/{group}/outcomes": [`${root}/outcomes`, list(schemas.outcomeSchema)],
        "/v1/groups/{group}/space": [`${root}/space`, (body) => schemas.spaceSchema.parse(body)],
      };
      expect(Object.keys(document.paths).sort()).toEqual(Object.keys(answers).sort());
      for (const [path, check] of Object.values(answers)) {
        const { status, body } = await ask(onFile, path);
        expect({ path, status }).toEqual({ path, status: 200 });
        check(body);
      }
      for (const [path, status] of [
        [`${root}/settlements?limit=1000`, 400],
        [`${root}/challenges?before=x`, 400],
        [`/v1/groups/0x${"77".repeat(20)}/outcomes`, 404],
        ["/v1/groups/here/outcomes", 400],
        ["/../keys", 404],
        ["/tsconfig.json", 404],
      ] as const) {
        const answer = await ask(onFile, path);
        expect({ path, status: answer.status }).toEqual({ path, status });
        schemas.errorSchema.parse(answer.body);
      }
      const written = await fetch(`${fleet.apiOf(onFile)}/v1/status`, { method: "POST" });
      expect(written.status).toBe(404);
    },
    limit_ms,
  );

  it.each(looks.map((look) => [look.name, look] as const))(
    "can be looked at by everyone: %s",
    async (_name, look) => {
      const kept = await inspect(look);
      process.stdout.write(`screenshot: ${kept}\n`);
      expect(existsSync(join(projectRoot, kept))).toBe(true);
    },
    limit_ms,
  );

  it(
    "can be used by keyboard alone, and what is unfolded stays so",
    async () => {
      const watched = await openPage(browser, fleet.apiOf(onFile), looks[0] as Look);
      const { page } = watched;
      await page.waitForSelector("#space .chart");
      await page.keyboard.press("Tab");
      expect(await page.evaluate(() => document.activeElement?.textContent)).toBe("Skip to the figures");
      await page.keyboard.press("Enter");
      await tabTo(page, ".chart");
      const newest = await text(page, "#space .readout");
      await page.keyboard.press("ArrowLeft");
      expect(await text(page, "#space .readout")).not.toBe(newest);
      await tabTo(page, ".payments summary");
      await page.keyboard.press("Enter");
      expect(await text(page, ".payments details[open] .unfolded")).toContain("Signed by");
      const before = await text(page, "#machine");
      await fleet.mine();
      await page.waitForFunction((old) => document.querySelector("#machine")?.textContent !== old, before);
      expect(await page.locator(".payments details[open]").count()).toBe(1);
      expect(await page.evaluate(() => document.activeElement?.matches(".payments summary"))).toBe(true);
      await watched.close();
    },
    limit_ms,
  );

  it(
    "say why they are not ready, on the page too, when too few others are there",
    async () => {
      const watched = await openPage(browser, fleet.apiOf(onFile), looks[3] as Look);
      const { page } = watched;
      await page.waitForSelector("#round .phases");
      for (const index of [2, 3]) await fleet.stopKeeper(index);
      await eventually("keeper 0 is not ready", async () => (await ask(onFile, "/readyz")).status === 503);
      const { problems } = schemas.readySchema.parse((await ask(onFile, "/readyz")).body);
      expect(problems).toEqual([`group ${group()}: 2 keepers are connected, expected 3 or more`]);
      expect((await statusOf(onFile)).ready).toBe(false);
      await page.waitForSelector("#problems .banner");
      expect(await text(page, "#problems")).toContain("2 keepers are connected, expected 3 or more");
      expect(await accessibilityFaults(page)).toEqual([]);
      process.stdout.write(`screenshot: ${await keepScreenshot(page, "keeper-not-ready")}\n`);
      await watched.close();
    },
    limit_ms,
  );
});
