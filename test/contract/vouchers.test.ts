/** Paid reading: channels, vouchers and what they are worth (R47). */
import {
  AbiCoder,
  Signature,
  TypedDataEncoder,
  ZeroAddress,
  id,
  keccak256,
  toBeHex,
  type Wallet,
} from "ethers";
import { afterAll, beforeAll, beforeEach, afterEach, describe, expect, it } from "vitest";
import { deployContract, send } from "../support/contracts/chain.ts";
import {
  leastBlocks,
  mostBlocks,
  mostClaims,
  VouchersWorld,
  type ClaimValue,
  type Named,
} from "../support/contracts/vouchers-world.ts";

let world: VouchersWorld;
let reader: Wallet;
let other: Wallet;
let provider: Wallet;
let rival: Wallet;
/** The reader's channel for the provider, in the demo token. */
let pair: Named;
let snapshot: unknown;

beforeAll(async () => {
  world = await VouchersWorld.open();
  reader = await world.account("a reader");
  other = await world.account("another reader");
  provider = await world.chain.account("a provider of readers");
  rival = await world.chain.account("another provider of readers");
  pair = { reader, provider };
});
afterAll(() => world.chain.close());
beforeEach(async () => {
  snapshot = await world.chain.rpc("evm_snapshot");
});
afterEach(async () => {
  await world.chain.rpc("evm_revert", [snapshot]);
});

const expire = async (named: Named): Promise<void> =>
  world.chain.before(Number((await world.channel(named)).expiry));

describe("a deposit", () => {
  it("opens a channel, and adds to it", async () => {
    const expiry = (await world.chain.block()) + 1_000;
    const receipt = await world.deposit(pair, 70n, { expiry });
    expect(world.events(receipt)).toEqual([
      {
        name: "Deposited",
        args: [reader.address, provider.address, world.tokenAddress, reader.address, 70n, BigInt(expiry)],
      },
    ]);
    await world.deposit(pair, 30n, { expiry });
    expect(await world.channel(pair)).toEqual({ deposited: 100n, spent: 0n, expiry: BigInt(expiry) });
    expect(await world.balanceOf(world.address)).toBe(100n);
  });

  it("of coin comes with its amount; one of a token comes without coin", async () => {
    const coin = { ...pair, token: ZeroAddress };
    await world.deposit(coin, 50n);
    expect((await world.channel(coin)).deposited).toBe(50n);
    expect(await world.failing(world.deposit(coin, 2n, { value: 1n }))).toEqual({
      error: "ReadVouchers_WrongValue",
      args: [2n, 1n],
    });
    expect(await world.failing(world.deposit(pair, 2n, { value: 2n }))).toEqual({
      error: "ReadVouchers_WrongValue",
      args: [0n, 2n],
    });
    const plain = reader.sendTransaction({ to: world.address, value: 1n, gasLimit: 100_000 });
    await expect(plain).rejects.toThrow();
  });

  it("moves the expiry forward, with or without money, and never back", async () => {
    const block = await world.chain.block();
    await world.deposit(pair, 10n, { expiry: block + 1_000 });
    await world.deposit(pair, 0n, { expiry: block + 1_001 });
    expect(await world.channel(pair)).toEqual({ deposited: 10n, spent: 0n, expiry: BigInt(block + 1_001) });
    const now = (await world.chain.block()) + 1;
    expect(await world.failing(world.deposit(pair, 10n, { expiry: block + 1_000 }))).toEqual({
      error: "ReadVouchers_BadExpiry",
      args: [BigInt(block + 1_001), BigInt(now + mostBlocks), BigInt(block + 1_000)],
    });
    expect(await world.failing(world.deposit(pair, 0n, { expiry: block + 1_001 }))).toEqual({
      error: "ReadVouchers_NothingToMove",
      args: [],
    });
  });

  it("sets an expiry that leaves the provider time, and does not lock money for years", async () => {
    const opening = async (ahead: number): Promise<unknown> =>
      world.deposit(pair, 10n, { expiry: (await world.chain.block()) + 1 + ahead });
    for (const ahead of [leastBlocks - 1, mostBlocks + 1]) {
      const now = BigInt((await world.chain.block()) + 1);
      expect(await world.failing(opening(ahead))).toEqual({
        error: "ReadVouchers_BadExpiry",
        args: [now + BigInt(leastBlocks), now + BigInt(mostBlocks), now + BigInt(ahead)],
      });
    }
    await opening(leastBlocks);
    // Near its end it takes more money as it is; a new expiry has to be far enough ahead again.
    const { expiry } = await world.channel(pair);
    await world.chain.before(Number(expiry) - 20);
    await world.deposit(pair, 10n, { expiry });
    const late = await world.failing(world.deposit(pair, 10n, { expiry: expiry + 1n }));
    expect(late.error).toBe("ReadVouchers_BadExpiry");
    await opening(mostBlocks);
    expect((await world.channel(pair)).deposited).toBe(30n);
  });

  it("by a stranger adds to an open channel, and neither opens one nor moves its expiry", async () => {
    const expiry = (await world.chain.block()) + 1_000;
    const notReader = { error: "ReadVouchers_NotReader", args: [reader.address, other.address] };
    expect(await world.failing(world.deposit(pair, 10n, { from: other, expiry }))).toEqual(notReader);
    await world.deposit(pair, 10n, { expiry });
    expect(await world.failing(world.deposit(pair, 1n, { from: other, expiry: expiry + 1 }))).toEqual(
      notReader,
    );
    expect(await world.failing(world.deposit(pair, 1n, { from: other, expiry: expiry - 1 }))).toEqual(
      notReader,
    );
    await world.deposit(pair, 5n, { from: other, expiry });
    expect(await world.channel(pair)).toEqual({ deposited: 15n, spent: 0n, expiry: BigInt(expiry) });
    await expire(pair);
    expect(await world.failing(world.deposit(pair, 1n, { from: other, expiry }))).toEqual(notReader);
  });

  it("ends at 2^96 − 1 units in a channel's life, and needs a provider", async () => {
    await world.deposit(pair, 10n);
    const { expiry } = await world.channel(pair);
    await world.deposit(pair, (1n << 96n) - 11n, { expiry });
    expect(await world.failing(world.deposit(pair, 1n, { expiry }))).toEqual({
      error: "ReadVouchers_TooMuchMoney",
      args: [0n, 1n],
    });
    const nobody = send(world.contract, reader, "deposit", [
      reader.address,
      ZeroAddress,
      world.tokenAddress,
      1n,
      (await world.chain.block()) + 1_000,
    ]);
    expect((await world.failing(nobody)).error).toBe("ReadVouchers_ZeroAddress");
  });
});

describe("a redemption", () => {
  it("pays what the newest voucher adds, and at most what was deposited", async () => {
    await world.deposit(pair, 100n);
    const receipt = await world.redeem(provider, [await world.claim(pair, 30n)], other.address);
    const token = world.tokenAddress;
    expect(world.events(receipt)).toEqual([
      { name: "Redeemed", args: [reader.address, provider.address, token, 30n, 30n, other.address] },
    ]);
    const before = await world.balanceOf(provider.address);
    await world.redeem(provider, [await world.claim(pair, 45n)]);
    await world.redeem(provider, [await world.claim(pair, 1n << 200n)]);
    expect((await world.balanceOf(provider.address)) - before).toBe(70n);
    expect((await world.channel(pair)).spent).toBe(100n);
    // A voucher above the deposits is a promise of the next ones.
    const { expiry } = await world.channel(pair);
    await world.deposit(pair, 7n, { expiry });
    const gain = world.contract.getFunction("gain");
    expect(await gain(reader.address, provider.address, token, 1n << 200n)).toBe(7n);
  });

  it("takes many readers and tokens in one call: a transfer for each run of one token", async () => {
    const coin = { ...pair, token: ZeroAddress };
    const second = { reader: other, provider };
    for (const named of [pair, second, coin]) await world.deposit(named, 100n);
    const to = (await world.chain.account("where the money goes")).address;
    const coinBefore = await world.chain.provider.getBalance(to);
    const claims = [
      await world.claim(pair, 10n),
      await world.claim(second, 20n),
      await world.claim(coin, 40n),
    ];
    const receipt = await world.redeem(provider, claims, to);
    const transfers = receipt.logs.filter(({ address }) => address === world.tokenAddress);
    expect(transfers).toHaveLength(1);
    expect(await world.balanceOf(to)).toBe(30n);
    expect((await world.chain.provider.getBalance(to)) - coinBefore).toBe(40n);
  });

  it("skips what is worth nothing: redeemed before, in the same call, expired, without a deposit", async () => {
    const second = { reader: other, provider };
    const third = { reader: await world.account("a third reader"), provider };
    await world.deposit(second, 100n, { expiry: (await world.chain.block()) + 300 });
    await world.deposit(pair, 100n);
    const old = await world.claim(pair, 10n);
    await world.redeem(provider, [old]);
    await expire(second);
    const newest = await world.claim(pair, 15n);
    const claims = [old, await world.claim(second, 50n), newest, newest, await world.claim(third, 5n)];
    const before = await world.balanceOf(provider.address);
    const receipt = await world.redeem(provider, claims);
    expect(world.events(receipt).map(({ args }) => args[3])).toEqual([5n]);
    expect((await world.balanceOf(provider.address)) - before).toBe(5n);
    for (const none of [claims, []]) {
      expect((await world.failing(world.redeem(provider, none))).error).toBe("ReadVouchers_NothingToMove");
    }
  });

  it("is possible in the last block before the expiry, and not at it", async () => {
    await world.deposit(pair, 100n);
    const { expiry } = await world.channel(pair);
    await world.chain.before(Number(expiry) - 1);
    await world.redeem(provider, [await world.claim(pair, 10n)]);
    expect(await world.chain.block()).toBe(Number(expiry) - 1);
    const late = world.redeem(provider, [await world.claim(pair, 20n)]);
    expect((await world.failing(late)).error).toBe("ReadVouchers_NothingToMove");
  });

  it("goes to an address, and takes a bounded number of claims", async () => {
    await world.deposit(pair, 100n);
    const claim = await world.claim(pair, 10n);
    expect((await world.failing(world.redeem(provider, [claim], ZeroAddress))).error).toBe(
      "ReadVouchers_ZeroAddress",
    );
    const many = Array.from({ length: mostClaims + 1 }, () => claim);
    expect(await world.failing(world.redeem(provider, many))).toEqual({
      error: "ReadVouchers_TooManyClaims",
      args: [BigInt(mostClaims), BigInt(mostClaims + 1)],
    });
    await world.redeem(provider, many.slice(1));
    expect((await world.channel(pair)).spent).toBe(10n);
  });
});

describe("a voucher", () => {
  /** The account that a refused voucher is signed by, as the contract says. */
  async function signerOf(claim: ClaimValue, from = provider): Promise<unknown> {
    const { error, args } = await world.failing(world.redeem(from, [claim]));
    expect([error, args[0]]).toEqual(["ReadVouchers_BadSignature", claim.reader]);
    return args[1];
  }

  it("counts on its own chain and in its own contract alone", async () => {
    await world.deposit(pair, 100n);
    for (const domain of [
      { chainId: world.chain.chainId + 1n },
      { verifyingContract: world.tokenAddress },
      { name: "WhitePay" },
      { version: "2" },
    ]) {
      expect(await signerOf(await world.claim(pair, 10n, { domain }))).not.toBe(reader.address);
    }
    await world.redeem(provider, [await world.claim(pair, 10n)]);
    expect((await world.channel(pair)).spent).toBe(10n);
  });

  it("counts for its own provider, reader, token and amount alone", async () => {
    const coin = { ...pair, token: ZeroAddress };
    const second = { reader: other, provider };
    for (const named of [pair, coin, second, { reader, provider: rival }]) await world.deposit(named, 100n);
    const claim = await world.claim(pair, 10n);
    for (const [changed, from] of [
      [claim, rival],
      [{ ...claim, token: ZeroAddress }, provider],
      [{ ...claim, reader: other.address }, provider],
      [{ ...claim, amount: 11n }, provider],
    ] as const) {
      expect(await signerOf(changed, from)).not.toBe(changed.reader);
    }
    expect(await signerOf(await world.claim(pair, 10n, { signer: other }))).toBe(other.address);
  });

  it("with a malformed signature, or with s in the upper half, is refused", async () => {
    await world.deposit(pair, 100n);
    const claim = await world.claim(pair, 10n);
    for (const [r, vs] of [
      [toBeHex(0, 32), toBeHex(0, 32)],
      [claim.r, toBeHex(0, 32)],
      [toBeHex(2n ** 256n - 1n, 32), claim.vs],
    ] as const) {
      expect(await signerOf({ ...claim, r, vs })).toBe(ZeroAddress);
    }
    // The other one of the two signatures, (r, n − s) with the other parity: its s fills the 255 bits.
    const order = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;
    const { s, yParity } = Signature.from({ r: claim.r, yParityAndS: claim.vs });
    const high = order - BigInt(s);
    const twin = (BigInt(1 - yParity) << 255n) | (high & ((1n << 255n) - 1n));
    expect(await signerOf({ ...claim, vs: toBeHex(twin, 32) })).not.toBe(reader.address);
    // Between n / 2 and 2^255 there is room for a high s that the compact form can hold.
    const between = (order >> 1n) + 1n;
    expect(between < 1n << 255n).toBe(true);
    expect(await signerOf({ ...claim, vs: toBeHex(between, 32) })).toBe(ZeroAddress);
  });

  it("has the digest of EIP-712", async () => {
    const value = [reader.address, provider.address, world.tokenAddress, 123n] as const;
    const digest = await world.contract.getFunction("voucherDigest")(...value);
    const type = id("Voucher(address reader,address provider,address token,uint256 amount)");
    const words = AbiCoder.defaultAbiCoder().encode(
      ["bytes32", "address", "address", "address", "uint256"],
      [type, ...value],
    );
    const domain = TypedDataEncoder.hashDomain(world.domain());
    expect(digest).toBe(keccak256(`0x1901${domain.slice(2)}${keccak256(words).slice(2)}`));
  });

  it("of a contract is none: readers sign with the key of their account", async () => {
    const wallet = await deployContract("ContractWallet", reader);
    const address = wallet.target as string;
    const expiry = (await world.chain.block()) + 1_000;
    const args = [address, provider.address, ZeroAddress, 0n, expiry];
    const data = world.contract.interface.encodeFunctionData("deposit", args);
    await send(wallet, reader, "run", [world.address, data]);
    await send(world.contract, reader, "deposit", [address, provider.address, ZeroAddress, 9n, expiry], {
      value: 9n,
    });
    const claim = await world.claim({ ...pair, token: ZeroAddress }, 5n);
    expect(await signerOf({ ...claim, reader: address })).not.toBe(address);
  });
});

describe("the rest of a channel", () => {
  it("is the reader's from the expiry on", async () => {
    await world.deposit(pair, 100n);
    await world.redeem(provider, [await world.claim(pair, 30n)]);
    const { expiry } = await world.channel(pair);
    await world.chain.before(Number(expiry) - 1);
    expect(await world.failing(world.withdraw(pair))).toEqual({
      error: "ReadVouchers_NotExpired",
      args: [expiry, expiry - 1n],
    });
    const receipt = await world.withdraw(pair, other.address);
    expect(await world.chain.block()).toBe(Number(expiry));
    expect(world.events(receipt)).toEqual([
      { name: "Returned", args: [reader.address, provider.address, world.tokenAddress, 70n, other.address] },
    ]);
    expect(await world.channel(pair)).toEqual({ deposited: 100n, spent: 100n, expiry });
    expect(await world.balanceOf(world.address)).toBe(0n);
    expect((await world.failing(world.withdraw(pair))).error).toBe("ReadVouchers_NothingToMove");
    expect((await world.failing(world.withdraw(pair, ZeroAddress))).error).toBe("ReadVouchers_ZeroAddress");
  });

  it("is given back by the provider at any time, to the reader", async () => {
    await world.deposit(pair, 100n);
    await world.redeem(provider, [await world.claim(pair, 30n)]);
    const before = await world.balanceOf(reader.address);
    expect((await world.failing(world.release({ reader, provider: rival }))).error).toBe(
      "ReadVouchers_NothingToMove",
    );
    await world.release(pair);
    expect((await world.balanceOf(reader.address)) - before).toBe(70n);
    expect((await world.failing(world.release(pair))).error).toBe("ReadVouchers_NothingToMove");
  });

  it.each(["withdraw", "release"] as const)(
    "once returned (%s), makes no old voucher valid again in a new channel",
    async (way) => {
      await world.deposit(pair, 100n);
      const [unused, whole] = [await world.claim(pair, 60n), await world.claim(pair, 100n)];
      await world.redeem(provider, [await world.claim(pair, 30n)]);
      if (way === "withdraw") await expire(pair);
      await world[way](pair);
      await world.deposit(pair, 50n);
      for (const old of [unused, whole]) {
        expect((await world.failing(world.redeem(provider, [old]))).error).toBe("ReadVouchers_NothingToMove");
      }
      // The next voucher goes on from what was spent.
      const before = await world.balanceOf(provider.address);
      await world.redeem(provider, [await world.claim(pair, 110n)]);
      expect((await world.balanceOf(provider.address)) - before).toBe(10n);
      expect(await world.channel(pair)).toMatchObject({ deposited: 150n, spent: 110n });
    },
  );

  it("of others stays: channels are apart by reader, provider and token", async () => {
    const all = [
      pair,
      { reader: other, provider },
      { reader, provider: rival },
      { ...pair, token: ZeroAddress },
    ];
    for (const [i, named] of all.entries()) await world.deposit(named, 100n + BigInt(i));
    await world.redeem(provider, [await world.claim(pair, 100n)]);
    await world.release({ reader, provider: rival });
    const token = world.tokenAddress;
    const keys = all.map((named) => [named.reader.address, named.provider.address, named.token ?? token]);
    const states = await world.contract.getFunction("channels")(keys);
    expect(states.map(([deposited, spent]: bigint[]) => [deposited, spent])).toEqual([
      [100n, 100n],
      [101n, 0n],
      [102n, 102n],
      [103n, 0n],
    ]);
  });
});
