import { readFileSync } from "node:fs";
import { Interface } from "ethers";
import { expect, it } from "vitest";
import { tokenAbi } from "../../../client/abi.ts";
import { clientAbi } from "../../../scripts/docs/client-abi.ts";
import { artifact } from "../../../scripts/contracts/artifacts.ts";

it("the client's interfaces are those of the compiled contracts: node scripts/docs/client-abi.ts", () => {
  const file = readFileSync(new URL("../../../client/abi.ts", import.meta.url), "utf8");
  expect(file).toBe(clientAbi());
});

it("what the client uses of a token, a real one has", () => {
  const named = ({ fragments }: Interface): string[] =>
    fragments.filter(({ type }) => type !== "constructor").map((one) => one.format("sighash"));
  expect(named(new Interface(artifact("DemoToken").abi))).toEqual(expect.arrayContaining(named(tokenAbi)));
});
