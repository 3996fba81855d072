import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { AbiCoder, concat, keccak256, type Wallet } from "ethers";
import { refusal, send } from "../support/contracts/chain.ts";
import { prove, publicKey, secretOf } from "../support/contracts/keys.ts";
import { bitmap, gibibyte, range, World, type Group, type Keeper } from "../support/contracts/world.ts";

let world: World;
let group: Group;
let snapshot: unknown;

beforeAll(async () => {
  world = await World.open();
  group = await world.group(7);
  await group.add("corner p0", gibibyte);
});
afterAll(() => world.chain.close());
beforeEach(async () => {
  snapshot = await world.chain.rpc("evm_snapshot");
});
afterEach(async () => {
  await world.chain.rpc("evm_revert", [snapshot]);
  group.providers.length = 1;
});

const failing = (call: Promise<unknown>): ReturnType<typeof refusal> =>
  refusal(call, group.contract.interface);
const keeper = (index: number): Wallet => (group.keepers[index] as Keeper).operator;

async function settle(target = group, payees?: bigint): Promise<void> {
  const turn = await target.turnNow();
  const items = range(target.providers.length).map((provider) => ({ provider, spaceTime: 90n * gibibyte }));
  const proposal = await target.proposal(items, { turn });
  await target.settle(payees === undefined ? proposal : { ...proposal, payees: payees & ~proposal.failed });
}

async function abandon(target = group): Promise<void> {
  const { interval, lockup } = target.config;
  const earliest = (await target.settledThrough()) + interval + lockup;
  await world.chain.before(Math.max(earliest, (await world.chain.block()) + 1));
  await target.send(world.payer, "abandon");
}

describe("rare cases", () => {
  it("settle without providers, and charge only the keepers that are no payees", async () => {
    await settle(group, 0n);
    expect((await group.read("keeperAccounts", 1, 0, 1))[0].earned).toBe(0n);
    await settle(group, bitmap([0, 1, 2, 3, 4]));
    const earned = [...(await group.read("keeperAccounts", 1, 0, 7))].map((account) => account.earned > 0n);
    expect(earned.slice(2)).toEqual([true, true, true, false, false]);
  });

  it("settle an interval that ended before the latest changes", async () => {
    await settle();
    const te = (await group.settledThrough()) + group.config.interval;
    await world.chain.before(te);
    for (const i of range(3)) {
      await group.change(0, (2n + BigInt(i)) * gibibyte);
      await world.chain.before((await world.chain.block()) + 4);
    }
    const proposal = await group.proposal([{ provider: 0, spaceTime: 1n << 90n }]);
    expect(proposal.te).toBe(te);
    const committed = await group.read("committedSpaceTime", 0, proposal.ts, te);
    expect(committed).toBe(BigInt(group.config.interval) * gibibyte);
    await group.settle(proposal);
    const later = await group.read("committedTotal", te, te + 30);
    expect(later).toBeGreaterThan(30n * gibibyte);
    expect(await group.read("committedTotal", 0, 5)).toBe(0n);
    expect(await group.read("committedTotal", 0, te)).toBeGreaterThan(0n);
  });

  it("stack rotations of several keepers into one version", async () => {
    for (const index of [2, 5]) {
      const secret = secretOf(`corner key ${index}`);
      const operator = keeper(index);
      const proof = prove(secret, world.chain.chainId, await world.registry.getAddress(), operator.address);
      await send(world.registry, operator, "rotateKeeperKey", [publicKey(secret), proof]);
      await group.send(operator, "rotateSeat");
    }
    await settle();
    expect((await group.read("committee")).version).toBe(3n);
    const members = await group.read("members", 3, 0, 7);
    expect(members[2].blsKey).toBe(publicKey(secretOf("corner key 2")));
    expect(members[5].blsKey).toBe(publicKey(secretOf("corner key 5")));
    // Money earned under the first version stays there.
    await group.send(keeper(0), "withdrawKeeper", [1, 0]);
    expect((await failing(group.send(keeper(0), "withdrawKeeper", [1, 0]))).error).toBe(
      "Upkeeping_NothingToMove",
    );
    expect((await failing(group.send(keeper(0), "withdrawKeeper", [1, 7]))).error).toBe(
      "Upkeeping_NoSuchSeat",
    );
    expect((await failing(group.read("seatAcceptanceDigest", 8))).error).toBe("Upkeeping_NoSuchProposal");
  });

  it("reserve exactly the cost until the end once it is known, and refuse later changes", async () => {
    await world.chain.before((await world.chain.block()) + 12);
    await group.send(world.payer, "terminate");
    const { endBlock, settledThrough } = await group.read("state");
    const escrow = await group.read("escrow");
    const committed = await group.read("committedTotal", settledThrough, endBlock + 1000n);
    expect(escrow.reserve).toBe((committed * group.config.price + gibibyte - 1n) >> 30n);
    const operators = group.keepers.map(({ operator }) => operator.address);
    expect((await failing(group.send(world.payer, "proposeCommittee", [operators]))).error).toBe(
      "Upkeeping_Terminated",
    );
    await abandon();
    expect(await group.read("fundedUntil")).toBe((1n << 64n) - 1n);
    if (!(await group.read("state")).ended) await abandon();
    expect((await group.read("state")).ended).toBe(true);
    expect((await failing(group.send(world.payer, "abandon"))).error).toBe("Upkeeping_Ended");
  });

  it("report the first block that is not funded", async () => {
    const until = Number(await group.read("fundedUntil"));
    const escrow = await group.read("escrow");
    expect(BigInt(until) * group.config.price).toBeLessThanOrEqual(
      escrow.unallocated + BigInt(until) * group.config.price,
    );
    const poor = await world.group(4, { deposit: 0n });
    await poor.addPoor({ "corner p0": gibibyte }, 5n);
    await world.chain.before((await world.chain.block()) + 20);
    expect(Number(await poor.read("fundedUntil"))).toBe(await world.chain.block());
    expect(await poor.read("withdrawable")).toBe(0n);
    expect(await poor.read("providerCount")).toBe(2n);
    expect((await poor.read("providers", 9, 9)).length).toBe(0);
  });

  it("credit several abandons in a row, and a provider that was added between them", async () => {
    await group.send(world.payer, "touch", [0]);
    expect((await failing(group.send(world.payer, "touch", [9]))).error).toBe("Upkeeping_NoSuchProvider");
    await abandon();
    await group.add("corner p1", gibibyte);
    await abandon();
    expect((await group.read("state")).abandonments).toBe(1n);
    await group.send(world.payer, "touch", [1]);
    const through = await group.settledThrough();
    const [, second] = await group.read("providers", 0, 2);
    expect(second.credited).toBe((BigInt(through) - second.activeFrom) * group.config.price);
    await settle();
    expect((await group.read("providers", 0, 1))[0].credited).toBeGreaterThan(second.credited);
  });

  it("keep a long history in joined words of the log", async () => {
    for (let i = 0; i < 24; i += 1) await settle();
    expect((await group.read("settlements", 0, 100)).length).toBe(24);
    expect((await group.read("settlements", 99, 5)).length).toBe(0);
  });

  it("refuse the 257th provider item by item", async () => {
    for (const i of range(255)) await group.add(`many p${i}`, 1n);
    const last = await failing(group.add("many p255", 1n));
    expect(last).toEqual({ error: "Upkeeping_TooManyProviders", args: [256n, 257n] });
  });
});

describe("rare cases of the Merkle mode", () => {
  const leafOf = (spaceTime: bigint): string =>
    keccak256(concat([keccak256(AbiCoder.defaultAbiCoder().encode(["uint32", "uint256"], [0, spaceTime]))]));

  async function settleRoot(target: Group, cumulative: bigint, total: bigint): Promise<void> {
    const { items: _, ...rest } = await target.proposal([], { turn: await target.turnNow() });
    await target.settleRoot({ ...rest, root: leafOf(cumulative), totalSpaceTime: total });
  }

  it("claims between abandons, at the rate of the claims", async () => {
    const merkle = await world.group(4, { config: { merkle: true } });
    await merkle.add("corner p0", gibibyte);
    await settleRoot(merkle, 0n, 0n);
    await settleRoot(merkle, 10n * gibibyte, 10n * gibibyte);
    await abandon(merkle);
    await merkle.send(world.payer, "claim", [0, 10n * gibibyte, []]);
    const [first] = await merkle.read("providers", 0, 1);
    expect(first.credited).toBeGreaterThan(9n * merkle.config.price);
    await settleRoot(merkle, 12n * gibibyte, 2n * gibibyte);
    await abandon(merkle);
    await merkle.send(world.payer, "touch", [0]);
    await merkle.send(world.payer, "claim", [0, 12n * gibibyte, []]);
    const [second] = await merkle.read("providers", 0, 1);
    expect(second.credited).toBeGreaterThan(first.credited);
    const again = await failing(merkle.send(world.payer, "claim", [0, 12n * gibibyte, []]));
    expect(again.error).toBe("Upkeeping_NothingToMove");
  });

  it("requires a touch if there are more abandons than one call credits", async () => {
    const merkle = await world.group(4, { config: { merkle: true } });
    await merkle.add("corner p0", gibibyte);
    for (let i = 0; i < 18; i += 1) {
      await abandon(merkle);
      await settleRoot(merkle, gibibyte, i === 0 ? gibibyte : 0n);
    }
    const early = await failing(merkle.send(world.payer, "claim", [0, gibibyte, []]));
    expect(early).toEqual({ error: "Upkeeping_TouchFirst", args: [0n] });
    await merkle.send(world.payer, "touch", [0]);
    await merkle.send(world.payer, "claim", [0, gibibyte, []]);
    const [found] = await merkle.read("providers", 0, 1);
    // The first one is before any settlement and is paid in full; the others are paid at the provider's later rate.
    expect(found.credited).toBeGreaterThan(1200n * merkle.config.price);
    expect(found.credited).toBeLessThan(1400n * merkle.config.price);
  });
});
