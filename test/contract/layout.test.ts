/** Size, storage and functions of the contracts; a group's two code contracts run on the same storage. */
import { readFileSync, writeFileSync } from "node:fs";
import { Interface, ZeroAddress } from "ethers";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { artifact } from "../../scripts/contracts/artifacts.ts";
import { deployContract } from "../support/contracts/chain.ts";
import { CommitteeWorld } from "../support/contracts/committee-world.ts";
import { GroupWorld } from "../support/contracts/group-world.ts";
import { layoutOf } from "../support/contracts/layout.ts";

const snapshotFile = new URL("../vectors/storage-layout.json", import.meta.url);
const parts = ["Upkeeping", "UpkeepingDesk"];
const committee = "Committee";
const vouchers = "ReadVouchers";
/** The limit of 24,576 bytes, less 2,000. */
const mostBytes = 22_576;

let world: GroupWorld;
beforeAll(async () => {
  world = await GroupWorld.open();
});
afterAll(() => world.chain.close());

/** Signatures of the functions of a contract or interface. */
function functionsOf(name: string): string[] {
  const { fragments } = new Interface(artifact(name).abi);
  return fragments.filter(({ type }) => type === "function").map((fragment) => fragment.format("sighash"));
}

describe("the code of a contract", () => {
  it.each([
    ["Upkeeping", 3],
    [committee, 2],
    ["UpkeepingDesk", 2],
    ["Lens", 1],
    [vouchers, 0],
  ])("of %s leaves 2,000 bytes of the limit free", async (name, args) => {
    const contract = await deployContract(
      name,
      world.payer,
      Array.from({ length: args }, () => ZeroAddress),
    );
    const code = await world.chain.provider.getCode(await contract.getAddress());
    expect((code.length - 2) / 2).toBeLessThanOrEqual(mostBytes);
  });

  it("of the factory, too", async () => {
    const { chain, factory } = await CommitteeWorld.whole();
    const code = await chain.provider.getCode(factory);
    expect((code.length - 2) / 2).toBeLessThanOrEqual(mostBytes);
    await chain.close();
  });
});

describe("storage", () => {
  it("is as in the snapshot (WHITEPAY_WRITE_LAYOUT=1 writes it), the same in both parts of a group", () => {
    const layout = layoutOf([...parts, committee, vouchers]);
    expect(layout["UpkeepingDesk"]).toEqual(layout["Upkeeping"]);
    const current = {
      group: layout["Upkeeping"],
      committee: layout[committee],
      vouchers: layout[vouchers],
    };
    if (process.env["WHITEPAY_WRITE_LAYOUT"] === "1") {
      writeFileSync(snapshotFile, `${JSON.stringify(current, null, 2)}\n`);
    }
    expect(current).toEqual(JSON.parse(readFileSync(snapshotFile, "utf8")));
  });
});

describe("a group's code", () => {
  it("has the settlement first in its dispatch, which compares selectors one by one in ascending order", () => {
    const whole = new Interface(artifact("Upkeeping").abi);
    const selectorOf = (name: string): number => Number(whole.getFunction(name)?.selector);
    const selectors = functionsOf("Upkeeping").map(selectorOf);
    expect(selectorOf("creditItems")).toBe(Math.min(...selectors));
  });

  it("has all functions of its interface, and passes on to the desk exactly those that the desk has", () => {
    const [whole, desk] = [functionsOf("interfaces/IUpkeeping"), functionsOf("UpkeepingDesk")];
    expect(new Set(functionsOf("Upkeeping"))).toEqual(new Set(whole));
    const source = readFileSync(new URL("../../contracts/Upkeeping.sol", import.meta.url), "utf8");
    const passedOn = [...source.matchAll(/function (\w+)\([^{]*\{\s+_atDesk\(\);/g)].map(([, name]) => name);
    expect(new Set(passedOn)).toEqual(new Set(desk.map((signature) => signature.replace(/\(.*$/, ""))));
    for (const signature of desk) expect(whole).toContain(signature);
  });
});
