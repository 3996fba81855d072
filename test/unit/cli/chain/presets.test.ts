import { describe, expect, it } from "vitest";
import { presets } from "../../../../cli/chain/presets.ts";
import { runCli } from "../../../support/cli.ts";
import { brokenConditions } from "../../../support/rhythm.ts";

describe("presets", () => {
  it("cover mainnet, the usual L2s and a devnet, each fact with its source", () => {
    const names = presets.map(({ name }) => name);
    expect(names).toEqual(
      expect.arrayContaining(["mainnet", "base", "optimism", "arbitrum", "polygon", "devnet"]),
    );
    expect(new Set(presets.map(({ chainId }) => chainId)).size).toBe(presets.length);
    for (const { finality, why, sources } of presets) {
      expect(sources.length).toBeGreaterThan(0);
      expect([finality, why].every((text) => text.length > 5)).toBe(true);
    }
  });

  const suggestions = presets.flatMap(({ name, suggested }) =>
    suggested === undefined ? [] : ([[name, suggested]] as const),
  );
  it.each(suggestions)("%s suggests parameters that the contract accepts (R4)", (_name, suggested) => {
    expect(brokenConditions(suggested, 4)).toEqual([]);
  });

  it("suggest no parameters for a chain on which every settlement would be late", () => {
    for (const { usable, suggested } of presets) expect(usable === false).toBe(suggested === undefined);
  });

  it("are printed, one or all; an unknown name is refused with the known names", async () => {
    const [all, one, none] = await Promise.all([
      runCli(["presets", "--json"]),
      runCli(["presets", "mainnet"]),
      runCli(["presets", "mainnett"]),
    ]);
    expect((JSON.parse(all.stdout) as { presets: object[] }).presets).toHaveLength(presets.length);
    expect(one.stdout).toMatch(
      /^mainnet: Ethereum, chain 1\n {2}block time {2}12 s\n {2}finality .*\n {2}EIP-2537 {4}yes/,
    );
    expect(none.code).toBe(2);
    expect(none.stderr).toContain("mainnet | base");
  });
});
