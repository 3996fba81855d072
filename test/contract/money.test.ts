/** Deposits, withdrawals, the payer's role and manifests (R31, R32, R46). */
import { id, keccak256, toUtf8Bytes, ZeroAddress, type Contract, type Wallet } from "ethers";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { deployContract, send } from "../support/contracts/chain.ts";
import { gibibyte, GroupWorld, perGibibyteBlock, type Group } from "../support/contracts/group-world.ts";

let world: GroupWorld;
beforeAll(async () => {
  world = await GroupWorld.open();
});
afterAll(() => world.chain.close());

async function earned(options: Parameters<GroupWorld["group"]>[0] = {}): Promise<Group> {
  const group = await world.group(options);
  await group.add("money p0", { size: 10n * gibibyte });
  await group.settleNext();
  await group.settleNext();
  return group;
}

describe("deposits", () => {
  it("are booked as what arrived: a token may keep a fee", async () => {
    const token = await deployContract("FeeToken", world.payer);
    const group = await world.group({ config: { token: await token.getAddress() }, deposit: 0n });
    await send(token, world.payer, "approve", [await group.address(), 1_000n]);
    await group.send(world.payer, "deposit", [1_000n]);
    expect(await group.available()).toBe(990n);
  });

  it("of coin come with their amount, or as a plain transfer; a group of a token takes none", async () => {
    const coin = await world.group({ config: { token: ZeroAddress }, deposit: 0n });
    await coin.send(world.payer, "deposit", [50n], 50n);
    await world.payer.sendTransaction({ to: await coin.address(), value: 7n });
    expect(await coin.available()).toBe(57n);
    expect(await world.failing(coin.send(world.payer, "deposit", [2n], 1n))).toEqual({
      error: "Upkeeping_WrongValue",
      args: [2n, 1n],
    });
    const group = await world.group({ deposit: 0n });
    const sent = world.payer.sendTransaction({ to: await group.address(), value: 1n, gasLimit: 1_000_000 });
    expect(await world.failing(sent)).toEqual({ error: "Upkeeping_WrongValue", args: [0n, 1n] });
  });

  it("sent without a call are booked by anyone, once", async () => {
    const group = await world.group({ deposit: 0n });
    await send(world.token, world.payer, "transfer", [await group.address(), 30n]);
    await group.send(world.keepers[0] as Wallet, "sync");
    expect(await group.available()).toBe(30n);
    expect((await world.failing(group.send(world.payer, "sync"))).error).toBe("Upkeeping_NothingToMove");
  });

  it("at the predicted address of a group to come are its own from the start (R43)", async () => {
    const committee = await (await world.committee()).address();
    const config = await world.config();
    const payer = await world.payer.getAddress();
    const predicted = await world.factory.getFunction("predictGroup")(payer, config, committee);
    await send(world.token, world.payer, "transfer", [predicted, 12_345n]);
    await send(world.factory, world.payer, "createGroup", [config, committee, 3]);
    expect(await world.factory.getFunction("isGroup")(predicted)).toBe(true);
    const group = await world.group({ deposit: 0n, ceiling: 0 });
    const created = group.contract.attach(predicted) as Contract;
    expect((await created.getFunction("escrow")()).available).toBe(12_345n);
    expect((await created.getFunction("state")()).service).toEqual([committee, 1n, 3n, expect.any(BigInt)]);
  });

  it("end at 2^96 − 1 units in a group's life", async () => {
    const group = await world.group({ deposit: 10n });
    const most = (1n << 96n) - 11n;
    await group.deposit(most);
    expect(await world.failing(group.deposit(1n))).toEqual({
      error: "Upkeeping_TooMuchMoney",
      args: [0n, 1n],
    });
  });
});

describe("tokens", () => {
  /** A group that pays in a token of the payer. */
  async function payingIn(name: string): Promise<{ token: Contract; group: Group }> {
    const token = await deployContract(name, world.payer);
    return { token, group: await world.group({ config: { token: await token.getAddress() }, deposit: 0n }) };
  }

  it("that return false are refused, in deposits and withdrawals", async () => {
    const { token, group } = await payingIn("FalseToken");
    const deposit = (): Promise<unknown> => group.send(world.payer, "deposit", [100n]);
    expect((await world.failing(deposit())).error).toBe("SafeERC20FailedOperation");
    await send(token, world.payer, "answerTrue", [true]);
    await deposit();
    await send(token, world.payer, "answerTrue", [false]);
    const withdrawal = group.send(world.payer, "withdrawPayer", [40n, await world.payer.getAddress()]);
    expect((await world.failing(withdrawal)).error).toBe("SafeERC20FailedOperation");
    expect(await group.available()).toBe(100n);
  });

  it("that return no value work", async () => {
    const { token, group } = await payingIn("SilentToken");
    await group.send(world.payer, "deposit", [100n]);
    const to = await world.chain.account("receiver of a silent token");
    await group.send(world.payer, "withdrawPayer", [40n, to.address]);
    expect(await token.getFunction("balanceOf")(to.address)).toBe(40n);
    expect(await group.available()).toBe(60n);
  });

  it("that re-enter are counted once", async () => {
    const { token, group } = await payingIn("ReentrantToken");
    const address = await group.address();
    await send(token, world.payer, "approve", [address, 1_000n]);
    for (const [method, args] of [
      ["sync", []],
      ["deposit", [1n]],
    ] as const) {
      const before = await group.available();
      await send(token, world.payer, "aim", [
        address,
        group.contract.interface.encodeFunctionData(method, args),
      ]);
      await group.send(world.payer, "deposit", [100n]);
      expect(world.errors.parseError(await token.getFunction("answer")())?.name).toBe("Upkeeping_Reentered");
      expect((await group.available()) - before).toBe(100n);
    }
    expect((await world.failing(group.send(world.payer, "sync"))).error).toBe("Upkeeping_NothingToMove");
  });
});

describe("the payer withdraws", () => {
  it("what is not required: unsettled blocks and the lockup stay (R32)", async () => {
    const group = await world.group({ deposit: 10n ** 12n });
    await group.add("money p0", { size: 10n * gibibyte });
    await group.settleNext();
    const settledThrough = await group.settledThrough();
    const to = world.keepers[0]?.address as string;
    const available = await group.available();
    const required = async (): Promise<bigint> => (await group.read("escrow")).required;
    // 10 GiB at 1,000 units: unsettled blocks so far, and 100 of lockup.
    const blocks = async (): Promise<bigint> => BigInt((await world.chain.block()) - settledThrough + 100);
    expect(await required()).toBe((await blocks()) * 10_000n);
    // The next block is one more.
    const most = available - ((await blocks()) + 1n) * 10_000n;
    expect(await world.failing(group.send(world.payer, "withdrawPayer", [most + 1n, to]))).toMatchObject({
      error: "Upkeeping_Underfunded",
    });
    // Each transaction mined a block, the refused one too.
    const least = available - ((await blocks()) + 1n) * 10_000n;
    await group.send(world.payer, "withdrawPayer", [least, to]);
    expect((await group.read("escrow")).available).toBe(await required());
    expect(await world.balanceOf(to)).toBeGreaterThanOrEqual(least);
    const keeper = world.keepers[1] as Wallet;
    expect((await world.failing(group.send(keeper, "withdrawPayer", [1n, to]))).error).toBe(
      "Upkeeping_NotPayer",
    );
    await group.checkBooks();
  });
});

describe("a group without providers", () => {
  it("shows no fee as required for the blocks that pass, and its end when that comes (R32, R33)", async () => {
    // 8 reserved providers for a lockup of 100 blocks, at a unit for each and block.
    const group = await world.group({ config: { keeperFee: 65_536n } });
    const begins = await group.settledThrough();
    for (const block of [begins + 1, begins + 50, begins + 200]) {
      await world.chain.before(block);
      expect((await group.read("escrow")).required).toBe(800n);
    }
    await group.send(world.payer, "terminate");
    const { endBlock } = await group.read("state");
    await world.chain.before(Number(endBlock));
    expect((await group.read("state")).ended).toBe(false);
    await world.chain.before(Number(endBlock) + 1);
    expect((await group.read("state")).ended).toBe(true);
    expect((await group.read("escrow")).required).toBe(0n);
  });

  it("shows no fee as required for the blocks before its service begins", async () => {
    const group = await world.group({ config: { keeperFee: 65_536n } });
    await group.send(world.payer, "terminate");
    const [begins, { endBlock }] = [await group.settledThrough(), await group.read("state")];
    expect(begins).toBeGreaterThan(await world.chain.block());
    expect((await group.read("escrow")).required).toBe(8n * (endBlock - BigInt(begins)));
  });
});

describe("keepers and providers withdraw", () => {
  it("their own, to their payee, and only once (R31)", async () => {
    const group = await earned();
    const operator = group.providers[0] as Wallet;
    const committee = await group.committee.address();
    const [credit, share] = [await group.credit(0), await group.keeper(2)];
    const [before, beforeKeeper] = [
      await world.balanceOf(operator.address),
      await world.balanceOf(world.keepers[2]?.address as string),
    ];
    const stranger = world.keepers[3] as Wallet;
    expect((await world.failing(group.send(stranger, "withdrawProvider", [0]))).error).toBe(
      "Upkeeping_NotOwner",
    );
    expect((await world.failing(group.send(stranger, "withdrawKeeper", [committee, 1, 2]))).error).toBe(
      "Upkeeping_NotOwner",
    );
    await group.send(operator, "withdrawProvider", [0]);
    await group.send(world.keepers[2] as Wallet, "withdrawKeeper", [committee, 1, 2]);
    expect((await world.balanceOf(operator.address)) - before).toBe(credit);
    expect((await world.balanceOf(world.keepers[2]?.address as string)) - beforeKeeper).toBe(share);
    for (const again of [
      () => group.send(operator, "withdrawProvider", [0]),
      () => group.send(world.keepers[2] as Wallet, "withdrawKeeper", [committee, 1, 2]),
    ]) {
      expect((await world.failing(again())).error).toBe("Upkeeping_NothingToMove");
    }
    await group.checkBooks();
    // What comes later is there to withdraw.
    await group.settleNext();
    expect(await group.keeper(2)).toBeGreaterThan(0n);
    await group.checkBooks();
  });

  it("over many groups in one call of the factory; a group that fails stops no other", async () => {
    const committee = await world.committee();
    const committeeAddress = await committee.address();
    const groups = [await earned({ committee }), await earned({ committee }), await earned({ committee })];
    const keeper = world.keepers[1] as Wallet;
    const addresses = await Promise.all(groups.map((group) => group.address()));
    const claims = addresses.map((group) => ({ group, committee: committeeAddress, version: 1, index: 1 }));
    const owed = await Promise.all(groups.map((group) => group.keeper(1)));
    // The second group has nothing for it: it withdrew before.
    await (groups[1] as Group).send(keeper, "withdrawKeeper", [committeeAddress, 1, 1]);
    const before = await world.balanceOf(keeper.address);
    const receipt = await send(world.factory, keeper, "withdrawKeepers", [claims]);
    expect((await world.balanceOf(keeper.address)) - before).toBe((owed[0] as bigint) + (owed[2] as bigint));
    const failed = receipt.logs
      .map((log) => world.factory.interface.parseLog(log))
      .filter((log) => log?.name === "WithdrawalFailed");
    expect(failed.map((log) => [log?.args["group"], log?.args["position"]])).toEqual([[addresses[1], 1n]]);
    expect(failed[0]?.args["reason"]).toBe(id("Upkeeping_NothingToMove()").slice(0, 10));
    // The factory speaks for its caller alone.
    const stranger = await send(world.factory, world.keepers[0] as Wallet, "withdrawKeepers", [claims]);
    expect(stranger.logs).toHaveLength(3);
    const operator = (groups[0] as Group).providers[0] as Wallet;
    const providerBefore = await world.balanceOf(operator.address);
    const credits = await Promise.all(groups.map((group) => group.credit(0)));
    await send(world.factory, operator, "withdrawProviders", [
      addresses.map((group) => ({ group, provider: 0 })),
    ]);
    expect((await world.balanceOf(operator.address)) - providerBefore).toBe(
      credits.reduce((a, b) => a + b, 0n),
    );
    const direct = world.factory.getFunction("isGroup");
    expect(await direct(committeeAddress)).toBe(false);
    expect(
      (await world.failing((groups[0] as Group).send(keeper, "withdrawProviderFor", [operator.address, 0])))
        .error,
    ).toBe("Upkeeping_NotFactory");
  });

  it("of several members in one call: each is paid to its own payee, and a claim that is wrong stops no other", async () => {
    const committee = await world.committee();
    const at = await committee.address();
    const groups = [await earned({ committee }), await earned({ committee })];
    const [first, second] = await Promise.all(groups.map((group) => group.address()));
    const [owner, other] = [world.keepers[0] as Wallet, world.keepers[3] as Wallet];
    // The operator of seat 3 makes the operator of seat 0 its payee.
    await send(world.registry, other, "nameKeeperPayee", [other.address, owner.address]);
    await send(world.registry, owner, "acceptKeeperPayee", [other.address]);
    const claim = (group: unknown, index: number, change: object = {}): object => {
      return { group, committee: at, version: 1, index, ...change };
    };
    const claims = [
      claim(first, 0),
      claim(first, 3),
      // Seat 1 is another operator's, also when it is claimed again; nobody has a committee at an address without code, nor a seat 9.
      claim(first, 1),
      claim(first, 1),
      claim(second, 0, { committee: other.address }),
      claim(second, 9),
      claim(second, 3),
      claim(second, 0),
      claim(second, 0),
    ];
    const owed = await Promise.all(
      groups.flatMap((group) => [0, 3].map(async (index) => group.keeper(index))),
    );
    const before = await world.balanceOf(owner.address);
    const foreign = await (groups[0] as Group).keeper(1);
    const receipt = await send(world.factory, owner, "withdrawKeepers", [claims]);
    const failed = receipt.logs
      .map((log) => world.factory.interface.parseLog(log))
      .filter((log) => log?.name === "WithdrawalFailed")
      .map((log) => [Number(log?.args["position"]), String(log?.args["reason"]).slice(0, 10)]);
    const reasonOf = (error: string): string => id(error).slice(0, 10);
    expect(failed.map(([position]) => position)).toEqual([2, 3, 4, 5, 8]);
    for (const one of failed.slice(0, 2)) {
      expect(one[1]).toBe(reasonOf("Upkeeping_NotOwner(address,address,address)"));
    }
    expect(failed[4]?.[1]).toBe(reasonOf("Upkeeping_NothingToMove()"));
    expect((await world.balanceOf(owner.address)) - before).toBe(owed.reduce((a, b) => a + b, 0n));
    expect(await (groups[0] as Group).keeper(1)).toBe(foreign);
    for (const group of groups) await group.checkBooks();
    await send(world.registry, owner, "nameKeeperPayee", [other.address, other.address]);
    await send(world.registry, other, "acceptKeeperPayee", [other.address]);
  });

  it("to a payee that the caller names are refused to everybody but the factory", async () => {
    const group = await earned();
    const [keeper] = world.keepers as [Wallet];
    const args = [keeper.address, await group.committee.address(), 1, 0];
    expect(await world.failing(group.send(keeper, "payOutKeeper", args))).toEqual({
      error: "Upkeeping_NotFactory",
      args: [await world.factory.getAddress(), keeper.address],
    });
  });

  it("of coin: a payee that refuses or re-enters harms only itself (R31)", async () => {
    const group = await world.group({ config: { token: ZeroAddress }, deposit: 0n });
    await group.send(world.payer, "deposit", [10n ** 18n], 10n ** 18n);
    const index = await group.add("money hostile", { size: 10n * gibibyte });
    await group.settleNext();
    const hostile = await deployContract("HostilePayee", world.payer);
    const at = await hostile.getAddress();
    const operator = group.providers[index] as Wallet;
    await send(world.registry, operator, "nameProviderPayee", [operator.address, at]);
    const accept = world.registry.interface.encodeFunctionData("acceptProviderPayee", [operator.address]);
    await send(hostile, world.payer, "run", [await world.registry.getAddress(), accept]);
    const credit = await group.credit(index);
    expect(await world.failing(group.send(operator, "withdrawProvider", [index]))).toEqual({
      error: "Upkeeping_TransferFailed",
      args: [at, credit],
    });
    const again = group.contract.interface.encodeFunctionData("withdrawProvider", [index]);
    await send(hostile, world.payer, "aim", [await group.address(), again]);
    await group.send(operator, "withdrawProvider", [index]);
    expect(await world.chain.provider.getBalance(at)).toBe(credit);
    expect(world.errors.parseError(await hostile.getFunction("answer")())?.name).toBe("Upkeeping_Reentered");
    await group.checkBooks();
  });
});

describe("the payer", () => {
  it("passes the role on in two steps", async () => {
    const group = await world.group();
    const [next, other] = [world.keepers[0] as Wallet, world.keepers[1] as Wallet];
    const payer = await world.payer.getAddress();
    expect((await world.failing(group.send(next, "namePayer", [next.address]))).error).toBe(
      "Upkeeping_NotPayer",
    );
    await group.send(world.payer, "namePayer", [next.address]);
    expect(await world.failing(group.send(other, "acceptPayer"))).toEqual({
      error: "Upkeeping_NotNamedPayer",
      args: [next.address, other.address],
    });
    expect(await group.read("payer")).toBe(payer);
    await group.send(next, "acceptPayer");
    expect([await group.read("payer"), await group.read("namedPayer")]).toEqual([next.address, ZeroAddress]);
    expect((await world.failing(group.send(world.payer, "terminate"))).error).toBe("Upkeeping_NotPayer");
    await group.send(next, "terminate");
  });

  it("takes out a foreign token, but not the group's own past the books", async () => {
    const group = await world.group();
    const foreign = await deployContract("DemoToken", world.payer, ["Other", "OTH"]);
    await send(foreign, world.payer, "mint", [await group.address(), 9n]);
    const to = world.keepers[0]?.address as string;
    await group.send(world.payer, "rescue", [await foreign.getAddress(), to, 9n]);
    expect(await foreign.getFunction("balanceOf")(to)).toBe(9n);
    expect((await world.failing(group.send(world.payer, "rescue", [group.config.token, to, 1n]))).error).toBe(
      "Upkeeping_OwnToken",
    );
  });

  it("publishes editions of its manifest, each with the one before (R46)", async () => {
    const group = await world.group();
    const [first, second] = ["one", "two"].map((text) => keccak256(toUtf8Bytes(text))) as [string, string];
    const receipt = await group.send(world.payer, "setManifest", [second, first]);
    expect([...group.event(receipt, "ManifestSet")]).toEqual([second, first]);
    expect(
      (await world.failing(group.send(world.keepers[0] as Wallet, "setManifest", [second, first]))).error,
    ).toBe("Upkeeping_NotPayer");
  });
});

describe("an addition that the escrow does not carry", () => {
  it("is refused with what is required (R32)", async () => {
    const group = await world.group({ deposit: 999_999n });
    // 10 GiB at 1,000 units for 100 blocks of lockup.
    const call = group.add("money p0", { size: 10n * gibibyte, price: perGibibyteBlock(1_000n) });
    expect(await world.failing(call)).toEqual({
      error: "Upkeeping_Underfunded",
      args: [1_000_000n, 999_999n],
    });
    await group.deposit(1n);
    await group.add("money p0", { size: 10n * gibibyte });
  });
});
