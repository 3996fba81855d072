/** A committee that serves many groups, and one keeper's page of these groups. */
import { join } from "node:path";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { writeFaults } from "../../provider-sim/fault-file.ts";
import { FaultFleet } from "../support/fleet/fault-fleet.ts";
import {
  accessibilityFaults,
  keepScreenshot,
  launchChromium,
  looks,
  openPage,
  pageSays,
  textOf,
} from "./chromium.ts";
import type { Look, Watched } from "./chromium.ts";

/** Limit for a hanging run; a busy machine needs longer. */
const limit_ms = 600_000;
const count = 4;

describe("one committee and many groups", () => {
  let fleet: FaultFleet;
  let browser: Browser;
  beforeAll(async () => {
    fleet = await FaultFleet.start({ keepers: 4, providers: 1, groups: count });
    browser = await launchChromium();
  }, limit_ms);
  afterAll(async () => {
    // If the start failed, its error is the one to report.
    await browser?.close();
    await fleet?.stop();
  }, limit_ms);

  const pageOf = (look: Look): Promise<Watched> => openPage(browser, fleet.apiOf(0), look);

  /** Mines until `intervals` more certificates are confirmed. */
  const certify = async (intervals: number): Promise<void> => {
    for (let i = 0; i < intervals; i++) await fleet.confirmed(await fleet.certified(await fleet.ts(), 2));
  };

  it(
    "settles all groups with one certificate, in one transaction, in the first turn of each interval",
    async () => {
      await certify(3);
      const certificates = await fleet.certificates();
      // The first interval may end while the keepers start (R23); each later one is certified in its first turn.
      expect(certificates.slice(1).map(({ turn }) => turn)).toEqual([1, 1]);
      expect(certificates.map((one) => one.count)).toEqual([count, count, count]);
      for (const group of fleet.groups) {
        const settled = (await fleet.settlements(group)).map(({ through, tx }) => ({ through, tx }));
        expect(settled, group).toEqual(certificates.map(({ te, tx }) => ({ through: te, tx })));
      }
    },
    limit_ms,
  );

  it(
    "shows a group that enters while the keepers run, and the selected group also after updates (R39)",
    async () => {
      const [first] = fleet.groups as [string];
      const watched = await pageOf(looks[0] as Look);
      const { page, troubles } = watched;
      await page.waitForSelector("#group-field:not([hidden])");
      expect(await page.locator("#group option").count()).toBe(count);
      expect(await textOf(page, "#machine")).toContain(first);
      await pageSays(page, "#outcomes", "Provider 0");
      const entered = await fleet.addGroup();
      await fleet.mineTo((await fleet.head()) + 2 * fleet.params.slot);
      await page.locator("#group option").nth(count).waitFor({ state: "attached" });
      await page.selectOption("#group", { index: count });
      await pageSays(page, "#machine", entered);
      await pageSays(page, "#outcomes", "no providers yet");
      await pageSays(page, "#space", "No challenge");
      await pageSays(page, "#payments", "Nothing has been paid yet");
      const block = await fleet.mine();
      await pageSays(page, "#machine", `block ${block}`);
      expect(await textOf(page, "#machine")).toContain(entered);
      expect(await accessibilityFaults(page)).toEqual([]);
      await page.selectOption("#group", { index: 0 });
      await pageSays(page, "#outcomes", "Provider 0");
      await pageSays(page, "#money", "The payer may withdraw the rest");
      expect(troubles).toEqual([]);
      await watched.close();
    },
    limit_ms,
  );

  it(
    "explains a payment of nothing, and only that",
    async () => {
      const folder = join(fleet.folder, "provider-0");
      // The interval that is open now has proven slots; the next one has none.
      await certify(1);
      await writeFaults(folder, [{ kind: "corrupt" }]);
      await certify(2);
      await writeFaults(folder, []);
      const why = "No provider is paid for these blocks: none of the committed data was proven";
      const watched = await pageOf(looks[2] as Look);
      const { page, troubles } = watched;
      await page.waitForSelector("#payments .payments");
      await pageSays(page, "#payments", "nothing to pay");
      const payments = page.locator("#payments li");
      // Older payments are folded, so the last one is not visible after more than five.
      const paid = page.locator("summary", { hasText: /[1-9][\d.,]* WPD/ });
      const [newest, before] = [payments.first(), payments.filter({ has: paid }).first()];
      for (const payment of [newest, before]) await payment.locator("summary").click();
      expect(await newest.locator("summary").innerText()).toMatch(
        /nothing to pay\s+to 1 provider, \d keepers/,
      );
      expect(await newest.locator(".unfolded").innerText()).toContain(why);
      expect(await accessibilityFaults(page)).toEqual([]);
      process.stdout.write(`screenshot: ${await keepScreenshot(page, "keeper-nothing-paid")}\n`);
      expect(await before.locator("summary").innerText()).toMatch(
        /[1-9][\d.,]* WPD\s+to 1 provider, \d keepers/,
      );
      const unfolded = await before.locator(".unfolded").innerText();
      expect(unfolded).toContain("Signed by");
      expect(unfolded).not.toContain(why);
      expect(troubles).toEqual([]);
      await watched.close();
    },
    limit_ms,
  );
});
