import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { Signature, ZeroAddress, type Contract, type Wallet } from "ethers";
import { deployContract, refusal, send } from "../support/contracts/chain.ts";
import { gibibyte, lockupOf, range, World, type Group, type Keeper } from "../support/contracts/world.ts";

let world: World;
let group: Group;
let snapshot: unknown;

beforeAll(async () => {
  world = await World.open();
  group = await world.group(4, { deposit: 10n ** 20n });
  await group.add("money p0", 10n * gibibyte);
});
afterAll(() => world.chain.close());
beforeEach(async () => {
  snapshot = await world.chain.rpc("evm_snapshot");
});
afterEach(async () => {
  await world.chain.rpc("evm_revert", [snapshot]);
});

const balanceOf = async (token: Contract, address: string): Promise<bigint> =>
  token.getFunction("balanceOf")(address);
const failing = (call: Promise<unknown>): ReturnType<typeof refusal> =>
  refusal(call, group.contract.interface);
const keeper = (index: number): Wallet => (group.keepers[index] as Keeper).operator;

async function settleOnce(target = group, spaceTime = 100n * gibibyte): Promise<void> {
  const turn = await target.turnNow();
  await target.settle(await target.proposal([{ provider: 0, spaceTime }], { turn }));
}

describe("deposits", () => {
  it("are open to anyone, and measured", async () => {
    const stranger = await world.chain.account("stranger");
    const { token } = world;
    await send(token, stranger, "mint", [stranger.address, 77n]);
    await send(token, stranger, "approve", [await group.address(), 77n]);
    const before = (await group.read("escrow")).deposited;
    await group.send(stranger, "deposit", [77n]);
    expect((await group.read("escrow")).deposited).toBe(before + 77n);
    expect(await failing(group.send(stranger, "deposit", [0n]))).toEqual({
      error: "Upkeeping_NothingToMove",
      args: [],
    });
    expect(await failing(group.send(stranger, "deposit", [1n], 1n))).toEqual({
      error: "Upkeeping_WrongValue",
      args: [0n, 1n],
    });
  });

  it("accept a permit, also one that another transaction has used", async () => {
    const owner = await world.chain.account("permit owner");
    const { token } = world;
    await send(token, owner, "mint", [owner.address, 1000n]);
    const spender = await group.address();
    const domain = {
      name: "Demo",
      version: "1",
      chainId: world.chain.chainId,
      verifyingContract: await token.getAddress(),
    };
    const types = {
      Permit: ["owner address", "spender address", "value uint256", "nonce uint256", "deadline uint256"].map(
        (field) => {
          const [name, type] = field.split(" ") as [string, string];
          return { name, type };
        },
      ),
    };
    for (const [nonce, usedBefore] of [
      [0n, false],
      [1n, true],
    ] as const) {
      const deadline = 10n ** 12n;
      const value = 400n;
      const signed = await owner.signTypedData(domain, types, {
        owner: owner.address,
        spender,
        value,
        nonce,
        deadline,
      });
      const { v, r, s } = Signature.from(signed);
      if (usedBefore)
        await send(token, keeper(1), "permit", [owner.address, spender, value, deadline, v, r, s]);
      await group.send(owner, "depositWithPermit", [value, deadline, v, r, s]);
    }
    expect(await balanceOf(token, owner.address)).toBe(200n);
  });

  it("count the received amount of a token that takes a fee, and stay below 2^96", async () => {
    const fee = await deployContract("FeeToken", world.payer);
    const odd = await world.group(4, { config: { token: await fee.getAddress() }, deposit: 0n });
    await send(fee, world.payer, "approve", [await odd.address(), 10n ** 30n]);
    await odd.send(world.payer, "deposit", [1000n]);
    expect((await odd.read("escrow")).balance).toBe(990n);
    const most = (1n << 96n) - 1n;
    expect((await failing(odd.send(world.payer, "deposit", [most + most / 50n]))).error).toBe(
      "Upkeeping_TooMuchMoney",
    );
  });

  it("book money that was sent without a deposit", async () => {
    await send(world.token, world.payer, "transfer", [await group.address(), 55n]);
    const before = (await group.read("escrow")).deposited;
    await group.send(keeper(0), "sync");
    expect((await group.read("escrow")).deposited).toBe(before + 55n);
    expect((await failing(group.send(keeper(0), "sync"))).error).toBe("Upkeeping_NothingToMove");
  });

  it("cannot be counted twice by a token that re-enters", async () => {
    const token = await deployContract("ReentrantToken", world.payer);
    const odd = await world.group(4, { config: { token: await token.getAddress() }, deposit: 0n });
    await send(token, world.payer, "approve", [await odd.address(), 10n ** 30n]);
    await send(token, world.payer, "aim", [
      await odd.address(),
      odd.contract.interface.encodeFunctionData("sync"),
    ]);
    await odd.send(world.payer, "deposit", [500n]);
    const answer = await token.getFunction("answer")();
    expect(odd.contract.interface.parseError(answer)?.name).toBe("Upkeeping_Reentered");
    expect((await odd.read("escrow")).balance).toBe(500n);
  });
});

describe("withdrawals", () => {
  it("pay keepers and providers all their credit, to their payees only", async () => {
    await settleOnce();
    const amount = 100n * group.config.price;
    const { token } = world;
    const provider = group.providers[0] as Wallet;
    const stranger = await world.chain.account("stranger");
    expect((await failing(group.send(stranger, "withdrawProvider", [0]))).error).toBe("Upkeeping_NotOwner");
    expect((await failing(group.send(stranger, "withdrawKeeper", [1, 0]))).error).toBe("Upkeeping_NotOwner");
    expect((await failing(group.send(provider, "withdrawProvider", [1]))).error).toBe(
      "Upkeeping_NoSuchProvider",
    );
    expect((await failing(group.send(keeper(0), "withdrawKeeper", [2, 0]))).error).toBe(
      "Upkeeping_NoSuchCommittee",
    );

    await group.send(provider, "withdrawProvider", [0]);
    expect(await balanceOf(token, provider.address)).toBe((amount * 9n) / 10n);
    expect((await failing(group.send(provider, "withdrawProvider", [0]))).error).toBe(
      "Upkeeping_NothingToMove",
    );

    const payee = await world.chain.account("cold wallet");
    await send(world.registry, keeper(0), "nameKeeperPayee", [keeper(0).address, payee.address]);
    await send(world.registry, payee, "acceptKeeperPayee", [keeper(0).address]);
    await group.send(payee, "withdrawKeeper", [1, 0]);
    expect(await balanceOf(token, payee.address)).toBe(amount / 40n);
    const escrow = await group.read("escrow");
    expect(escrow.deposited - escrow.paidOut).toBe(escrow.balance);
    expect(await balanceOf(token, await group.address())).toBe(escrow.balance);
  });

  it("leave the payer what is neither credited, owed nor reserved (R32)", async () => {
    const { payer } = world;
    const { price, lockup } = group.config;
    const now = BigInt(await world.chain.block());
    const activeFrom = (await group.read("providers", 0, 1))[0].activeFrom as bigint;
    const unsettled = now > activeFrom ? (now - activeFrom) * 10n * gibibyte : 0n;
    const reserve = ((unsettled + BigInt(lockup) * 10n * gibibyte) * price + gibibyte - 1n) / gibibyte;
    const free = await group.read("withdrawable");
    expect(free).toBe(10n ** 20n - reserve);
    const tooMuch = await failing(group.send(payer, "withdrawPayer", [free + 1n]));
    expect(tooMuch.error).toBe("Upkeeping_NotWithdrawable");
    expect((await failing(group.send(keeper(0), "withdrawPayer", [1n]))).error).toBe("Upkeeping_NotPayer");
    expect((await failing(group.send(payer, "withdrawPayer", [0n]))).error).toBe("Upkeeping_NothingToMove");
    // Each block adds one block's price to the reserve.
    await group.send(payer, "withdrawPayer", [free - 10n * 10n * price]);
    expect(await group.read("withdrawable")).toBeLessThanOrEqual(10n * 10n * price);
    const until = Number(await group.read("fundedUntil"));
    expect(until).toBeGreaterThanOrEqual(Number(now) + lockup);
  });

  it("go to the payer's payee after it accepted", async () => {
    const payee = await world.chain.account("treasury");
    await group.send(world.payer, "namePayerPayee", [payee.address]);
    expect((await group.read("payerPayee"))[1]).toBe(payee.address);
    expect((await failing(group.send(keeper(0), "acceptPayerPayee"))).error).toBe(
      "Upkeeping_NotPendingPayee",
    );
    expect((await failing(group.send(world.payer, "namePayerPayee", [ZeroAddress]))).error).toBe(
      "Upkeeping_ZeroPayee",
    );
    await group.send(payee, "acceptPayerPayee");
    await group.send(world.payer, "withdrawPayer", [5n]);
    expect(await balanceOf(world.token, payee.address)).toBe(5n);

    // R3: from now on only that payee names the next one, so the payer's key cannot redirect the money.
    const payer = await world.payer.getAddress();
    expect(await failing(group.send(world.payer, "namePayerPayee", [payer]))).toEqual({
      error: "Upkeeping_NotPayee",
      args: [payee.address, payer],
    });
    await group.send(payee, "namePayerPayee", [payer]);
    await group.send(world.payer, "acceptPayerPayee");
    expect([...(await group.read("payerPayee"))]).toEqual([payer, ZeroAddress]);
  });

  it("work with the chain's own coin; a payee that refuses or re-enters affects itself only (R31)", async () => {
    const coin = await world.group(4, { config: { token: ZeroAddress }, deposit: 0n });
    await coin.send(world.payer, "deposit", [10n ** 18n], 10n ** 18n);
    await coin.add("money p0", 10n * gibibyte);
    await world.payer.sendTransaction({ to: await coin.address(), value: 10n ** 18n });
    expect((await coin.read("escrow")).balance).toBe(2n * 10n ** 18n);
    expect((await failing(coin.send(world.payer, "deposit", [2n], 1n))).error).toBe("Upkeeping_WrongValue");
    await settleOnce(coin);

    const hostile = await deployContract("HostilePayee", world.payer);
    const at = await hostile.getAddress();
    const operator = keeper(1);
    await send(world.registry, operator, "nameKeeperPayee", [operator.address, at]);
    const accept = world.registry.interface.encodeFunctionData("acceptKeeperPayee", [operator.address]);
    await send(hostile, world.payer, "run", [await world.registry.getAddress(), accept]);
    const refuses = await failing(coin.send(operator, "withdrawKeeper", [1, 1]));
    expect(refuses).toEqual({
      error: "Upkeeping_TransferFailed",
      args: [at, (100n * coin.config.price) / 40n],
    });

    const again = coin.contract.interface.encodeFunctionData("withdrawKeeper", [1, 1]);
    await send(hostile, world.payer, "aim", [await coin.address(), again]);
    await coin.send(operator, "withdrawKeeper", [1, 1]);
    expect(await world.chain.provider.getBalance(at)).toBe((100n * coin.config.price) / 40n);
    const answer = await hostile.getFunction("answer")();
    expect(coin.contract.interface.parseError(answer)?.name).toBe("Upkeeping_Reentered");
    await coin.send(keeper(2), "withdrawKeeper", [1, 2]);
    const escrow = await coin.read("escrow");
    expect(await world.chain.provider.getBalance(await coin.address())).toBe(escrow.balance);
  });

  it("refuse coin for a group that uses a token", async () => {
    const sent = world.payer.sendTransaction({ to: await group.address(), value: 1n, gasLimit: 1_000_000 });
    expect(await failing(sent)).toEqual({ error: "Upkeeping_WrongValue", args: [0n, 1n] });
  });
});

describe("debts of keepers that are no payees", () => {
  it("carry beyond 64 bits", async () => {
    const rich = await world.group(4, { config: { price: 10n ** 21n }, deposit: 10n ** 27n });
    await rich.add("money p0", 10n * gibibyte);
    let expected = 0n;
    for (let i = 0; i < 4; i += 1) {
      const turn = await rich.turnNow();
      const failed = turn > 1 ? 2n : 0n;
      const share = (100n * rich.config.price) / 10n / (turn > 1 ? 3n : 4n);
      if (i % 2 === 0) expected += share;
      const payees = i % 2 === 0 ? 13n & ~failed : 12n;
      await rich.settle(await rich.proposal([{ provider: 0, spaceTime: 100n * gibibyte }], { turn, payees }));
    }
    const [first] = await rich.read("keeperAccounts", 1, 0, 1);
    expect(first.earned).toBe(expected);
    expect(expected).toBeGreaterThan(1n << 64n);
  });
});

describe("the end of a group", () => {
  it("keeps data committed through the lockup, then leaves everything else to the payer", async () => {
    const { payer } = world;
    expect((await failing(group.send(keeper(0), "terminate"))).error).toBe("Upkeeping_NotPayer");
    await group.send(payer, "terminate");
    const { endBlock, terminatedAt } = await group.read("state");
    expect(endBlock - terminatedAt).toBe(BigInt(group.config.lockup));
    expect((await failing(group.send(payer, "terminate"))).error).toBe("Upkeeping_Terminated");
    expect((await failing(group.send(payer, "removeProvider", [0]))).error).toBe("Upkeeping_Terminated");

    // The first settlement comes long after the end: it pays for all committed bytes, and no more.
    await world.chain.before(Number(endBlock) + 100);
    const turn = await group.turnNow();
    const proposal = await group.proposal([{ provider: 0, spaceTime: (1n << 128n) - 1n }], { turn });
    const committed = await group.read("committedSpaceTime", 0, proposal.ts, proposal.te);
    const { activeFrom } = (await group.read("providers", 0, 1))[0];
    expect(committed).toBe(BigInt(endBlock - activeFrom) * 10n * gibibyte);
    await group.settle(proposal);
    expect((await group.read("state")).ended).toBe(true);
    const over = await group.proposal([{ provider: 0, spaceTime: 0n }], { turn: 1 });
    expect((await failing(group.settle(over))).error).toBe("Upkeeping_Ended");

    const free = await group.read("withdrawable");
    await group.send(payer, "withdrawPayer", [free]);
    await group.send(group.providers[0] as Wallet, "withdrawProvider", [0]);
    for (const index of range(4)) {
      if ((await group.read("keeperAccounts", 1, index, 1))[0].earned > 0n) {
        await group.send(keeper(index), "withdrawKeeper", [1, index]);
      }
    }
    expect((await group.read("escrow")).balance).toBe(0n);
    expect(await balanceOf(world.token, await group.address())).toBe(0n);
  });

  it("lets payer or provider abandon an interval that was not settled, at the last rate (R34)", async () => {
    await settleOnce(group, 90n * gibibyte);
    const [before] = await group.read("providers", 0, 1);
    const ts = await group.settledThrough();
    const past = (await group.read("pastSettlements", 0, 1))[0];
    // In its own blocks: it came in the middle of that interval. The part of what was committed, of 2^55.
    const committed = 10n * gibibyte * BigInt(past.te - before.activeFrom);
    const rate = ((90n * gibibyte) << 55n) / committed;
    const earliest = ts + group.config.interval + group.config.lockup;
    const provider = group.providers[0] as Wallet;
    expect((await failing(group.send(keeper(0), "abandon"))).error).toBe("Upkeeping_NotPayerOrProvider");
    await world.chain.before(earliest - 1);
    const early = await failing(group.send(provider, "abandon"));
    expect(early).toEqual({
      error: "Upkeeping_NotAbandonable",
      args: [BigInt(earliest), BigInt(earliest - 1)],
    });
    await group.send(provider, "abandon");
    const through = await group.settledThrough();
    const origin = Number((await group.read("parameters")).originBlock);
    expect((through - origin) % group.config.slot).toBe(0);
    expect((await world.chain.block()) - through).toBeLessThan(group.config.slot);

    const held = await group.read("withdrawable");
    await group.send(keeper(3), "touch", [0]);
    const [after] = await group.read("providers", 0, 1);
    const abandoned = 10n * gibibyte * BigInt(through - ts);
    const credited = (((abandoned * rate) >> 55n) * group.config.price) >> 30n;
    expect(after.credited - before.credited).toBe(credited);
    expect(await group.read("withdrawable")).toBeGreaterThan(held);
    // Touching again changes nothing, and settling goes on.
    await group.send(keeper(3), "touch", [0]);
    expect((await group.read("providers", 0, 1))[0].credited).toBe(after.credited);
    await settleOnce(group, gibibyte);
    expect((await group.read("pastSettlements", 0, 9)).length).toBe(2);
  });

  it("pays the whole commitment if there was no settlement, and owes arrears if the escrow is short", async () => {
    const poor = await world.group(4, { deposit: 0n });
    const held = lockupOf(poor.config, gibibyte);
    await poor.deposit(held);
    await poor.add("money p0", gibibyte);
    const { activeFrom } = (await poor.read("providers", 0, 1))[0];
    await world.chain.before((await poor.settledThrough()) + 3000);
    await poor.send(world.payer, "abandon");
    const through = BigInt(await poor.settledThrough());
    await poor.send(poor.providers[0] as Wallet, "withdrawProvider", [0]);
    const [provider] = await poor.read("providers", 0, 1);
    const due = (through - activeFrom) * poor.config.price;
    const paid = (due * ((held << 64n) / due)) >> 64n;
    expect([provider.withdrawn, provider.arrears]).toEqual([paid, due - paid]);
    expect((await failing(poor.send(keeper(0), "collectArrears", [0]))).error).toBe("Upkeeping_NotClosed");

    // After the removal, anyone collects.
    await poor.send(world.payer, "removeProvider", [0]);
    await world.chain.before((await world.chain.block()) + 40);
    const turn = await poor.turnNow();
    await poor.settle(await poor.proposal([{ provider: 0, spaceTime: 0n }], { turn }));
    expect((await poor.read("providers", 0, 1))[0].closed).toBe(true);
    const left = (await poor.read("providers", 0, 1))[0].arrears;
    // R32: refused while the escrow holds less than required, because it could reduce other providers' pay.
    const free = await poor.free();
    expect(await failing(poor.send(keeper(0), "collectArrears", [0]))).toEqual({
      error: "Upkeeping_Underfunded",
      args: [left, free],
    });
    await poor.deposit(left - free);
    await poor.send(keeper(0), "collectArrears", [0]);
    await poor.send(poor.providers[0] as Wallet, "withdrawProvider", [0]);
    const escrow = await poor.read("escrow");
    expect([escrow.balance, escrow.arrears]).toEqual([0n, 0n]);
    expect((await failing(poor.send(keeper(0), "collectArrears", [0]))).error).toBe(
      "Upkeeping_NothingToMove",
    );
  });
});
