import { describe, expect, it } from "vitest";
import { expectMoney, expectTurns, whitepay, withFolder } from "../support/demo.ts";
import type { Document } from "../support/demo.ts";

describe("./whitepay demo with other committees and faults", () => {
  it.each([
    ["--keepers", "7", "--fault", "leader-crash"],
    ["--keepers", "10", "--providers", "4", "--fault", "none"],
    ["--fault", "provider-loss"],
    ["--providers", "1", "--fault", "none"],
  ])(
    "holds with %s %s %s %s",
    async (...args) => {
      await withFolder(async (folder) => {
        const demo = whitepay(["demo", "--json", "--data-dir", folder, ...args]);
        expect(await demo.ended, demo.stderr()).toBe(0);
        const document = JSON.parse(demo.stdout()) as Document;
        expectMoney(document);
        expectTurns(document);
      });
    },
    600_000,
  );
});
