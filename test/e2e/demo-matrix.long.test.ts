import { describe, expect, it } from "vitest";
import { beside, endsWith } from "../support/whitepay.ts";
import { expectMoney, expectShape, expectTurns, type Document } from "./judge.ts";

describe("./whitepay demo with other options", () => {
  it.each([
    { keepers: 4, providers: 3, settlements: 3, fault: "leader-crash" },
    { keepers: 4, providers: 3, settlements: 3, fault: "provider-loss" },
    { keepers: 4, providers: 3, settlements: 2, fault: "none" },
    { keepers: 4, providers: 1, settlements: 1, fault: "all" },
    { keepers: 7, providers: 3, settlements: 3, fault: "all" },
    { keepers: 10, providers: 4, settlements: 3, fault: "all" },
  ])(
    "holds with $keepers keepers, $providers providers, $settlements settlements, fault $fault",
    (options) => {
      const args = Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)]);
      return beside(["demo", "--json", ...args], async (demo) => {
        await endsWith(demo, 0);
        const document = JSON.parse(demo.stdout()) as Document;
        expectShape(document, options);
        expectMoney(document);
        expectTurns(document);
        expect(document.settlements).toHaveLength(options.settlements);
      });
    },
    600_000,
  );
});
