/** Paid reading with tokens and receivers of all kinds (R47). */
import { ZeroAddress, type Contract, type Wallet } from "ethers";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { deployContract, send } from "../support/contracts/chain.ts";
import { VouchersWorld, type Named } from "../support/contracts/vouchers-world.ts";

let world: VouchersWorld;
let reader: Wallet;
let provider: Wallet;

beforeAll(async () => {
  world = await VouchersWorld.open();
  reader = await world.account("reader of tokens");
  provider = await world.chain.account("provider of tokens");
});
afterAll(() => world.chain.close());

/** A token of the reader, and the channel in it. */
async function payingIn(name: string): Promise<{ token: Contract; named: Named }> {
  const token = await deployContract(name, reader);
  return { token, named: { reader, provider, token: token.target as string } };
}

describe("tokens", () => {
  it("that keep a fee are booked as what arrived, and leave other channels whole", async () => {
    const { token, named } = await payingIn("FeeToken");
    await send(token, reader, "approve", [world.address, 10n ** 20n]);
    await world.deposit(named, 1_000n);
    expect((await world.channel(named)).deposited).toBe(990n);
    await world.redeem(provider, [await world.claim(named, 1_000n)]);
    expect(await world.balanceOf(provider.address, token)).toBe(981n);
    expect(await world.balanceOf(world.address, token)).toBe(0n);
  });

  it("that return false are refused, in deposits, redemptions and returns", async () => {
    const { token, named } = await payingIn("FalseToken");
    const failed = { error: "SafeERC20FailedOperation", args: [token.target] };
    expect(await world.failing(world.deposit(named, 100n))).toEqual(failed);
    await send(token, reader, "answerTrue", [true]);
    await world.deposit(named, 100n);
    await send(token, reader, "answerTrue", [false]);
    expect(await world.failing(world.redeem(provider, [await world.claim(named, 40n)]))).toEqual(failed);
    expect(await world.failing(world.release(named))).toEqual(failed);
    expect(await world.channel(named)).toMatchObject({ deposited: 100n, spent: 0n });
  });

  it("that return no value work; an address without code is refused", async () => {
    const { token, named } = await payingIn("SilentToken");
    await world.deposit(named, 100n);
    await world.redeem(provider, [await world.claim(named, 40n)]);
    await world.release(named);
    expect(await world.balanceOf(provider.address, token)).toBe(40n);
    expect(await world.balanceOf(reader.address, token)).toBe(60n);
    await expect(world.deposit({ ...named, token: provider.address }, 1n)).rejects.toThrow();
  });

  it("that re-enter are counted once, whichever call they make", async () => {
    const { token, named } = await payingIn("ReentrantToken");
    const address = token.target as string;
    await send(token, reader, "approve", [world.address, 10n ** 20n]);
    await world.deposit(named, 1_000n);
    const { expiry } = await world.channel(named);
    const claim = await world.claim(named, 10n);
    const inner: [string, unknown[]][] = [
      ["deposit", [reader.address, provider.address, address, 1n, expiry]],
      ["redeem", [[claim], provider.address]],
      ["withdraw", [provider.address, address, reader.address]],
      ["release", [reader.address, address]],
    ];
    for (const [i, [method, args]] of inner.entries()) {
      const aim = async (): Promise<unknown> =>
        send(token, reader, "aim", [
          world.address,
          world.contract.interface.encodeFunctionData(method, args),
        ]);
      const answer = async (): Promise<string | undefined> =>
        world.errors.parseError(await token.getFunction("answer")())?.name;
      const before = await world.channel(named);
      await aim();
      await world.deposit(named, 100n, { expiry });
      expect(await answer(), method).toBe("ReadVouchers_Reentered");
      expect((await world.channel(named)).deposited - before.deposited).toBe(100n);
      await aim();
      await world.redeem(provider, [await world.claim(named, BigInt(20 + i))]);
      expect(await answer(), method).toBe("ReadVouchers_Reentered");
      expect((await world.channel(named)).spent).toBe(BigInt(20 + i));
    }
  });
});

describe("a receiver of coin", () => {
  it("that refuses or re-enters harms its own call alone", async () => {
    const coin = { reader, provider, token: ZeroAddress };
    await world.deposit(coin, 100n);
    const hostile = await deployContract("HostilePayee", reader);
    const to = hostile.target as string;
    const claim = await world.claim(coin, 10n);
    expect(await world.failing(world.redeem(provider, [claim], to))).toEqual({
      error: "ReadVouchers_TransferFailed",
      args: [to, 10n],
    });
    const again = world.contract.interface.encodeFunctionData("redeem", [[claim], to]);
    await send(hostile, reader, "aim", [world.address, again]);
    await world.redeem(provider, [claim], to);
    expect(await world.chain.provider.getBalance(to)).toBe(10n);
    expect(world.errors.parseError(await hostile.getFunction("answer")())?.name).toBe(
      "ReadVouchers_Reentered",
    );
    expect((await world.channel(coin)).spent).toBe(10n);
  });
});
