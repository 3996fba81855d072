/** HTTP API, metrics, ledger and dashboard of running keepers, in a real browser. */
import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { metrics } from "../../keeper/adapters/telemetry-prometheus.ts";
import { percent } from "../../daemon/page/format.ts";
import { errorSchema, readySchema } from "../../daemon/http/schemas.ts";
import * as schemas from "../../keeper/api/schemas.ts";
import { wireVersion } from "../../protocol/codec/message.ts";
import { writeFaults } from "../../provider-sim/fault-file.ts";
import { projectRoot } from "../../scripts/paths.ts";
import { leaderDies } from "../process/scenarios/crashes.ts";
import { runCli } from "../support/cli.ts";
import { accessibilityFaults, keepScreenshot, looks, openPage, pageSays, textOf } from "./chromium.ts";
import type { Look } from "./chromium.ts";
import { answersAsDescribed } from "./answers.ts";
import { dataLost, groupStatusText, linesOf, poor, slight } from "./data-lost.ts";
import { chainStops } from "./chain-stops.ts";
import { inspect } from "./inspect.ts";
import { providerAnswers, providerPage } from "./provider-page.ts";
import { usedByKeyboard } from "./keyboard.ts";
import { chainTables, eventually, onFile, onPostgres, patience_ms, WatchedFleet } from "./watched-fleet.ts";

const limit_ms = 180_000;
const badProvider = 2;
const poorProvider = poor.provider;
const none = { bytesProven: "0", bytesCommitted: "0" };
const noShares = { late: none, interval: none };
const noChallenges = { asked: 0, partial: 0, failed: 0, bytesProven: "0", bytesCommitted: "0" };

let scene: WatchedFleet;
beforeAll(async () => {
  scene = await WatchedFleet.start();
}, limit_ms);
afterAll(() => scene.stop(), limit_ms);

describe("a fleet of keepers", () => {
  it(
    "becomes ready, and answers on loopback only, under its own host names",
    async () => {
      // The chain mines on request only, and a keeper whose head is older than 10 s is not ready.
      await scene.fleet.mine();
      await eventually("keeper 0 is ready", async () => (await scene.ask(onFile, "/readyz")).status === 200);
      expect(await scene.ask(onFile, "/healthz")).toMatchObject({ status: 200, body: { status: "alive" } });
      expect(new URL(scene.fleet.apiOf(onFile)).hostname).toBe("127.0.0.1");
      // DNS rebinding: a foreign host name that resolves to this address is refused.
      expect(await scene.statusUnderName("evil.example")).toBe(421);
      expect(await scene.statusUnderName("localhost")).toBe(200);
    },
    limit_ms,
  );

  it(
    "shows the phases of a round, a killed leader and the payment without a reload",
    async () => {
      await writeFaults(join(scene.fleet.folder, `provider-${badProvider}`), [{ kind: "corrupt" }]);
      const [first, second] = scene.fleet.order(await scene.fleet.ts()) as [number, number];
      const watched = await openPage(scene.browser, scene.fleet.apiOf(second), looks[2] as Look);
      const { page, troubles } = watched;
      await page.waitForSelector("#round .phases");
      await page.waitForSelector("#payments .empty");
      expect(await textOf(page, "#payments")).toContain("Nothing has been paid yet");
      await page.evaluate(() => {
        const seen: string[] = [];
        Object.assign(window, { seen });
        new MutationObserver(() => {
          const now = document.querySelector('#round [aria-current="step"] .name')?.textContent ?? "";
          if (seen.at(-1) !== now) seen.push(now);
        }).observe(document.body, { subtree: true, childList: true, attributes: true, characterData: true });
      });
      const certified = await leaderDies(scene.fleet, "before-commit");
      await page.waitForSelector("#payments .payments", { timeout: patience_ms });
      expect(await textOf(page, "#payments summary")).toMatch(
        new RegExp(`to 3 providers, 3 keepers led by keeper ${certified.leader} 1 missed`),
      );
      await pageSays(page, "#news", "Paid through block");
      const seen = await page.evaluate(() => (window as unknown as { seen: string[] }).seen);
      expect(new Set(seen).size).toBeGreaterThanOrEqual(3);
      await page.waitForFunction(() =>
        document.querySelector("#outcomes")?.textContent.includes("bad-proof"),
      );
      await page.waitForFunction(() =>
        document.querySelector("#reasons")?.textContent.includes("turn-missed"),
      );
      await pageSays(page, `#keepers tbody tr:nth-child(${first + 1})`, "connected");
      expect(troubles).toEqual([]);
      await watched.close();
    },
    limit_ms,
  );

  it(
    "records a settlement from any sender equally in a file and in PostgreSQL, also after kill -9",
    async () => {
      await writeFaults(join(scene.fleet.folder, `provider-${badProvider}`), []);
      const rows = await scene.bookedAsTheChain(onFile);
      // Each of two groups has three providers; three keepers of four are paid.
      expect(rows["settlement"]).toHaveLength(2);
      expect(rows["item"]).toHaveLength(6);
      expect(rows["share"]).toHaveLength(6);
      for (const index of [onPostgres, 2, 3]) expect(await scene.bookedAsTheChain(index)).toEqual(rows);
    },
    limit_ms,
  );

  it(
    "reports lost data within two slots",
    async () => {
      const seen = await dataLost(scene);
      // Two slots after the one in which the data is lost.
      const limit = 3 * scene.fleet.params.slot;
      for (const blocks of Object.values(seen)) expect(blocks).toBeLessThanOrEqual(limit);
    },
    limit_ms,
  );

  it(
    "removes a settlement that a reorg removed, and records the one in its place",
    async () => {
      const ts = await scene.fleet.ts();
      const first = await scene.fleet.certified(ts, 1);
      expect((await scene.bookedAsTheChain(onFile))["settlement"]).toHaveLength(4);
      await scene.fleet.reorg(1);
      expect((await scene.bookedAsTheChain(onFile))["settlement"]).toHaveLength(2);
      const again = await scene.fleet.certified(ts, 1);
      expect(again.block).toBeGreaterThan(first.block);
      const rows = await scene.bookedAsTheChain(onFile);
      expect(rows["settlement"]).toHaveLength(4);
      expect(await scene.bookedAsTheChain(onPostgres)).toEqual(rows);
      await scene.fleet.confirmed(again);
    },
    limit_ms,
  );

  // Runs early, after a time of fast blocks: the limit follows their pace.
  it(
    "reports within the limit that the chain has stopped, and later that it has new blocks",
    async () => {
      for (const { after_s, limit_s } of await chainStops(scene)) {
        // The age is checked every second, and later on a busy machine.
        expect(after_s).toBeLessThan(limit_s + 8);
        expect(limit_s).toBeGreaterThanOrEqual(10);
      }
    },
    limit_ms,
  );

  it(
    "shows the share of bytes that a provider proved, and the number of whole answers",
    async () => {
      const status = schemas.statusSchema.parse((await scene.ask(onFile, "/v1/status")).body);
      const group = status.groups[0];
      const { body } = await scene.ask(onFile, `/v1/groups/${scene.group}/outcomes`);
      const { items } = z.object({ items: z.array(schemas.outcomeSchema) }).parse(body);
      const own = items.filter(({ provider }) => provider === poorProvider);
      const of = (outcome: string) => own.filter((row) => row.outcome === outcome);
      const count = (outcome: string): number => of(outcome).reduce((sum, row) => sum + row.count, 0);
      expect(count("partial")).toBeGreaterThan(0);
      const [proven, committed] = (["bytesProven", "bytesCommitted"] as const).map((name) =>
        own.reduce((sum, row) => sum + BigInt(row[name]), 0n),
      ) as [bigint, bigint];
      expect(proven).toBeGreaterThan(0n);
      expect(proven).toBeLessThan(committed);
      expect(status.committees.map(({ committee, groups }) => ({ committee, groups }))).toEqual([
        { committee: scene.fleet.committee, groups: 2 },
      ]);
      expect(status.committees[0]?.members.map(({ speaks }) => speaks)).toEqual(Array(4).fill(wireVersion));
      const watched = await openPage(scene.browser, scene.fleet.apiOf(onFile), looks[2] as Look);
      const { page } = watched;
      const place = `#outcomes li[data-key="provider-${poorProvider}"]`;
      await page.waitForSelector(place);
      const text = await textOf(page, place);
      expect(text).toContain(`All time: ${percent(proven, committed)} proven`);
      await page.locator(`${place} details.ever summary`).click();
      expect(await textOf(page, place)).toContain(
        `Challenges: ${count("whole")} whole, ${count("partial")} partial, ${count("failed")} failed.`,
      );
      const { asked, partial, failed, bytesProven, bytesCommitted } = group?.challenges ?? noChallenges;
      const glance = await textOf(page, '#glance [data-key="Bytes proven"]');
      const { late, interval } = group?.proven ?? noShares;
      expect(glance).toContain(percent(BigInt(late.bytesProven), BigInt(late.bytesCommitted)));
      expect(glance).toContain(
        `${percent(BigInt(interval.bytesProven), BigInt(interval.bytesCommitted))} in the`,
      );
      expect(glance).toContain(`${percent(BigInt(bytesProven), BigInt(bytesCommitted))} in all time`);
      expect(asked).toBeGreaterThan(partial + failed);
      await watched.close();
    },
    limit_ms,
  );

  it(
    "shows the payer both losses in the last settlement, without a keeper's URL",
    async () => {
      const text = await groupStatusText(scene, []);
      for (const { provider, fraction } of [slight, poor]) {
        const [, share] =
          /^ {2}settled {4}([\d.]+) % proven of the last settled interval$/.exec(linesOf(text, provider)) ??
          [];
        process.stdout.write(`last settlement: ${share} % proven with ${fraction} lost\n`);
        // A tenth is missed only if three keepers of four miss it in all of their 32 samples or more (R22).
        expect(Number(share)).toBeGreaterThan(0);
        expect(Number(share)).toBeLessThan(100);
      }
    },
    limit_ms,
  );

  it(
    "loses nothing in a rebuild from the chain: beside the running keeper, in both engines, and in a new file",
    async () => {
      const before = await scene.bookedAsTheChain(onFile);
      for (const index of [onFile, onPostgres]) {
        const args = ["ledger", "rebuild", "--json", "--config", scene.fleet.configFile(index)];
        const { code, stdout } = await runCli(args);
        expect(code).toBe(0);
        const settled = scene.fleet.groups.toSorted().map((group) => ({ group, settlements: 2 }));
        expect(JSON.parse(stdout)).toMatchObject({ groups: settled });
        expect(await scene.rows(index)).toEqual(before);
      }
      const file = join(scene.fleet.folder, "again.sqlite");
      const args = ["--config", scene.fleet.configFile(onFile), "--ledger", file];
      const made = await runCli(["ledger", "rebuild", ...args]);
      expect(made.stdout).toMatch(/^(group 0x[0-9a-f]{40}: 2 settlements, read through block \d+\n){2}$/);
      expect(await scene.rows(onFile, file)).toEqual(before);
    },
    limit_ms,
  );

  it(
    "exports its ledger as JSON or CSV, one table or all",
    async () => {
      const config = ["--config", scene.fleet.configFile(onFile)];
      const one = await runCli(["ledger", "export", "share", "--csv", ...config]);
      const [head, ...lines] = one.stdout.trimEnd().split("\r\n");
      expect(head).toBe("group,ts,keeper,operator,amount");
      expect(lines.map((line) => line.split(",").length)).toEqual(lines.map(() => 5));
      const rows = await scene.rows(onFile);
      expect(lines).toEqual((rows["share"] ?? []).map((row) => Object.values(row).join(",")));
      const whole = await runCli(["ledger", "export", "--json", ...config, ...chainTables]);
      expect(whole).toMatchObject({ code: 0, stderr: "" });
      expect(JSON.parse(whole.stdout)).toEqual(rows);
      const out = join(scene.fleet.folder, "books");
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
    "sets every metric of docs/metrics.md",
    async () => {
      let missing: string[] = [];
      await eventually(
        () => `every metric is set; missing: ${missing.join(", ")}`,
        async () => {
          const { body } = await scene.ask(onFile, "/metrics");
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
    "answers as openapi.json describes",
    async () => {
      const { described, answered } = await answersAsDescribed(scene);
      // The page itself uses the stream.
      expect(new Set(described)).toEqual(new Set(["/v1/events", ...answered]));
    },
    limit_ms,
  );

  it.each(looks.map((look) => [look.name, look] as const))(
    "has an accessible page without overflow: %s",
    async (_name, look) => {
      const kept = await inspect(scene, look);
      process.stdout.write(`screenshot: ${kept}\n`);
      expect(existsSync(join(projectRoot, kept))).toBe(true);
    },
    limit_ms,
  );

  it(
    "has providers that answer as their openapi.json describes, and show payments as the chain has them",
    async () => {
      const { described, answered } = await providerAnswers(scene);
      expect(new Set(described)).toEqual(new Set(["/v1/events", ...answered]));
    },
    limit_ms,
  );

  it.each(looks.map((look) => [look.name, look] as const))(
    "has providers with an accessible page without overflow: %s",
    async (_name, look) => {
      const kept = await providerPage(scene, look);
      process.stdout.write(`screenshot: ${kept}\n`);
      expect(existsSync(join(projectRoot, kept))).toBe(true);
    },
    limit_ms,
  );

  it(
    "has a page that works with the keyboard alone, whose details stay unfolded",
    async () => {
      expect(await usedByKeyboard(scene)).toMatch(/^0x[0-9a-f]{40}$/);
    },
    limit_ms,
  );

  it(
    "continues without its database, and reports it",
    async () => {
      await scene.postgres.stop();
      const failed = async (): Promise<boolean> =>
        /whitepay_reasons_total\{[^}]*code="ledger-behind"[^}]*\} \d/.test(
          String((await scene.ask(onPostgres, "/metrics")).body),
        );
      await scene.fleet.mine();
      await eventually("the metrics report that the ledger is behind", failed);
      expect((await scene.statusOf(onPostgres)).groups).toHaveLength(2);
      await scene.fleet.mine();
      expect((await scene.ask(onPostgres, "/readyz")).status).toBe(200);
      const books = await scene.ask(onPostgres, `/v1/groups/${scene.group}/settlements`);
      expect(books.status).toBe(500);
      expect(errorSchema.parse(books.body).expected).toBe("a ledger that can be read");
    },
    limit_ms,
  );

  it(
    "reports why it is not ready, also on the page, if too few keepers are connected",
    async () => {
      const watched = await openPage(scene.browser, scene.fleet.apiOf(onFile), looks[3] as Look);
      const { page } = watched;
      await page.waitForSelector("#round .phases");
      for (const index of [2, 3]) await scene.fleet.stopKeeper(index);
      await scene.fleet.mine();
      await eventually(
        "keeper 0 is not ready",
        async () => (await scene.ask(onFile, "/readyz")).status === 503,
      );
      const { problems } = readySchema.parse((await scene.ask(onFile, "/readyz")).body);
      expect(problems).toEqual([
        `committee ${scene.fleet.committee}: 2 keepers connected, expected 3 or more`,
      ]);
      expect((await scene.statusOf(onFile)).ready).toBe(false);
      await page.waitForSelector("#problems .banner");
      expect(await textOf(page, "#problems")).toContain("2 keepers connected, expected 3 or more");
      expect(await accessibilityFaults(page)).toEqual([]);
      process.stdout.write(`screenshot: ${await keepScreenshot(page, "keeper-not-ready")}\n`);
      await watched.close();
    },
    limit_ms,
  );
});
