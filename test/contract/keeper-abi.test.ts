import { Interface } from "ethers";
import { describe, expect, it } from "vitest";
import { groupAbi, registryAbi } from "../../keeper/adapters/chain-ethers/abi.ts";
import { artifact } from "../../scripts/lib/contracts.ts";

describe("the keeper's view of the contracts", () => {
  it.each([
    ["IUpkeeping", groupAbi],
    ["IRegistry", registryAbi],
  ])("is part of %s as it is compiled, names and order of fields included", (name, abi) => {
    const compiled = new Interface(artifact(name).abi);
    const expected = new Set(compiled.fragments.map((fragment) => fragment.format("full")));
    const actual = abi.fragments.map((fragment) => fragment.format("full"));
    expect(actual.length).toBeGreaterThan(1);
    const plain = (text: string): string => text.replace(/ (view|external|public|nonpayable)\b/g, "");
    const known = new Set([...expected].map(plain));
    expect(actual.map(plain).filter((text) => !known.has(text))).toEqual([]);
  });
});
