import { Interface } from "ethers";
import { describe, expect, it } from "vitest";
import * as client from "../../client/abi.ts";
import { artifact } from "../../scripts/contracts/artifacts.ts";

/** Errors in a contract's compiled ABI, with those of the libraries that it uses. */
function errorsOf(contract: string): string[] {
  const { fragments } = new Interface(artifact(contract).abi);
  return fragments.filter(({ type }) => type === "error").map((fragment) => fragment.format("sighash"));
}

const known = (abi: Interface): Set<string> =>
  new Set(abi.fragments.map((fragment) => fragment.format("sighash")));

describe("every error that a call can return", () => {
  it.each([
    ["Committee", client.committeeAbi],
    ["Upkeeping", client.groupAbi],
    ["UpkeepingDesk", client.groupAbi],
    ["UpkeepingFactory", client.factoryAbi],
    ["Registry", client.registryAbi],
    ["ReadVouchers", client.vouchersAbi],
  ])("of %s is in protocol/abi.ts", (contract, abi) => {
    const errors = errorsOf(contract);
    expect(errors.length).toBeGreaterThan(5);
    expect(errors.filter((error) => !known(abi).has(error))).toEqual([]);
  });

  it("of the lens is one of the contracts that it reads", () => {
    const read = new Set([
      ...known(client.groupAbi),
      ...known(client.committeeAbi),
      ...known(client.lensAbi),
    ]);
    expect(errorsOf("Lens").filter((error) => !read.has(error))).toEqual([]);
  });

  it("includes errors of libraries, which no interface declares", () => {
    const [error] = errorsOf("BLSHarness").filter((name) => name.startsWith("BLS_"));
    expect(error).toBeDefined();
    expect(known(client.registryAbi)).toContain(error);
    expect(known(client.committeeAbi)).toContain(error);
  });
});
