/** Attacks: each one, if it succeeded, would take another party's money or block a group. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Contract, Wallet } from "ethers";
import { deployContract, gasCap, refusal, send } from "../support/contracts/chain.ts";
import { prove, publicKey, secretOf } from "../support/contracts/keys.ts";
import { gibibyte, lockupOf, range, World, type Group, type Keeper } from "../support/contracts/world.ts";

const long = process.env["WHITEPAY_LONG"] === "1";

let world: World;
let snapshot: unknown;
beforeAll(async () => {
  world = await World.open();
  await world.keepers(124);
});
afterAll(() => world.chain.close());
beforeEach(async () => {
  snapshot = await world.chain.rpc("evm_snapshot");
});
afterEach(async () => {
  await world.chain.rpc("evm_revert", [snapshot]);
});

const failing = (group: Group, call: Promise<unknown>): ReturnType<typeof refusal> =>
  refusal(call, group.contract.interface);
const keeper = (group: Group, index: number): Wallet => (group.keepers[index] as Keeper).operator;

async function settle(group: Group, spaceTime = 90n * gibibyte): Promise<void> {
  const turn = await group.turnNow();
  const items = group.providers.map((_, provider) => ({ provider, spaceTime }));
  await group.settle(await group.proposal(items, { turn }));
}

async function abandon(group: Group, from: Wallet | World["payer"] = world.payer): Promise<void> {
  const { interval, lockup } = group.config;
  const earliest = (await group.settledThrough()) + interval + lockup;
  await world.chain.before(Math.max(earliest, (await world.chain.block()) + 1));
  await group.send(from, "abandon");
}

/** The keeper with its new key, which is in force after the next settlement. */
async function rotate(group: Group, index: number, label: string): Promise<Keeper> {
  const operator = keeper(group, index);
  const secret = secretOf(label);
  const proof = prove(secret, world.chain.chainId, await world.registry.getAddress(), operator.address);
  await send(world.registry, operator, "rotateKeeperKey", [publicKey(secret), proof]);
  await group.send(operator, "rotateSeat");
  return { operator, secret };
}

describe("a reorganisation or a front-running transaction", () => {
  it("cannot put another payer's group at a group's address, nor change that address", async () => {
    const before = await world.chain.rpc("evm_snapshot");
    const mine = await (await world.group(4, { deposit: 0n })).address();
    await world.chain.rpc("evm_revert", [before]);

    const operators = (await world.keepers(4)).map(({ operator }) => operator.address);
    const thief = await world.chain.account("thief");
    const created = await send(world.factory, thief, "createGroup", [await world.config(), operators]);
    const [log] = created.logs
      .map((entry) => world.factory.interface.parseLog(entry))
      .filter((entry) => entry?.name === "GroupCreated");
    expect(log?.args["group"]).not.toBe(mine);
    await world.chain.before((await world.chain.block()) + 7);
    const again = await world.group(4, { deposit: 0n });
    expect(await again.address()).toBe(mine);
    expect(Number((await again.read("parameters")).originBlock)).toBe(again.created.blockNumber);
    // Two equal groups of one payer have different addresses.
    expect(await (await world.group(4, { deposit: 0n })).address()).not.toBe(mine);
  });
});

describe("a keeper", () => {
  it("that declined its seat cannot be put back by its own old signature", async () => {
    const group = await world.group(4);
    const operators = (await world.keepers(8)).slice(4).map(({ operator }) => operator);
    await group.send(world.payer, "proposeCommittee", [operators.map(({ address }) => address)]);
    const [first, second] = operators as [Wallet, Wallet];
    const digest = await group.read("seatAcceptanceDigest", 2);
    const accept = (operator: Wallet): Promise<unknown> =>
      group.send(world.payer, "acceptSeatBySignature", [
        2,
        operator.address,
        operator.signingKey.sign(digest).serialized,
      ]);
    await accept(first);
    await group.send(first, "declineSeat", [2]);
    expect(await failing(group, accept(first))).toEqual({ error: "Upkeeping_SeatDeclined", args: [0n] });
    // A decline also voids an unused signature; a later call of the keeper itself is accepted.
    await group.send(second, "declineSeat", [2]);
    expect((await failing(group, accept(second))).error).toBe("Upkeeping_SeatDeclined");
    await group.send(second, "acceptSeat", [2]);
    expect((await group.read("pendingCommittee")).accepted).toBe(2n);
  });

  it("that rotates its key does not change the turn order (R5)", async () => {
    const group = await world.group(7);
    const { seed } = await group.read("committee");
    const fresh = await rotate(group, 2, "attack key");
    await settle(group);
    group.keepers[2] = fresh;
    const rotated = await group.read("committee");
    expect([rotated.version, rotated.seed]).toEqual([2n, seed]);
  });

  it("of two committees of 124 members rotates its key in both within one transaction", async () => {
    const keepers = await world.keepers(124);
    const group = await world.group(124, { deposit: 0n });
    const others = keepers.map(({ operator }) => operator.address).toReversed();
    await group.send(world.payer, "proposeCommittee", [others]);
    const operator = keeper(group, 7);
    const secret = secretOf("largest");
    const proof = prove(secret, world.chain.chainId, await world.registry.getAddress(), operator.address);
    await send(world.registry, operator, "rotateKeeperKey", [publicKey(secret), proof]);
    const receipt = await group.send(operator, "rotateSeat");
    console.log(`rotateSeat, two committees of 124: ${receipt.gasUsed}`);
    expect(receipt.gasUsed).toBeLessThan(BigInt(gasCap));
  });
});

describe("a payer", () => {
  it("cannot withhold a provider's pay by removing it and stopping the committee (R34)", async () => {
    const group = await world.group(4);
    await group.add("attack p0", gibibyte);
    await settle(group);
    const provider = group.providers[0] as Wallet;
    await world.chain.before((await world.chain.block()) + 20);
    await group.send(world.payer, "removeProvider", [0]);
    const ts = BigInt(await group.settledThrough());
    const [{ removedAt, credited }] = await group.read("providers", 0, 1);
    await abandon(group, provider);
    await group.send(provider, "withdrawProvider", [0]);
    const [after] = await group.read("providers", 0, 1);
    expect(after.credited - credited).toBe((removedAt - ts) * group.config.price);
    // After its last block is settled it may not abandon any more.
    const { interval, lockup } = group.config;
    await world.chain.before((await group.settledThrough()) + interval + lockup);
    expect((await failing(group, group.send(provider, "abandon"))).error).toBe(
      "Upkeeping_NotPayerOrProvider",
    );
  });

  it("pays a provider that was added late in the last settled interval at the rate of its own blocks (R34)", async () => {
    const group = await world.group(4);
    await settle(group);
    await world.provider("attack p0");
    const next = (await group.settledThrough()) + group.config.interval;
    await world.chain.before(next - 8 + ((await group.turnNow()) - 1) * group.config.turn);
    await group.add("attack p0", gibibyte);
    const [{ activeFrom }] = await group.read("providers", 0, 1);
    await settle(group);
    const ts = await group.settledThrough();
    expect(ts - Number(activeFrom)).toBeLessThan(group.config.interval);
    const [{ credited }] = await group.read("providers", 0, 1);
    await abandon(group);
    await group.send(world.payer, "touch", [0]);
    const through = await group.settledThrough();
    const [after] = await group.read("providers", 0, 1);
    expect(after.credited - credited).toBe(BigInt(through - ts) * group.config.price);
  });

  /**
   * Gas of the most expensive settlement of the largest committee: no provider was touched since an abandon, the escrow is short,
   * every provider has the maximum number of changes and leaves. R32 refuses additions without money, so time consumes the escrow.
   */
  async function hostileGas(providers: number): Promise<bigint> {
    const group = await world.group(124, { deposit: 0n });
    await group.deposit(2n * lockupOf(group.config, BigInt(providers) * gibibyte));
    for (const i of range(providers)) await group.add(`hostile p${i}`, gibibyte);
    await world.chain.before((await group.settledThrough()) + 6000);
    await abandon(group);
    // The addition is the first of the sixteen.
    for (const round of range(15)) {
      for (const i of range(providers)) await group.change(i, gibibyte - BigInt(round + 1));
      // Changes for the same slot replace each other.
      await world.chain.before((await world.chain.block()) + group.config.slot + 1);
    }
    for (const i of range(providers)) await group.send(world.payer, "removeProvider", [i]);
    await world.chain.before((await world.chain.block()) + group.config.slot + group.config.turn);
    const items = range(providers).map((provider) => ({ provider, spaceTime: 1n << 90n }));
    const turn = await group.turnNow();
    const signers = range(124).filter((i) => i % 3 !== 1);
    const { gasUsed } = await group.settle(await group.proposal(items, { turn }), { signers });
    expect((await group.read("state")).listedProviders).toBe(0n);
    const owed = [...(await group.read("providers", 0, providers))];
    expect(owed.every(({ arrears, checkpointCount }) => arrears > 0n && checkpointCount === 17n)).toBe(true);
    console.log(`${providers} providers, hostile: ${gasUsed}`);
    return gasUsed;
  }

  it("cannot make a settlement of 256 providers too large for a transaction", async () => {
    // The cost of one more provider does not depend on their number; the long run settles all 256.
    const few = await hostileGas(long ? 256 : 4);
    const added = long ? 0n : 252n * (((await hostileGas(20)) - few) / 16n);
    expect(few + added).toBeLessThan(BigInt(gasCap));
  });
});

describe("tokens", () => {
  async function groupOf(name: string): Promise<{ group: Group; token: Contract }> {
    const token = await deployContract(name, world.payer);
    const group = await world.group(4, { config: { token: await token.getAddress() }, deposit: 0n });
    return { group, token };
  }

  it("that return false are refused, in deposits and withdrawals", async () => {
    const { group, token } = await groupOf("FalseToken");
    await expect(group.send(world.payer, "deposit", [1000n])).rejects.toThrow(
      /SafeERC20FailedOperation|revert/,
    );
    await send(token, world.payer, "answerTrue", [true]);
    await group.send(world.payer, "deposit", [1000n]);
    await send(token, world.payer, "answerTrue", [false]);
    await expect(group.send(world.payer, "withdrawPayer", [1000n])).rejects.toThrow();
    expect((await group.read("escrow")).balance).toBe(1000n);
  });

  it("that return no value work", async () => {
    const { group } = await groupOf("SilentToken");
    await group.send(world.payer, "deposit", [1000n]);
    await group.send(world.payer, "withdrawPayer", [400n]);
    expect((await group.read("escrow")).balance).toBe(600n);
  });
});
