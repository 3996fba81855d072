import { describe, expect, it } from "vitest";
import {
  expectChain,
  expectMoney,
  expectTurns,
  processesNaming,
  until,
  whitepay,
  withFolder,
} from "../support/demo.ts";
import type { Document } from "../support/demo.ts";

describe("./whitepay demo", () => {
  it("pays three intervals through a data loss and a killed leader, as the chain confirms", async () => {
    await withFolder(async (folder) => {
      const demo = whitepay(["demo", "--json", "--keep-running", "--data-dir", folder]);
      await until(() => demo.stdout().includes("\n"), 150_000, demo.stderr);
      const document = JSON.parse(demo.stdout()) as Document;
      expect(document.ok, demo.stderr()).toBe(true);
      expect(document.settlements.map(({ turn }) => turn)).toEqual([1, 2, 1]);
      expect(document.committee.length).toBe(4);
      expect(document.providers.length).toBe(3);
      expectMoney(document);
      expectTurns(document);
      const [, crashed, after] = document.settlements;
      expect(after?.payees).toContain(crashed?.failed[0]);
      // Provider 1 loses data half way through the second interval; the others keep theirs.
      const bytes = document.providers.map((provider) => BigInt(provider.bytes));
      const parts = (after?.items ?? []).map(
        (item, i) =>
          (BigInt(item.spaceTime) * 100n) / ((bytes[i] ?? 1n) * BigInt((after?.te ?? 0) - (after?.ts ?? 0))),
      );
      expect(parts[0]).toBeGreaterThanOrEqual(95n);
      expect(parts[1]).toBeLessThan(95n);
      expect(parts[2]).toBeGreaterThanOrEqual(95n);
      expect(document.challenges.passed + document.challenges.failed).toBe(document.challenges.asked);
      expect(document.challenges.passed).toBeGreaterThan(100);
      await expectChain(document);
      demo.signal("SIGINT");
      expect(await demo.ended).toBe(130);
      expect(await processesNaming(folder)).toEqual([]);
    });
  }, 240_000);

  it("exits 0 when all held, and leaves nothing running", async () => {
    await withFolder(async (folder) => {
      const demo = whitepay(["demo", "--settlements", "1", "--fault", "none", "--data-dir", folder]);
      expect(await demo.ended, demo.stderr()).toBe(0);
      expect(demo.stdout()).toContain("to provider");
      expect(await processesNaming(folder)).toEqual([]);
    });
  }, 120_000);

  it("leaves nothing running when it is interrupted while it sets up", async () => {
    await withFolder(async (folder) => {
      const demo = whitepay(["demo", "--data-dir", folder]);
      await until(() => demo.stderr().includes("are registered"), 60_000, demo.stderr);
      demo.signal("SIGINT");
      expect(await demo.ended).toBe(130);
      expect(await processesNaming(folder)).toEqual([]);
    });
  }, 120_000);
});
