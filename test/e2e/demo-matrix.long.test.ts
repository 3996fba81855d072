import { describe, expect, it } from "vitest";
import { alive, beside, endsWith, partsOf, until, type Command } from "../support/whitepay.ts";
import { expectMoney, expectShape, expectTurns, parseDocument } from "./judge.ts";

/** Client version that the chain of a demo reports. */
async function clientBehind(demo: Command): Promise<string> {
  const rpc = /chain at (http:\S+)/.exec(demo.stderr())?.[1] ?? "";
  const response = await fetch(rpc, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ jsonrpc: "2.0", id: 1, method: "web3_clientVersion", params: [] }),
  });
  return ((await response.json()) as { result: string }).result;
}

describe("./whitepay demo with other options", () => {
  it.each([
    { keepers: 4, providers: 3, groups: 2, settlements: 3, fault: "leader-crash" },
    { keepers: 4, providers: 3, groups: 2, settlements: 3, fault: "provider-loss" },
    { keepers: 4, providers: 3, groups: 2, settlements: 2, fault: "none" },
    { keepers: 4, providers: 1, groups: 2, settlements: 1, fault: "all" },
    { keepers: 4, providers: 3, groups: 1, settlements: 2, fault: "all" },
    { keepers: 4, providers: 3, groups: 32, settlements: 2, fault: "all" },
    { keepers: 7, providers: 3, groups: 2, settlements: 3, fault: "all" },
    { keepers: 10, providers: 4, groups: 2, settlements: 3, fault: "all" },
  ])(
    "holds with $keepers keepers, $providers providers, $groups groups, $settlements settlements, fault $fault",
    (options) => {
      const args = Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)]);
      return beside(["demo", "--json", ...args], async (demo) => {
        await endsWith(demo, 0);
        const document = parseDocument(demo.stdout());
        expectShape(document, options);
        expectMoney(document);
        expectTurns(document);
        expect(document.rounds).toHaveLength(options.settlements);
      });
    },
    600_000,
  );

  it(
    "prints a table, exits 0 and leaves no process, on a second client",
    () =>
      beside(["demo", "--client", "anvil", "--settlements", "1", "--fault", "none"], async (demo) => {
        await until(demo, () => demo.stderr().includes("all daemons are up"), 600_000);
        expect(await clientBehind(demo)).toMatch(/^anvil\//);
        const parts = await partsOf(demo.pid);
        expect(parts).toHaveLength(2 + 3 + 4);
        await endsWith(demo, 0);
        for (const text of [
          "to provider",
          "keeper shares",
          "gas per group",
          "group 1 of payer",
          "challenges:",
        ])
          expect(demo.stdout()).toContain(text);
        expect(demo.stderr()).toContain("S1 to S4 hold");
        expect(await alive(parts)).toEqual([]);
      }),
    600_000,
  );
});
