import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Interface } from "ethers";
import { describe, expect, it } from "vitest";
import * as client from "../../client/abi.ts";
import { artifact } from "../../scripts/contracts/artifacts.ts";
import { projectRoot } from "../../scripts/paths.ts";

/** Errors in a contract's compiled ABI, with those of the libraries that it uses. */
function errorsOf(contract: string): string[] {
  const { fragments } = new Interface(artifact(contract).abi);
  return fragments.filter(({ type }) => type === "error").map((fragment) => fragment.format("sighash"));
}

const known = (abi: Interface): Set<string> =>
  new Set(abi.fragments.map((fragment) => fragment.format("sighash")));

describe("every error that a call can return", () => {
  it.each([
    ["Upkeeping", client.groupAbi],
    ["UpkeepingEscrow", client.groupAbi],
    ["UpkeepingMembers", client.groupAbi],
    ["UpkeepingFactory", client.factoryAbi],
    ["Registry", client.registryAbi],
  ])("of %s is in protocol/abi.ts", (contract, abi) => {
    expect(errorsOf(contract).length).toBeGreaterThan(5);
    expect(errorsOf(contract).filter((error) => !known(abi).has(error))).toEqual([]);
  });

  it("is in the documents", () => {
    const page = readFileSync(join(projectRoot, "contracts", "SPEC.md"), "utf8");
    const contracts = ["Upkeeping", "UpkeepingEscrow", "UpkeepingMembers", "UpkeepingFactory", "Registry"];
    const names = new Set(contracts.flatMap(errorsOf).map((error) => error.replace(/\(.*$/, "")));
    // OpenZeppelin's.
    names.delete("SafeERC20FailedOperation");
    expect([...names].filter((name) => !page.includes(`| \`${name}(`))).toEqual([]);
  });

  it("includes errors that assembly reverts with, which are in no ABI of the registry", () => {
    const [error] = [...errorsOf("BLSHarness")].filter((name) => name.startsWith("BLS_"));
    expect(known(client.registryAbi)).toContain(error);
    expect(known(client.groupAbi)).toContain(error);
  });
});
