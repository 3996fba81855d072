import { readFileSync } from "node:fs";
import { Interface } from "ethers";
import { expect, it } from "vitest";
import { tokenAbi } from "../../../client/abi.ts";
import { abiFile } from "../../../scripts/docs/abi.ts";
import { artifact } from "../../../scripts/contracts/artifacts.ts";

it("protocol/abi.ts has the interfaces of the compiled contracts: node scripts/docs/abi.ts", () => {
  const file = readFileSync(new URL("../../../protocol/abi.ts", import.meta.url), "utf8");
  expect(file).toBe(abiFile());
});

it("a real token has all functions that the client uses", () => {
  const named = ({ fragments }: Interface): string[] =>
    fragments.filter(({ type }) => type !== "constructor").map((one) => one.format("sighash"));
  expect(named(new Interface(artifact("DemoToken").abi))).toEqual(expect.arrayContaining(named(tokenAbi)));
});
