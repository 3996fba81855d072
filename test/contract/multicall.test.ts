/** Several calls of a group in one transaction (R33): all or none, and no more than the same calls one by one. */
import { ZeroAddress, ZeroHash, type Signer, type TransactionReceipt, type Wallet } from "ethers";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { deployContract, send } from "../support/contracts/chain.ts";
import { gibibyte, GroupWorld, type DataTerms, type Group } from "../support/contracts/group-world.ts";

let world: GroupWorld;
beforeAll(async () => {
  world = await GroupWorld.open();
});
afterAll(() => world.chain.close());

type Call = readonly [method: string, args: readonly unknown[]];

function encoded(group: Group, calls: readonly Call[]): string[] {
  return calls.map(([method, args]) => group.contract.interface.encodeFunctionData(method, args));
}

async function multicall(
  group: Group,
  from: Signer,
  calls: readonly Call[],
  value = 0n,
): Promise<TransactionReceipt> {
  return group.send(from, "multicall", [encoded(group, calls)], value);
}

async function adding(group: Group, label: string, change: Partial<DataTerms> = {}): Promise<Call> {
  const operator = await world.provider(label);
  const terms = await group.terms(operator.address, change);
  return ["addProvider", [operator.address, terms, await group.consent(operator, terms)]];
}

async function changing(group: Group, index: number, change: Partial<DataTerms>): Promise<Call> {
  const operator = group.providers[index] as Wallet;
  const terms = await group.terms(operator.address, change);
  return ["changeData", [index, terms, await group.consent(operator, terms)]];
}

async function countOf(group: Group): Promise<number> {
  return Number((await group.read("state")).providerCount);
}

describe("the payer, in one transaction,", () => {
  it("adds several providers, and gets their indices back", async () => {
    const group = await world.group();
    const labels = ["multicall p0", "multicall p1", "multicall p2"];
    const calls = await Promise.all(labels.map((label) => adding(group, label)));
    const payer = await world.payer.getAddress();
    const results: string[] = await group.contract
      .getFunction("multicall")
      .staticCall(encoded(group, calls), { from: payer });
    expect(results.map(BigInt)).toEqual([0n, 1n, 2n]);
    const receipt = await multicall(group, world.payer, calls);
    expect(receipt.logs).toHaveLength(3);
    for (const [index, label] of labels.entries()) {
      const { operator, activeFrom } = await group.read("provider", index);
      expect(operator).toBe((await world.provider(label)).address);
      expect(Number(activeFrom)).toBe(await group.activeFrom(0));
    }
    const { providers } = await group.settleNext();
    expect(providers.map(({ provider }) => provider)).toEqual([0, 1, 2]);
    await group.checkBooks();
  });

  it("changes the data of several, removes one and publishes a manifest", async () => {
    const group = await world.group();
    for (const label of ["multicall p0", "multicall p1", "multicall p2"]) await group.add(label);
    await group.settleNext();
    await multicall(group, world.payer, [
      await changing(group, 0, { size: 2n * gibibyte }),
      await changing(group, 1, { size: 3n * gibibyte }),
      ["removeProvider", [2]],
      ["setManifest", [`0x${"11".repeat(32)}`, ZeroHash]],
    ]);
    const sizes = await Promise.all(
      [0, 1].map(async (index) => (await group.read("dataOf", index)).at(-1).size),
    );
    expect(sizes).toEqual([2n * gibibyte, 3n * gibibyte]);
    expect((await group.read("provider", 2)).noticeByPayer).toBe(true);
  });

  it("deposits twice: each is counted, the guard against re-entering is free again after each", async () => {
    const group = await world.group({ deposit: 0n });
    await send(world.token, world.payer, "approve", [await group.address(), 300n]);
    await multicall(group, world.payer, [
      ["deposit", [100n]],
      ["deposit", [200n]],
    ]);
    expect(await group.available()).toBe(300n);
    await group.checkBooks();
  });
});

describe("one call that fails", () => {
  it("reverts all of them, with its own error", async () => {
    const group = await world.group();
    const calls = [
      await adding(group, "multicall p0"),
      await adding(group, "multicall p1", { deadline: 1n }),
      await adding(group, "multicall p2"),
    ];
    const refused = await world.failing(multicall(group, world.payer, calls));
    expect(refused.error).toBe("Upkeeping_ConsentExpired");
    expect(refused.args[0]).toBe(1n);
    expect(await countOf(group)).toBe(0);
  });

  it("may be the second with the same consent", async () => {
    const group = await world.group();
    const call = await adding(group, "multicall p0");
    expect(await world.failing(multicall(group, world.payer, [call, call]))).toEqual({
      error: "Upkeeping_ProviderExists",
      args: [0n],
    });
    expect(await countOf(group)).toBe(0);
  });

  it("may be one that the escrow does not carry beside the ones before (R32)", async () => {
    // A provider of 1 GiB requires 1,000 units for each of the 100 blocks of the lockup.
    const group = await world.group({ deposit: 150_000n });
    const calls = [await adding(group, "multicall p0"), await adding(group, "multicall p1")];
    expect(await world.failing(multicall(group, world.payer, calls))).toEqual({
      error: "Upkeeping_Underfunded",
      args: [200_000n, 150_000n],
    });
    await multicall(group, world.payer, calls.slice(0, 1));
    expect(await countOf(group)).toBe(1);
  });

  it("may be a withdrawal of what the one before has taken", async () => {
    const group = await world.group();
    const index = await group.add("multicall p0", { size: 10n * gibibyte });
    await group.settleNext();
    const operator = group.providers[index] as Wallet;
    const before = await world.balanceOf(operator.address);
    const once: Call = ["withdrawProvider", [index]];
    expect((await world.failing(multicall(group, operator, [once, once]))).error).toBe(
      "Upkeeping_NothingToMove",
    );
    expect(await world.balanceOf(operator.address)).toBe(before);
    await multicall(group, operator, [once]);
    expect(await group.credit(index)).toBe(0n);
    await group.checkBooks();
  });

  it("may be no call at all: it has no selector, or that of no function", async () => {
    const group = await world.group();
    for (const data of ["0x", "0x01", "0xffffffff"]) {
      const valid = encoded(group, [["setManifest", [ZeroHash, ZeroHash]]]);
      await expect(group.send(world.payer, "multicall", [[...valid, data]])).rejects.toThrow();
    }
  });
});

describe("a stranger", () => {
  it("gains no right", async () => {
    const group = await world.group();
    const index = await group.add("multicall p0");
    const committee = await group.committee.address();
    const stranger = await world.chain.account("stranger");
    const self = stranger.address;
    const cases: (readonly [string, Call])[] = [
      ["Upkeeping_NotPayer", await adding(group, "multicall p1")],
      ["Upkeeping_NotPayer", await changing(group, index, {})],
      ["Upkeeping_NotPayer", ["removeProvider", [index]]],
      ["Upkeeping_NotPayer", ["enter", [committee, 9]]],
      ["Upkeeping_NotPayer", ["raiseCeiling", [9]]],
      ["Upkeeping_NotPayer", ["terminate", []]],
      ["Upkeeping_NotPayer", ["withdrawPayer", [1n, self]]],
      ["Upkeeping_NotPayer", ["rescue", [ZeroAddress, self, 1n]]],
      ["Upkeeping_NotPayer", ["namePayer", [self]]],
      ["Upkeeping_NotPayer", ["setManifest", [ZeroHash, ZeroHash]]],
      ["Upkeeping_NotNamedPayer", ["acceptPayer", []]],
      ["Upkeeping_NotThatProvider", ["giveNotice", [index]]],
      ["Upkeeping_NotMyCommittee", ["creditItems", [0n, 0n, []]]],
      ["Upkeeping_NotMyCommittee", ["release", []]],
      ["Upkeeping_NotFactory", ["initialize", [9]]],
    ];
    for (const [error, call] of cases) {
      const one = encoded(group, [call]);
      expect([call[0], (await world.failing(multicall(group, stranger, [call]))).error]).toEqual([
        call[0],
        error,
      ]);
      // Nor if the calls are nested.
      const nested = multicall(group, stranger, [["multicall", [one]]]);
      expect([call[0], (await world.failing(nested)).error]).toEqual([call[0], error]);
    }
  });

  it("cannot name another caller for a withdrawal", async () => {
    const group = await world.group();
    const index = await group.add("multicall p0", { size: 10n * gibibyte });
    await group.settleNext();
    const stranger = await world.chain.account("stranger");
    const call: Call = ["withdrawProviderFor", [(group.providers[index] as Wallet).address, index]];
    expect((await world.failing(multicall(group, stranger, [call]))).error).toBe("Upkeeping_NotFactory");
  });
});

describe("money", () => {
  it("of the chain's coin cannot be sent along, so that none is counted twice", async () => {
    const group = await world.group({ config: { token: ZeroAddress }, deposit: 0n });
    const deposit: Call = ["deposit", [50n]];
    await expect(multicall(group, world.payer, [deposit], 50n)).rejects.toThrow();
    expect(await world.failing(multicall(group, world.payer, [deposit]))).toEqual({
      error: "Upkeeping_WrongValue",
      args: [50n, 0n],
    });
    expect(await group.available()).toBe(0n);
  });

  it("of a token that calls back with several calls is counted once", async () => {
    const token = await deployContract("ReentrantToken", world.payer);
    const group = await world.group({ config: { token: await token.getAddress() }, deposit: 0n });
    const address = await group.address();
    await send(token, world.payer, "approve", [address, 1_000n]);
    const back = group.contract.interface.encodeFunctionData("multicall", [encoded(group, [["sync", []]])]);
    await send(token, world.payer, "aim", [address, back]);
    await multicall(group, world.payer, [["deposit", [100n]]]);
    expect(world.errors.parseError(await token.getFunction("answer")())?.name).toBe("Upkeeping_Reentered");
    expect(await group.available()).toBe(100n);
    expect(await token.getFunction("balanceOf")(address)).toBe(100n);
    expect((await world.failing(group.send(world.payer, "sync"))).error).toBe("Upkeeping_NothingToMove");
  });
});
