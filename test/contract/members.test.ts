import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { ZeroAddress, ZeroHash, type Wallet } from "ethers";
import { refusal, send } from "../support/contracts/chain.ts";
import { certify, prove, publicKey, secretOf } from "../support/contracts/keys.ts";
import { bitmap, gibibyte, range, root, World, type Group, type Keeper } from "../support/contracts/world.ts";

let world: World;
let group: Group;
let snapshot: unknown;

beforeAll(async () => {
  world = await World.open();
  await world.keepers(15);
  group = await world.group(7);
  await group.add("members p0", gibibyte);
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

async function keepersAt(indices: readonly number[]): Promise<Keeper[]> {
  const all = await world.keepers(15);
  return indices.map((index) => all[index] as Keeper);
}

/** Settles the coming interval with zeros, signed by the keepers given (the group's own unless said otherwise). */
async function settle(target: Group = group, keepers = target.keepers): Promise<void> {
  const acting = Object.create(target, { keepers: { value: keepers } }) as Group;
  const te = (await acting.settledThrough()) + acting.config.interval;
  const turn = Math.max(1, Math.ceil(((await world.chain.block()) + 1 - te + 1) / acting.config.turn));
  const proposal = await acting.proposal([], { turn });
  const listed = [...(await acting.read("providers", 0, 300))].filter(
    ({ activeFrom, closed }) => Number(activeFrom) < proposal.te && !closed,
  );
  const items = listed.map(({ index }) => ({ provider: Number(index), spaceTime: 1n }));
  await acting.settle({ ...proposal, items });
}

describe("providers", () => {
  it("take effect with the first slot more than the confirmations later (R33)", async () => {
    const provider = await group.add("members p1", 5n * gibibyte);
    const [found] = await group.read("providers", provider, 1);
    const block = await world.chain.block();
    const { originBlock } = await group.read("parameters");
    const { slot, confirmations } = group.config;
    expect((Number(found.activeFrom) - Number(originBlock)) % slot).toBe(0);
    expect(Number(found.activeFrom)).toBeGreaterThan(block + confirmations);
    expect(Number(found.activeFrom)).toBeLessThanOrEqual(block + confirmations + slot);
    expect(await group.read("providerOf", found.operator)).toEqual([true, 1n]);
  });

  it("need the provider's own consent, in sequence", async () => {
    const operator = await world.provider("members p2");
    const other = await world.provider("members p3");
    const add = (
      by: Wallet,
      change: Partial<{ size: bigint; root: string; key: string; sequence: number }> = {},
    ) => {
      const { size = gibibyte, root: listRoot = root, key = operator.address, sequence = 1 } = change;
      return (async () => {
        const signature = await group.consent(by, gibibyte, 1);
        const args = [operator.address, listRoot, size, key, sequence, signature];
        return group.send(world.payer, "addProvider", args);
      })();
    };
    const forged = await failing(add(other));
    expect([forged.error, forged.args[0]]).toEqual(["Upkeeping_BadConsent", operator.address]);
    expect((await failing(add(operator, { size: 2n * gibibyte }))).error).toBe("Upkeeping_BadConsent");
    expect(await failing(add(operator, { sequence: 2 }))).toEqual({
      error: "Upkeeping_WrongSequence",
      args: [1n, 2n],
    });
    expect((await failing(add(operator, { size: 0n }))).error).toBe("Upkeeping_BadSize");
    expect((await failing(add(operator, { size: 1n << 56n }))).error).toBe("Upkeeping_BadSize");
    expect((await failing(add(operator, { root: ZeroHash }))).error).toBe("Upkeeping_ZeroRoot");
    expect((await failing(add(operator, { key: ZeroAddress }))).error).toBe("Upkeeping_ZeroReceiptKey");
    await group.send(operator, "revokeConsent");
    expect(await failing(add(operator))).toEqual({ error: "Upkeeping_WrongSequence", args: [2n, 1n] });
    const stranger = await world.chain.account("not registered");
    const args = [stranger.address, root, 1n, stranger.address, 1, "0x"];
    expect((await failing(group.send(world.payer, "addProvider", args))).error).toBe(
      "Upkeeping_NotAProvider",
    );
    expect((await failing(group.send(operator, "addProvider", args))).error).toBe("Upkeeping_NotPayer");
    const again = [group.providers[0]?.address, root, 1n, stranger.address, 2, "0x"];
    expect((await failing(group.send(world.payer, "addProvider", again))).error).toBe(
      "Upkeeping_ProviderExists",
    );
    const unknown = group.send(world.payer, "changeData", [9, root, 1n, stranger.address, 1, "0x"]);
    expect((await failing(unknown)).error).toBe("Upkeeping_NoSuchProvider");
  });

  it("keep their data's history as checkpoints, and are paid by that history", async () => {
    await settle();
    await group.change(0, 4n * gibibyte);
    await group.change(0, 3n * gibibyte);
    await world.chain.before((await world.chain.block()) + 12);
    await group.change(0, 2n * gibibyte);
    const history = [...(await group.read("dataHistory", 0, 0, 9))];
    expect(history.map(({ size }) => size)).toEqual([1n, 3n, 2n].map((size) => size * gibibyte));
    expect(history.map(({ sequence }) => sequence)).toEqual([1n, 3n, 4n]);
    const ts = BigInt(await group.settledThrough());
    const proposal = await group.proposal([{ provider: 0, spaceTime: 1n << 100n }], {
      turn: await group.turnNow(),
    });
    const ends = [...history.slice(1).map(({ fromBlock }) => fromBlock), BigInt(proposal.te)];
    const expected = history.reduce((sum, { fromBlock, size }, i) => {
      const from = fromBlock > ts ? fromBlock : ts;
      return sum + (ends[i] > from ? (ends[i] - from) * size : 0n);
    }, 0n);
    expect(await group.read("committedSpaceTime", 0, ts, proposal.te)).toBe(expected);
    expect(await group.read("committedTotal", ts, proposal.te)).toBe(expected);
    const before = (await group.read("providers", 0, 1))[0].credited;
    await group.settle(proposal);
    const amount = (expected * group.config.price) >> 30n;
    expect((await group.read("providers", 0, 1))[0].credited - before).toBe(amount - amount / 10n);
  });

  it("are settled once more after their removal, then closed; an index is never used again", async () => {
    await settle();
    await group.send(world.payer, "removeProvider", [0]);
    const gone = await failing(group.send(world.payer, "removeProvider", [0]));
    expect(gone.error).toBe("Upkeeping_ProviderGone");
    const { originBlock } = await group.read("parameters");
    const { slot } = group.config;
    const elapsed = (await world.chain.block()) - Number(originBlock);
    await world.chain.before(Number(originBlock) + (Math.floor(elapsed / slot) + 2) * slot);
    const added = await group.add("members p0", gibibyte);
    expect(added).toBe(1);
    const early = await failing(group.send(world.payer, "removeProvider", [1]));
    expect(early.error).toBe("Upkeeping_NotActiveYet");
    await settle();
    expect([...(await group.read("providers", 0, 9))].map(({ closed }) => closed)).toEqual([true, false]);
    await settle();
    const state = await group.read("state");
    expect([state.listedProviders, state.providerCount]).toEqual([1n, 2n]);
  });

  it("have a limited number of unsettled changes, and can always be removed (R33)", async () => {
    await settle();
    for (const i of range(16)) {
      await world.chain.before((await world.chain.block()) + 6);
      await group.change(0, gibibyte + BigInt(i));
    }
    // A change for the same slot replaces the last one.
    await group.change(0, gibibyte);
    expect((await group.read("providers", 0, 1))[0].checkpointCount).toBe(17n);
    await world.chain.before((await world.chain.block()) + 6);
    const change = await failing(group.change(0, gibibyte));
    expect(change).toEqual({ error: "Upkeeping_TooManyChanges", args: [16n, 17n] });
    const inner = await world.chain.rpc("evm_snapshot");
    await settle();
    await group.change(0, gibibyte);
    await world.chain.rpc("evm_revert", [inner]);
    await group.send(world.payer, "removeProvider", [0]);
    await settle();
    await settle();
    expect((await group.read("providers", 0, 1))[0].closed).toBe(true);
  });
});

describe("committees", () => {
  it("take over with the first settlement that ends after the last member's consent (R33)", async () => {
    const next = await keepersAt([7, 8, 9, 3, 10, 11, 12]);
    const addresses = next.map(({ operator }) => operator.address);
    expect(
      (await failing(group.send(group.providers[0] as Wallet, "proposeCommittee", [addresses]))).error,
    ).toBe("Upkeeping_NotPayer");
    await group.send(world.payer, "proposeCommittee", [addresses]);
    const twice = await failing(group.send(world.payer, "proposeCommittee", [addresses]));
    expect(twice).toEqual({ error: "Upkeeping_CommitteePending", args: [2n] });
    const [first, second, third, fourth, ...others] = next as [Keeper, Keeper, Keeper, Keeper];
    for (const { operator } of others) await group.send(operator, "acceptSeat", [2]);
    await group.send(first.operator, "acceptSeat", [2]);
    const taken = await failing(group.send(first.operator, "acceptSeat", [2]));
    expect(taken).toEqual({ error: "Upkeeping_SeatTaken", args: [0n] });
    expect((await failing(group.send(second.operator, "acceptSeat", [3]))).error).toBe(
      "Upkeeping_NoSuchProposal",
    );
    const stranger = (await keepersAt([14]))[0] as Keeper;
    expect((await failing(group.send(stranger.operator, "acceptSeat", [2]))).error).toBe("Upkeeping_NoSeat");

    const digest = await group.read("seatAcceptanceDigest", 2);
    const signature = second.operator.signingKey.sign(digest).serialized;
    const forged = group.send(world.payer, "acceptSeatBySignature", [2, third.operator.address, signature]);
    expect((await failing(forged)).error).toBe("Upkeeping_BadConsent");
    await group.send(world.payer, "acceptSeatBySignature", [2, second.operator.address, signature]);
    await group.send(third.operator, "acceptSeat", [2]);
    await group.send(third.operator, "declineSeat", [2]);
    expect((await failing(group.send(third.operator, "declineSeat", [2]))).error).toBe(
      "Upkeeping_SeatNotTaken",
    );
    await group.send(third.operator, "acceptSeat", [2]);
    await settle();
    expect((await group.read("committee")).version).toBe(1n);

    await group.send(fourth.operator, "acceptSeat", [2]);
    const earnedBefore = [...(await group.read("keeperAccounts", 1, 0, 7))].map(({ earned }) => earned);
    await settle();
    const active = await group.read("committee");
    expect([active.version, [...active.operators]]).toEqual([2n, addresses]);
    const header = (await world.chain.rpc("eth_getBlockByNumber", [
      `0x${(Number(active.effectiveFrom) - 1).toString(16)}`,
      false,
    ])) as { hash: string };
    expect(active.seed).toBe(header.hash);
    const old = await group.read("committeeAt", 1);
    expect([old.version, old.retiredAt]).toEqual([1n, active.effectiveFrom]);
    // The old committee keeps what it earned, the new one signs.
    const earnedAfter = [...(await group.read("keeperAccounts", 1, 0, 7))].map(({ earned }) => earned);
    expect(earnedAfter.every((earned, i) => earned >= earnedBefore[i])).toBe(true);
    await settle(group, next);
    await group.send(world.payer, "proposeCommittee", [addresses]);
    expect((await group.read("pendingCommittee")).version).toBe(3n);
    await group.send(world.payer, "cancelCommittee");
    expect((await group.read("pendingCommittee")).version).toBe(0n);
    expect((await failing(group.send(world.payer, "cancelCommittee"))).error).toBe(
      "Upkeeping_NoSuchProposal",
    );
    expect((await failing(group.read("committeeAt", 9))).error).toBe("Upkeeping_NoSuchCommittee");
  });

  it("replace a committee that stopped, with an abandon, if all new members consented (R34)", async () => {
    const next = await keepersAt([7, 8, 9, 10, 11, 12, 13]);
    await group.send(world.payer, "proposeCommittee", [next.map(({ operator }) => operator.address)]);
    for (const { operator } of next) await group.send(operator, "acceptSeat", [2]);
    await world.chain.before((await group.settledThrough()) + group.config.interval + group.config.lockup);
    await group.send(world.payer, "abandon");
    expect((await group.read("committee")).version).toBe(2n);
    await settle(group, next);
  });

  it("let a keeper replace a lost key without anyone's help, from the next settlement on", async () => {
    const [lost] = group.keepers as [Keeper];
    expect(await failing(group.send(lost.operator, "rotateSeat"))).toEqual({
      error: "Upkeeping_SameKey",
      args: [0n],
    });
    const secret = secretOf("fresh key");
    const { chainId } = world.chain;
    const proof = prove(secret, chainId, await world.registry.getAddress(), lost.operator.address);
    await send(world.registry, lost.operator, "rotateKeeperKey", [publicKey(secret), proof]);
    await group.send(lost.operator, "rotateSeat");
    expect((await group.read("state")).rotatedCommittee).toBe(2n);
    await settle();
    const [member] = await group.read("members", 2, 0, 1);
    expect(member.blsKey).toBe(publicKey(secret));
    const fresh = group.keepers.map((keeper, i) => (i === 0 ? { ...keeper, secret } : keeper));
    await settle(group, fresh);
    const stranger = (await keepersAt([14]))[0] as Keeper;
    expect((await failing(group.send(stranger.operator, "rotateSeat"))).error).toBe("Upkeeping_NoSeat");
  });

  it("rotate a key in a proposed committee at once", async () => {
    const next = await keepersAt([7, 8, 9, 10, 11, 12, 13]);
    const [changing] = next as [Keeper];
    await group.send(world.payer, "proposeCommittee", [next.map(({ operator }) => operator.address)]);
    const secret = secretOf("proposed key");
    const proof = prove(
      secret,
      world.chain.chainId,
      await world.registry.getAddress(),
      changing.operator.address,
    );
    await send(world.registry, changing.operator, "rotateKeeperKey", [publicKey(secret), proof]);
    await group.send(changing.operator, "rotateSeat");
    const [member] = await group.read("members", 2, 0, 1);
    expect(member.blsKey).toBe(publicKey(secret));
  });

  it("never change their size, neither by a proposal nor by resignations (R2)", async () => {
    const all = (await world.keepers(13)).map(({ operator }) => operator.address);
    for (const count of [4, 6, 10, 13]) {
      const call = group.send(world.payer, "proposeCommittee", [all.slice(0, count)]);
      expect(await failing(call)).toEqual({
        error: "Upkeeping_OtherCommitteeSize",
        args: [7n, BigInt(count)],
      });
    }
    const [a, b, c, d] = group.keepers as [Keeper, Keeper, Keeper, Keeper];
    await group.send(a.operator, "resign");
    expect((await failing(group.send(a.operator, "resign"))).error).toBe("Upkeeping_AlreadyResigned");
    for (const { operator } of [b, c, d]) await group.send(operator, "resign");
    expect(await group.read("resigned")).toBe(15n);
    await settle();
    const still = await group.read("committee");
    expect([still.version, still.operators.length]).toEqual([1n, 7]);

    // The payer replaces those that resigned.
    const next = await keepersAt([4, 5, 6, 7, 8, 9, 10]);
    await group.send(world.payer, "proposeCommittee", [next.map(({ operator }) => operator.address)]);
    for (const { operator } of next) await group.send(operator, "acceptSeat", [2]);
    await settle();
    await settle(group, next);
    expect([(await group.read("committee")).version, await group.read("resigned")]).toEqual([2n, 0n]);
    expect((await failing(group.send(a.operator, "resign"))).error).toBe("Upkeeping_NoSeat");
  });

  it("of 124 members can be made, read and settled with", async () => {
    const large = await world.group(124);
    expect((await large.read("members", 1, 120, 10)).length).toBe(4);
    const committee = await large.read("committee");
    expect([...committee.operators]).toEqual(large.keepers.map(({ operator }) => operator.address));
    const turn = await large.turnNow();
    const receipt = await large.settle(await large.proposal([], { turn }), { signers: range(83) });
    expect(receipt.status).toBe(1);
  });
});

describe("views", () => {
  it("page past settlements through the buffer and the log, also with long turns", async () => {
    const small = await world.group(4);
    const expected: [number, number, number][] = [];
    for (const i of range(24)) {
      const wait = [0, 0, 70, 0, 0, 0, 450, 0][i % 8] as number;
      if (wait > 0) await world.chain.before((await world.chain.block()) + wait);
      const proposal = await small.proposal([], { turn: await small.turnNow() });
      const secrets = small.keepers.map(({ secret }) => secret);
      await small.settle(proposal, { signature: certify(secrets, await small.digest(proposal)) });
      expected.push([proposal.ts, proposal.te, (proposal.te - proposal.ts - 40) / 30 + 1]);
      if (i === 12) {
        await world.chain.before((await world.chain.block()) + 1450);
        await small.send(world.payer, "abandon");
      }
    }
    const rows = (page: { ts: bigint; te: bigint; turn: bigint }[]): number[][] =>
      [...page].map(({ ts, te, turn }) => [Number(ts), Number(te), Number(turn)]);
    expect(rows(await small.read("pastSettlements", 0, 100))).toEqual(expected);
    for (const from of range(25)) {
      expect(rows(await small.read("pastSettlements", from, 5))).toEqual(expected.slice(from, from + 5));
    }
    expect([...(await small.read("settlements", 20, 9))].map(Number)).toEqual(
      expected.slice(20).map(([, te]) => te),
    );
    expect(expected.some(([, , turn]) => turn > 10)).toBe(true);
  });

  it("return the block at which a change takes effect, and the domain", async () => {
    const next = Number(await group.read("nextEffectiveBlock"));
    expect(next).toBeGreaterThan((await world.chain.block()) + 1);
    expect(await group.read("domainSeparator")).toMatch(/^0x[0-9a-f]{64}$/);
    const consent = await group.read("providerDataDigest", root, 5n, ZeroAddress, 1n);
    expect(consent).toMatch(/^0x[0-9a-f]{64}$/);
    expect((await failing(group.read("committedSpaceTime", 9, 0, 1))).error).toBe("Upkeeping_NoSuchProvider");
    expect(await group.read("merkleRoot")).toEqual([ZeroHash, 0n]);
    expect(bitmap([0, 2])).toBe(5n);
  });
});
