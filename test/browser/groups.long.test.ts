/** Keepers that serve many groups with one account each, and one keeper's page of these groups. */
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { decodeSettledLog } from "../../client/settlements.ts";
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
const more = 3;

describe("one daemon and many groups", () => {
  let fleet: FaultFleet;
  let browser: Browser;
  /** The first has a provider, the others have none. */
  let groups: readonly string[];
  beforeAll(async () => {
    fleet = await FaultFleet.start({ keepers: 4, providers: 1 });
    browser = await launchChromium();
    groups = (await fleet.addGroups(more)).map((group) => group.toLowerCase());
  }, limit_ms);
  afterAll(async () => {
    // If the start failed, its error is the one to report.
    await browser?.close();
    await fleet?.stop();
  }, limit_ms);

  const pageOf = (look: Look): Promise<Watched> => openPage(browser, fleet.apiOf(0), look);

  it(
    "settles each group in the first turn of its interval",
    async () => {
      expect(groups).toHaveLength(more + 1);
      const { interval, turn } = fleet.params;
      await fleet.mineTo((await fleet.head()) + 2 * interval + turn);
      for (const group of groups) {
        const ends = (await fleet.logs(group)).map((log) => decodeSettledLog(log).te);
        // The first interval may end while the keepers start (R23); each later one is settled in its first turn.
        expect(ends.length, group).toBeGreaterThanOrEqual(2);
        const lengths = ends.slice(1).map((te, i) => te - (ends[i] as number));
        expect(lengths, group).toEqual(lengths.map(() => interval));
      }
    },
    limit_ms,
  );

  it(
    "shows the selected group, also after updates",
    async () => {
      const [first, second] = groups as [string, string];
      const watched = await pageOf(looks[0] as Look);
      const { page, troubles } = watched;
      await page.waitForSelector("#group-field:not([hidden])");
      expect(await textOf(page, "#machine")).toContain(first);
      await pageSays(page, "#outcomes", "Provider 0");
      await page.selectOption("#group", second);
      await pageSays(page, "#machine", second);
      await pageSays(page, "#outcomes", "no providers yet");
      await pageSays(page, "#space", "No challenge");
      const lasts = `#glance [data-key="Group's money lasts"]`;
      await pageSays(page, lasts, "no end");
      expect(await textOf(page, lasts)).toContain("no data is committed, nothing is spent");
      expect(await textOf(page, "#money")).toContain("The payer may withdraw all");
      const block = await fleet.mine();
      await pageSays(page, "#machine", `block ${block}`);
      expect(await textOf(page, "#machine")).toContain(second);
      expect(await accessibilityFaults(page)).toEqual([]);
      await page.selectOption("#group", first);
      await pageSays(page, "#outcomes", "Provider 0");
      await pageSays(page, "#money", "The payer may withdraw the rest");
      expect(troubles).toEqual([]);
      await watched.close();
    },
    limit_ms,
  );

  it(
    "explains an empty first payment, and only that",
    async () => {
      const [first, second] = groups as [string, string];
      const why = "Nobody is paid for these blocks: no provider had committed data in them";
      const watched = await pageOf(looks[2] as Look);
      const { page, troubles } = watched;
      /** The last payment in the list. */
      const oldest = async (group: string): Promise<{ summary: string; unfolded: string }> => {
        await page.selectOption("#group", group);
        await pageSays(page, "#machine", group);
        await page.waitForSelector("#payments .payments");
        const payment = page.locator("#payments li").last();
        await payment.locator("summary").click();
        const [summary, unfolded] = await Promise.all(
          ["summary", ".unfolded"].map((part) => payment.locator(part).innerText()),
        );
        return { summary: summary as string, unfolded: unfolded as string };
      };
      const empty = await oldest(second);
      expect(empty.summary).toMatch(/nothing to pay\s+to 0 providers, \d keepers/);
      expect(empty.unfolded).toContain(why);
      expect(empty.unfolded).toContain("first interval");
      expect(await accessibilityFaults(page)).toEqual([]);
      process.stdout.write(`screenshot: ${await keepScreenshot(page, "keeper-first-payment")}\n`);
      const paid = await oldest(first);
      expect(paid.summary).toMatch(/[1-9][\d.,]* WPD\s+to 1 provider, \d keepers/);
      expect(paid.unfolded).toContain("Signed by");
      expect(await textOf(page, "#payments")).not.toMatch(/nothing to pay|Nobody is paid/);
      expect(troubles).toEqual([]);
      await watched.close();
    },
    limit_ms,
  );
});
