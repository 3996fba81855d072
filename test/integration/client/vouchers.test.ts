/** Paid reading through the client, with the real contract on a chain in this process (R47). */
import { concat, Signature, toBeHex, ZeroAddress, type Wallet } from "ethers";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import * as client from "../../../client/index.ts";
import { fromHex, type Hex } from "../../../protocol/hash.ts";
import { deployContract, send, type Chain } from "../../support/contracts/chain.ts";
import {
  leastBlocks,
  mostBlocks,
  mostClaims,
  VouchersWorld,
} from "../../support/contracts/vouchers-world.ts";

let world: VouchersWorld;
let reader: Wallet;
let host: Wallet;
let domain: client.VouchersDomain;
const lower = (address: string): Hex => address.toLowerCase() as Hex;

beforeAll(async () => {
  world = await VouchersWorld.open();
  reader = await world.account("client reader");
  host = await world.chain.account("client host");
  domain = await client.vouchersDomain(provider(), world.address);
});
afterAll(() => world.chain.close());

const provider = (): Chain["provider"] => world.chain.provider;

async function run(
  plans: client.TransactionPlan | readonly client.TransactionPlan[],
  signer: Wallet,
): Promise<void> {
  for (const plan of [plans].flat()) await client.send(plan, signer);
}

const expiryIn = async (blocks: number): Promise<number> => (await world.chain.block()) + blocks;

type Deposit = Parameters<typeof client.planReadDeposit>[2];

async function deposit(change: Partial<Deposit> = {}, signer = reader): Promise<void> {
  const terms = { provider: host.address, token: world.tokenAddress, amount: 1_000n, ...change };
  const expiry = change.expiry ?? (await expiryIn(1_000));
  await run(await client.planReadDeposit(signer, world.address, { ...terms, expiry }), signer);
}

const named = (token = world.tokenAddress, of = reader, to = host): client.ChannelName => ({
  reader: lower(of.address),
  provider: lower(to.address),
  token: lower(token),
});

const sign = async (amount: bigint, token = world.tokenAddress, signer = reader): Promise<client.Voucher> =>
  client.signVoucher(signer, domain, { provider: lower(host.address), token: lower(token) }, amount);

const channel = (token = world.tokenAddress): Promise<client.ReadChannel> =>
  client.readChannel(provider(), world.address, named(token));

describe("a voucher of the client", () => {
  it("has the digest of the contract, and is known as the reader's alone", async () => {
    const voucher = await sign(123n);
    const digest = await world.contract.getFunction("voucherDigest")(
      reader.address,
      host.address,
      world.tokenAddress,
      123n,
    );
    expect(client.voucherDigest(domain, voucher, 123n)).toBe(digest);
    expect(client.isVoucherSigned(domain, voucher)).toBe(true);
    const { signature } = voucher;
    const order = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;
    const { r, s, v } = Signature.from(`0x${Buffer.from(signature).toString("hex")}`);
    const twin = fromHex(concat([r, toBeHex(order - BigInt(s), 32), toBeHex(55 - v)]));
    for (const other of [
      { ...voucher, amount: 124n },
      { ...voucher, provider: lower(reader.address) },
      { ...voucher, reader: lower(host.address) },
      { ...voucher, token: lower(ZeroAddress) },
      { ...voucher, signature: twin },
      { ...voucher, signature: signature.subarray(1) },
      { ...voucher, signature: new Uint8Array(65) },
    ]) {
      expect(client.isVoucherSigned(domain, other)).toBe(false);
    }
    expect(client.isVoucherSigned({ ...domain, chainId: 1 }, voucher)).toBe(false);
    expect(client.isVoucherSigned({ ...domain, vouchers: lower(host.address) }, voucher)).toBe(false);
  });
});

describe("plans of paid reading", () => {
  it("approve and deposit, redeem, and withdraw the rest at the expiry", async () => {
    const fresh = await world.chain.account("client reader without allowance");
    await send(world.token, fresh, "mint", [fresh.address, 5_000n]);
    const terms = { provider: host.address, token: world.tokenAddress, expiry: await expiryIn(1_000) };
    const plans = await client.planReadDeposit(fresh, world.address, { ...terms, amount: 5_000n });
    expect(plans.map(({ method }) => method)).toEqual(["approve", "deposit"]);
    await run(plans, fresh);
    const poor = client.planReadDeposit(fresh, world.address, { ...terms, amount: 1n });
    await expect(poor).rejects.toMatchObject({ code: "funds", expected: /at least/ });

    await deposit();
    const newest = [await sign(400n), await sign(3_000n, world.tokenAddress, fresh)];
    const redeeming = await client.planRedeem(host, world.address, { newest });
    expect(redeeming).toHaveLength(1);
    await run(redeeming, host);
    expect(await world.balanceOf(host.address)).toBe(3_400n);
    await expect(client.planRedeem(host, world.address, { newest })).rejects.toMatchObject({ code: "funds" });

    const early = client.planReadWithdrawal(reader, world.address, terms);
    await expect(early).rejects.toMatchObject({ code: "funds", message: /has not expired/ });
    const { expiry } = await channel();
    await world.chain.before(expiry + 1);
    const before = await world.balanceOf(reader.address);
    await run(await client.planReadWithdrawal(reader, world.address, terms), reader);
    expect((await world.balanceOf(reader.address)) - before).toBe(600n);
    await expect(client.planReadWithdrawal(reader, world.address, terms)).rejects.toMatchObject({
      code: "funds",
      message: /is empty/,
    });
    // The channel of the other reader has expired, too: a voucher of it is worth nothing.
    const late = client.planRedeem(host, world.address, {
      newest: [await sign(4_000n, world.tokenAddress, fresh)],
    });
    await expect(late).rejects.toMatchObject({ code: "funds" });
  });

  it("pay coin without an approval, and let the provider give it back", async () => {
    const token = ZeroAddress;
    await deposit({ token });
    await deposit(
      { token, amount: 50n, expiry: (await channel(token)).expiry, reader: reader.address },
      host,
    );
    expect(await channel(token)).toMatchObject({ deposited: 1_050n, spent: 0n });
    await run(await client.planReadRelease(host, world.address, { reader: reader.address, token }), host);
    expect(await channel(token)).toMatchObject({ deposited: 1_050n, spent: 1_050n });
    const none = client.planReadRelease(host, world.address, { reader: reader.address, token });
    await expect(none).rejects.toMatchObject({ code: "funds" });
  });

  it("redeem many vouchers by token, at most 256 in a transaction", async () => {
    const other = await deployContract("DemoToken", reader, ["Other", "OTH"]);
    await world.account("client reader", other);
    const address = other.target as string;
    await deposit({ token: address });
    await deposit({ token: ZeroAddress });
    const { spent } = await channel(ZeroAddress);
    // The same voucher many times stands for many readers: only the first one gains in the contract.
    const one = await sign(spent + 10n, ZeroAddress);
    const many = Array.from({ length: mostClaims }, () => one);
    const newest = [await sign(20n, address), ...many, await sign(30n, address)];
    const plans = await client.planRedeem(host, world.address, { newest, to: reader.address });
    expect(plans.map(({ args }) => (args[0] as unknown[]).length)).toEqual([mostClaims, 2]);
    const tokens = plans.flatMap(({ args }) => (args[0] as [string, string][]).map(([, token]) => token));
    expect(tokens).toEqual(tokens.toSorted());
    await run(plans[0] as client.TransactionPlan, host);
    expect((await channel(ZeroAddress)).spent).toBe(spent + 10n);
    await run(plans[1] as client.TransactionPlan, host);
    expect((await channel(address)).spent).toBe(30n);
  });

  it("refuse an expiry out of bounds, and vouchers of others, before anything is sent", async () => {
    const opening = async (ahead: number): Promise<unknown> =>
      client.planReadDeposit(reader, world.address, {
        provider: reader.address,
        token: ZeroAddress,
        amount: 1n,
        expiry: await expiryIn(1 + ahead),
      });
    for (const ahead of [leastBlocks - 1, mostBlocks]) {
      await expect(opening(ahead)).rejects.toMatchObject({ code: "input", expected: /^block \d+ to \d+$/ });
    }
    for (const ahead of [leastBlocks, mostBlocks - 1]) await opening(ahead);
    expect(client.expiryBounds).toEqual({ least: leastBlocks, most: mostBlocks });
    const foreign = { ...(await sign(5n)), amount: 6n };
    const bad = client.planRedeem(host, world.address, { newest: [foreign] });
    await expect(bad).rejects.toMatchObject({ code: "input", actual: "another signature" });
    const elsewhere = client.planRedeem(reader, world.address, { newest: [await sign(5n)] });
    await expect(elsewhere).rejects.toMatchObject({ code: "input", actual: /one for provider/ });
    const nowhere = client.readChannel(provider(), host.address, named());
    await expect(nowhere).rejects.toMatchObject({ code: "input" });
  });

  it("explain what the contract refuses, with rule and remedy", async () => {
    const plans = await client.planReadDeposit(reader, world.address, {
      provider: host.address,
      token: ZeroAddress,
      amount: 1n,
      expiry: (await channel(ZeroAddress)).expiry,
    });
    const [plan] = plans as [client.TransactionPlan];
    const stranger = client.send({ ...plan, args: plan.args.with(4, 2 ** 24) }, host);
    await expect(stranger).rejects.toMatchObject({ code: "refused", message: /not reader; rule R47/ });
  });
});
