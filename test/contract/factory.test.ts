/** Which contracts are of a factory, and at which addresses (R36, R37). */
import { ContractFactory, getAddress, getCreateAddress, toBeHex, type Contract } from "ethers";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { deployContract, refusal, send } from "../support/contracts/chain.ts";
import { rhythm } from "../support/contracts/committee-world.ts";
import { ServiceWorld } from "../support/contracts/service-world.ts";

let world: ServiceWorld;
let factory: Contract;
beforeAll(async () => {
  world = await ServiceWorld.open();
  factory = world.committees.factory;
});
afterAll(() => world.chain.close());

/** Puts code at a new address. */
async function put(code: string): Promise<string> {
  const size = (code.length - 2) / 2;
  // PUSH2 size, DUP1, PUSH1 10, RETURNDATASIZE, CODECOPY, RETURNDATASIZE, RETURN: copies what follows it.
  const init = `0x61${toBeHex(size, 2).slice(2)}80600a3d393df3${code.slice(2)}`;
  const nonce = await world.payer.getNonce();
  await (
    await new ContractFactory([], init, world.payer).deploy({ gasLimit: 16_000_000 })
  ).waitForDeployment();
  return getCreateAddress({ from: world.payer.address, nonce });
}

describe("the factory", () => {
  it("is deployed with code of committees and groups, and a registry, that exist", async () => {
    const nobody = "0x00000000000000000000000000000000000000aa";
    const names = ["committeeImplementation", "groupImplementation", "registry"] as const;
    const parts = await Promise.all(names.map(async (name) => String(await factory.getFunction(name)())));
    for (const i of names.keys()) {
      const deploying = deployContract("UpkeepingFactory", world.payer, parts.with(i, nobody));
      expect(await refusal(deploying, factory.interface)).toEqual({
        error: "UpkeepingFactory_NoCode",
        args: [getAddress(nobody)],
      });
    }
  });

  it("recognises the groups and committees that it made, and no copy of their code", async () => {
    const committee = await world.committee();
    const group = await world.group(committee);
    const is = async (kind: "Group" | "Committee", address: string): Promise<boolean> =>
      factory.getFunction(`is${kind}`)(address);
    for (const [kind, other, address] of [
      ["Group", "Committee", await group.address()],
      ["Committee", "Group", committee.address],
    ] as const) {
      expect(await is(kind, address)).toBe(true);
      expect(await is(other, address)).toBe(false);
      const code = await world.chain.provider.getCode(address);
      const bytes = code.slice(2).match(/../g) as string[];
      // The payer or convener, the block of creation, the implementation, and the end.
      for (const place of [46, 45 + 32 + 20, 20, bytes.length - 1]) {
        const changed = bytes.with(place, bytes[place] === "ff" ? "fe" : "ff");
        expect(await is(kind, await put(`0x${changed.join("")}`)), `byte ${place}`).toBe(false);
      }
      expect(await is(kind, await put(code))).toBe(false);
      expect(await is(kind, await put(`0x${bytes.slice(0, 140).join("")}`))).toBe(false);
      expect(await is(kind, await put(`${code}00`))).toBe(false);
      expect(await is(kind, world.payer.address)).toBe(false);
    }
  });

  it("makes a group at an address that follows from its payer, terms and number, whoever calls before and in whatever block", async () => {
    const committee = await world.committee();
    const [payer, other] = [world.payer, await world.chain.account("other payer")];
    const config = await world.config();
    const predict = factory.getFunction("predictGroup");
    const predicted = await predict(payer.address, config, committee.address);
    const create = async (from = payer): Promise<string> =>
      world.created(await send(factory, from, "createGroup", [config, committee.address, 0]), "GroupCreated");

    expect(await create(other)).not.toBe(predicted);
    await world.chain.before((await world.chain.block()) + 20);
    expect(await predict(payer.address, config, committee.address)).toBe(predicted);
    const elsewhere = await world.committee();
    const addresses = await Promise.all([
      predict(other.address, config, committee.address),
      predict(payer.address, config, elsewhere.address),
      ...[{ lockup: 101 }, { keeperShareBps: 999 }, { keeperFee: 1n }, { token: payer.address }].map(
        async (change) => predict(payer.address, await world.config(change), committee.address),
      ),
    ]);
    expect(new Set([predicted, ...addresses]).size).toBe(7);
    expect(await create()).toBe(predicted);
    const second = await predict(payer.address, config, committee.address);
    expect(second).not.toBe(predicted);
    expect(await create()).toBe(second);
  });

  it("makes a committee at an address that follows from its convener, parameters, members and number", async () => {
    const members = (await world.committees.keepers(5)).map(({ operator }) => operator.address);
    const four = members.slice(0, 4);
    const terms = await world.committees.terms();
    const other = await world.chain.account("other convener");
    const predict = factory.getFunction("predictCommittee");
    const predicted = await predict(world.payer.address, rhythm, terms, four);
    const addresses = await Promise.all([
      predict(other.address, rhythm, terms, four),
      predict(world.payer.address, { ...rhythm, interval: 45 }, terms, four),
      predict(world.payer.address, rhythm, { ...terms, open: true }, four),
      predict(world.payer.address, rhythm, { ...terms, leastKeeperShareBps: 999 }, four),
      predict(world.payer.address, rhythm, terms, four.toReversed()),
      predict(world.payer.address, rhythm, terms, [...four.slice(0, 3), members[4]]),
    ]);
    expect(new Set([predicted, ...addresses]).size).toBe(7);
    const none = { deadline: 0, signature: "0x" };
    const create = (): Promise<string> =>
      send(factory, world.payer, "createCommittee", [rhythm, terms, four, four.map(() => none)]).then(
        (receipt) => world.created(receipt, "CommitteeCreated"),
      );
    expect(await create()).toBe(predicted);
    expect(await predict(world.payer.address, rhythm, terms, four)).not.toBe(predicted);
  });
});
