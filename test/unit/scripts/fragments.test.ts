import { Interface } from "ethers";
import { describe, expect, it } from "vitest";
import { artifact } from "../../../scripts/lib/contracts.ts";
import { groupViewAbi } from "../../../scripts/lib/group-view.ts";
import { settlementAbi } from "../../../scripts/lib/settlements.ts";

const compiled = new Interface(artifact("IUpkeeping").abi);

describe("the fragments that the command line decodes with", () => {
  it.each([
    ["the group's views", groupViewAbi],
    ["settlements", settlementAbi],
  ])("of %s are those of the compiled contract, outputs included", (_, written) => {
    const names = written.fragments.map((fragment) => fragment.format("sighash"));
    const own = names.map((name) =>
      compiled.fragments.find((candidate) => candidate.format("sighash") === name)?.format("minimal"),
    );
    expect(own).toEqual(written.fragments.map((fragment) => fragment.format("minimal")));
  });
});
