import { Interface } from "ethers";
import { describe, expect, it } from "vitest";
import { factoryAbi, groupAbi, registryAbi, tokenAbi } from "../../../scripts/client/abi.ts";
import { artifact } from "../../../scripts/lib/contracts.ts";

const lines = (abi: Interface): string[] => abi.fragments.map((fragment) => fragment.format("full")).sort();
const compiled = (name: string): string[] => lines(new Interface(artifact(name).abi));

describe("the interfaces that the client is written with", () => {
  it.each([
    ["IUpkeeping", groupAbi],
    ["IRegistry", registryAbi],
  ])("are those of the compiled %s, names and outputs included", (name, written) => {
    expect(lines(written)).toEqual(compiled(name));
  });

  it("have the whole factory, and beside it only refusals of a new group", () => {
    const factory = compiled("IUpkeepingFactory");
    expect(lines(factoryAbi)).toEqual(expect.arrayContaining(factory));
    const rest = lines(factoryAbi).filter((line) => !factory.includes(line));
    expect(compiled("IUpkeeping")).toEqual(expect.arrayContaining(rest));
  });

  it("have of a token what a real one has", () => {
    const named = ({ fragments }: Interface): string[] =>
      fragments.filter(({ type }) => type !== "constructor").map((one) => one.format("sighash"));
    expect(named(new Interface(artifact("DemoToken").abi))).toEqual(expect.arrayContaining(named(tokenAbi)));
  });
});
