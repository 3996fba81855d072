import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { AbiCoder, concat, keccak256, type Wallet } from "ethers";
import { refusal } from "../support/contracts/chain.ts";
import { leafOf, proofOf, rootOf, treeOf } from "../support/contracts/tree.ts";
import { gibibyte, range, World, type Group, type RootSettlement } from "../support/contracts/world.ts";

let world: World;
beforeAll(async () => {
  world = await World.open();
});
afterAll(() => world.chain.close());

async function settleTree(
  group: Group,
  cumulative: bigint[],
  total: bigint,
): Promise<{ layers: Uint8Array[][]; gas: bigint }> {
  const layers = treeOf(cumulative.map((spaceTime, provider) => leafOf(provider, spaceTime)));
  const { items: _, ...rest } = await group.proposal([], { turn: await group.turnNow() });
  const settlement: RootSettlement = { ...rest, root: rootOf(layers), totalSpaceTime: total };
  const receipt = await group.settleRoot(settlement);
  return { layers, gas: receipt.gasUsed };
}

const failing = (group: Group, call: Promise<unknown>): ReturnType<typeof refusal> =>
  refusal(call, group.contract.interface);

describe("Merkle mode", () => {
  it("hashes leaves like the contract", () => {
    const encoded = AbiCoder.defaultAbiCoder().encode(["uint32", "uint256"], [7, 5n << 70n]);
    expect(`0x${Buffer.from(leafOf(7, 5n << 70n)).toString("hex")}`).toBe(
      keccak256(concat([keccak256(encoded)])),
    );
  });

  it("pays cumulative amounts of many intervals at one claim, never beyond the commitment (R16)", async () => {
    const group = await world.group(4, { config: { merkle: true } });
    for (const i of range(3)) await group.add(`merkle p${i}`, BigInt(i + 1) * gibibyte);
    const anyone = await world.chain.account("anyone");
    expect((await failing(group, group.send(anyone, "claim", [0, 0n, []]))).error).toBe("Upkeeping_NoRoot");
    await settleTree(group, [5n * gibibyte, 6n * gibibyte, 0n], 11n * gibibyte);
    const second = [7n * gibibyte, 1n << 90n, 0n];
    const { layers } = await settleTree(group, second, 3n * gibibyte);
    const price = group.config.price;
    const pool = 14n * price - (11n * price) / 10n - (3n * price) / 10n;

    await group.send(anyone, "claim", [0, second[0], proofOf(layers, 0)]);
    expect((await group.read("providers", 0, 1))[0].credited).toBe((7n * price * 9n) / 10n);
    const again = await failing(group, group.send(anyone, "claim", [0, second[0], proofOf(layers, 0)]));
    expect(again.error).toBe("Upkeeping_NothingToMove");
    const wrong = await failing(group, group.send(anyone, "claim", [0, 8n * gibibyte, proofOf(layers, 0)]));
    expect(wrong.error).toBe("Upkeeping_BadMerkleProof");
    const unknown = await failing(group, group.send(anyone, "claim", [9, 0n, []]));
    expect(unknown.error).toBe("Upkeeping_NoSuchProvider");
    // The second leaf claims more than was committed, and more than the pool holds.
    await group.send(anyone, "claim", [1, second[1], proofOf(layers, 1)]);
    const credited = (await group.read("providers", 1, 1))[0].credited;
    expect(credited).toBeLessThanOrEqual(pool - (7n * price * 9n) / 10n);
    await group.send(group.providers[1] as Wallet, "withdrawProvider", [1]);
    const escrow = await group.read("escrow");
    expect(escrow.deposited - escrow.paidOut).toBe(escrow.balance);
    const byItems = await failing(
      group,
      group.settle(await group.proposal([], { turn: await group.turnNow() })),
    );
    expect(byItems).toEqual({ error: "Upkeeping_WrongMode", args: [false, true] });
    expect((await group.read("merkleRoot"))[0]).toBe(rootOf(layers));
  });

  it("pays a part when the escrow is short, and the rest after a deposit", async () => {
    const group = await world.group(4, { config: { merkle: true }, deposit: 0n });
    await group.addPoor({ "merkle p0": gibibyte, "merkle p1": gibibyte }, 10n ** 13n);
    await settleTree(group, [0n, 0n], 0n);
    const worth = [8n * gibibyte, 12n * gibibyte];
    const { layers } = await settleTree(group, worth, 20n * gibibyte);
    const anyone = await world.chain.account("anyone");
    await group.send(anyone, "claim", [0, worth[0], proofOf(layers, 0)]);
    // 10 of 20 units of price are there: half of 8, less a tenth.
    expect((await group.read("providers", 0, 1))[0].credited).toBe((4n * group.config.price * 9n) / 10n);
    expect((await group.read("escrow")).arrears).toBe(10n * group.config.price);
    await group.deposit(10n ** 14n);
    const later = await settleTree(group, worth, 0n);
    await group.send(anyone, "claim", [0, worth[0], proofOf(later.layers, 0)]);
    await group.send(anyone, "claim", [1, worth[1], proofOf(later.layers, 1)]);
    const credited = [...(await group.read("providers", 0, 2))].map((provider) => provider.credited);
    expect(credited).toEqual([8n, 12n].map((units) => (units * group.config.price * 9n) / 10n));
    expect((await group.read("escrow")).arrears).toBe(0n);
  });

  it("ends without a unit left when all have claimed, abandoned intervals included", async () => {
    const group = await world.group(4, { config: { merkle: true, price: 1_000_003n }, deposit: 10n ** 15n });
    for (const i of range(2)) await group.add(`merkle p${i}`, gibibyte + BigInt(i));
    const anyone = await world.chain.account("anyone");
    const first = [3n * gibibyte + 1n, 2n * gibibyte + 5n];
    const { layers } = await settleTree(group, first, (first[0] as bigint) + (first[1] as bigint));
    await group.send(anyone, "claim", [0, first[0], proofOf(layers, 0)]);
    await world.chain.before((await group.settledThrough()) + 1350);
    await group.send(world.payer, "abandon");
    await group.send(world.payer, "terminate");
    const { endBlock } = await group.read("state");
    await world.chain.before(Number(endBlock) + 30);
    const total = first.map((spaceTime) => spaceTime * 2n);
    const last = await settleTree(group, total, (first[0] as bigint) + (first[1] as bigint));
    expect((await group.read("state")).ended).toBe(true);
    for (const i of range(2)) await group.send(anyone, "claim", [i, total[i], proofOf(last.layers, i)]);
    for (const i of range(2)) await group.send(group.providers[i] as Wallet, "withdrawProvider", [i]);
    for (const i of range(4)) {
      const [account] = await group.read("keeperAccounts", 1, i, 1);
      if (account.earned > 0n)
        await group.send(group.keepers[i]?.operator as Wallet, "withdrawKeeper", [1, i]);
    }
    await group.send(world.payer, "withdrawPayer", [await group.read("withdrawable")]);
    expect((await group.read("escrow")).balance).toBe(0n);
  });

  it("costs the same at settle for a million providers, and a claim grows with the tree's height only", async () => {
    const count = process.env["WHITEPAY_LONG"] === "1" ? 1_000_000 : 20_000;
    const group = await world.group(4, { config: { merkle: true } });
    for (const i of range(3)) await group.add(`merkle p${i}`, gibibyte);
    const cumulative = range(count).map((i) => BigInt(i % 3) * gibibyte);
    const steady: bigint[] = [];
    // Roots differ, as an unchanged one would cost less to write.
    for (const size of [3, 4, 5, count]) {
      const { gas } = await settleTree(group, cumulative.slice(0, size), 3n * gibibyte);
      steady.push(gas);
    }
    const [, , small, large] = steady as [bigint, bigint, bigint, bigint];
    expect(Math.abs(Number(large - small)), steady.join()).toBeLessThan(300);
    const layers = treeOf(cumulative.map((spaceTime, provider) => leafOf(provider, spaceTime)));
    const claim = await group.send(world.payer, "claim", [2, cumulative[2], proofOf(layers, 2)]);
    expect(claim.gasUsed).toBeLessThan(200_000n);
    expect(proofOf(layers, 2).length).toBe(Math.ceil(Math.log2(count)));
  });
});
