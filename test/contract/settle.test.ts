import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { bls12_381 } from "@noble/curves/bls12-381.js";
import {
  AbiCoder,
  concat,
  hexlify,
  keccak256,
  randomBytes,
  toUtf8Bytes,
  ZeroHash,
  type Wallet,
} from "ethers";
import { encodeG1 } from "../../client/bls.ts";
import { refusal, send } from "../support/contracts/chain.ts";
import { certify } from "../support/contracts/keys.ts";
import {
  bitmap,
  gibibyte,
  range,
  World,
  type Group,
  type Keeper,
  type Settlement,
} from "../support/contracts/world.ts";

let world: World;
let group: Group;
let items: { provider: number; spaceTime: bigint }[];
let snapshot: unknown;

const size = [10n * gibibyte, 3n * gibibyte + 7n];

beforeAll(async () => {
  world = await World.open();
  group = await world.group(4);
  await group.add("settle p0", size[0] as bigint);
  await group.add("settle p1", size[1] as bigint);
  items = [
    { provider: 0, spaceTime: 5n * gibibyte + 3n },
    { provider: 1, spaceTime: 12_345n },
  ];
});
afterAll(() => world.chain.close());
beforeEach(async () => {
  snapshot = await world.chain.rpc("evm_snapshot");
});
afterEach(async () => {
  await world.chain.rpc("evm_revert", [snapshot]);
});

const keeper = (index: number): Wallet => (group.keepers[index] as Keeper).operator;

async function refused(
  change: Partial<Settlement> & { turn?: number } = {},
  options: Parameters<Group["settle"]>[1] = {},
): Promise<{ error: string; args: unknown[] }> {
  const inner = await world.chain.rpc("evm_snapshot");
  const settlement = await group.proposal(items, change);
  const found = await refusal(group.settle(settlement, options), group.contract.interface);
  await world.chain.rpc("evm_revert", [inner]);
  return found;
}

describe("settle pays", () => {
  it("credits providers and keepers to the unit, and moves ts to te (R29, R30)", async () => {
    const before = await group.read("escrow");
    const settlement = await group.proposal(items);
    await group.settle(settlement);
    const after = await group.read("escrow");
    const amounts = items.map(({ spaceTime }) => (spaceTime * group.config.price) >> 30n);
    const cuts = amounts.map((amount) => amount / 10n);
    const providers = await group.read("providers", 0, 10);
    const toProviders = amounts.map((amount, i) => amount - (cuts[i] as bigint));
    expect([...providers].map(({ credited }) => credited)).toEqual(toProviders);
    const share = cuts.reduce((a, b) => a + b) / 4n;
    const accounts = await group.read("keeperAccounts", 1, 0, 4);
    expect([...accounts].map(({ earned }) => earned)).toEqual([share, share, share, share]);
    expect(after.balance).toBe(before.balance);
    expect(before.unallocated - after.unallocated).toBe(toProviders.reduce((a, b) => a + b) + 4n * share);
    expect(await group.settledThrough()).toBe(settlement.te);
    expect(await group.read("settlements", 0, 9)).toEqual([BigInt(settlement.te)]);
  });

  it("pays the committed integral where more was signed (R16)", async () => {
    const settlement = await group.proposal([
      { provider: 0, spaceTime: (1n << 128n) - 1n },
      items[1] as never,
    ]);
    const committed = await group.read("committedSpaceTime", 0, settlement.ts, settlement.te);
    const receipt = await group.settle(settlement);
    const amount = (committed * group.config.price) >> 30n;
    const [provider] = await group.read("providers", 0, 1);
    expect(provider.credited).toBe(amount - amount / 10n);
    const log = receipt.logs
      .map((entry) => group.contract.interface.parseLog(entry))
      .find((e) => e?.name === "Capped");
    expect([...(log?.args ?? [])]).toEqual([BigInt(settlement.ts), 0n, (1n << 128n) - 1n, committed]);
  });

  it("leaves out the share of keepers that are not payees, which stays in the escrow", async () => {
    const before = await group.read("escrow");
    await group.settle(await group.proposal(items, { payees: bitmap([0, 2]) }));
    const accounts = await group.read("keeperAccounts", 1, 0, 4);
    const cut = items
      .map(({ spaceTime }) => ((spaceTime * group.config.price) >> 30n) / 10n)
      .reduce((a, b) => a + b);
    expect([...accounts].map(({ earned }) => earned)).toEqual([cut / 4n, 0n, cut / 4n, 0n]);
    const after = await group.read("escrow");
    expect(before.unallocated - after.unallocated).toBe(after.credits);
  });

  it("divides among n − |failed| when a leader let its turn lapse", async () => {
    await group.settle(await group.proposal(items, { turn: 2 }));
    const cut = items
      .map(({ spaceTime }) => ((spaceTime * group.config.price) >> 30n) / 10n)
      .reduce((a, b) => a + b);
    const accounts = await group.read("keeperAccounts", 1, 0, 4);
    expect([...accounts].map(({ earned }) => earned)).toEqual([cut / 3n, 0n, cut / 3n, cut / 3n]);
  });

  it("accepts any quorum without f keepers", async () => {
    for (const absent of range(4)) {
      const inner = await world.chain.rpc("evm_snapshot");
      const signers = range(4).filter((index) => index !== absent);
      expect((await group.settle(await group.proposal(items), { signers })).status).toBe(1);
      await world.chain.rpc("evm_revert", [inner]);
    }
  });

  it("gives the leader's share to another keeper that sends late (R25)", async () => {
    const settlement = await group.proposal(items);
    await group.settle(settlement, { sender: keeper(2), block: settlement.te + 20 });
    const accounts = await group.read("keeperAccounts", 1, 0, 4);
    const [first, second, third, fourth] = [...accounts].map(({ earned }) => earned);
    expect([first, third, fourth]).toEqual([0n, second * 2n, second]);
  });

  it("pays no share to a failed sender, and the leader its own", async () => {
    const settlement = await group.proposal(items, { turn: 2 });
    await group.settle(settlement, { sender: keeper(1), block: settlement.te + 20 });
    const earned = [...(await group.read("keeperAccounts", 1, 0, 4))].map((account) => account.earned);
    expect(earned[1]).toBe(0n);
    expect(earned[0]).toBe(earned[2]);
  });

  it("scales all amounts if the escrow is short, and books the rest as arrears for the next settlement (R32)", async () => {
    const poor = await world.group(4, { deposit: 0n });
    await poor.addPoor({ "settle p0": gibibyte, "settle p1": gibibyte }, 1_000_003n);
    const both = [
      { provider: 0, spaceTime: 3n * gibibyte },
      { provider: 1, spaceTime: gibibyte },
    ];
    await poor.settle(await poor.proposal(both));
    const due = both.map(({ spaceTime }) => (spaceTime * poor.config.price) >> 30n);
    const paid = due.map((amount) => (amount * 1_000_003n) / (4n * poor.config.price));
    const providers = [...(await poor.read("providers", 0, 2))];
    expect(providers.map(({ credited }) => credited)).toEqual(paid.map((amount) => amount - amount / 10n));
    expect(providers.map(({ arrears }) => arrears)).toEqual(
      due.map((amount, i) => amount - (paid[i] as bigint)),
    );
    await poor.deposit(10n ** 20n);
    await poor.settle(await poor.proposal(both.map(({ provider }) => ({ provider, spaceTime: 0n }))));
    const later = [...(await poor.read("providers", 0, 2))];
    expect(later.map(({ arrears }) => arrears)).toEqual([0n, 0n]);
    const rest = due.map((amount, i) => amount - (paid[i] as bigint));
    expect(later.map(({ credited }, i) => credited - providers[i].credited)).toEqual(
      rest.map((a) => a - a / 10n),
    );
    expect((await poor.read("escrow")).arrears).toBe(0n);
  });
});

describe("settle refuses", () => {
  it("too few signers", async () => {
    expect(await refused({}, { signers: [0, 1] })).toEqual({
      error: "Upkeeping_TooFewSigners",
      args: [3n, 2n],
    });
  });

  it("a duplicate signer: its signature twice in the sum is not the bitmap's", async () => {
    const settlement = await group.proposal(items);
    const secrets = [0, 1, 2, 2].map((index) => (group.keepers[index] as Keeper).secret);
    const signature = certify(secrets, await group.digest(settlement));
    expect((await refused({}, { signers: [0, 1, 2], signature })).error).toBe("Upkeeping_BadSignature");
  });

  it("foreign signers, by bitmap and by key", async () => {
    const settlement = await group.proposal(items);
    await world.chain.before(settlement.te);
    const args = [settlement, bitmap([0, 1, 2, 4]), `0x${"00".repeat(128)}`];
    expect(await refusal(send(group.contract, keeper(0), "settle", args), group.contract.interface)).toEqual({
      error: "Upkeeping_BitmapOutOfRange",
      args: [16n, 31n],
    });
    const signature = certify([1n, 2n, 3n], await group.digest(settlement));
    const wrongKey = send(group.contract, keeper(0), "settle", [settlement, bitmap([0, 1, 2]), signature]);
    expect((await refusal(wrongKey, group.contract.interface)).error).toBe("Upkeeping_BadSignature");
  });

  it("a signature over another message", async () => {
    const other = await group.proposal(items, { payees: 1n });
    const signature = certify(
      group.keepers.map(({ secret }) => secret),
      await group.digest(other),
    );
    expect((await refused({}, { signature })).error).toBe("Upkeeping_BadSignature");
  });

  it("another group's signature, and another chain's", async () => {
    const settlement = await group.proposal(items);
    const sibling = await world.group(4);
    const secrets = group.keepers.map(({ secret }) => secret);
    const foreign = certify(secrets, await sibling.digest(settlement));
    expect((await refused({}, { signature: foreign })).error).toBe("Upkeeping_BadSignature");
    const { computeSettlementDigest } = await import("../support/contracts/digest.ts");
    const address = await group.address();
    expect(computeSettlementDigest(world.chain.chainId, address, settlement)).toBe(
      await group.digest(settlement),
    );
    const elsewhere = certify(secrets, computeSettlementDigest(1n, address, settlement));
    expect((await refused({}, { signature: elsewhere })).error).toBe("Upkeeping_BadSignature");
  });

  it("infinity as a signature", async () => {
    const signature = `0x${"00".repeat(128)}`;
    expect(await refused({}, { signature })).toEqual({ error: "Upkeeping_Infinity", args: [] });
  });

  it("points off the curve, outside the subgroup, with coordinates beyond the field, or of a wrong size", async () => {
    // (0, 2) is on the curve y² = x³ + 4, and of order 3.
    const outside = `0x${"00".repeat(127)}02`;
    const offCurve = `0x${"00".repeat(63)}01${"00".repeat(63)}01`;
    const settlement = await group.proposal(items);
    const good = certify(
      group.keepers.map(({ secret }) => secret),
      await group.digest(settlement),
    );
    const { x, y } = { x: BigInt(good.slice(0, 130)), y: BigInt(`0x${good.slice(130)}`) };
    const p = bls12_381.fields.Fp.ORDER;
    const beyond = `0x${[x + p, y].map((v) => v.toString(16).padStart(128, "0")).join("")}`;
    const negated = `0x${[x, p - y].map((v) => v.toString(16).padStart(128, "0")).join("")}`;
    for (const signature of [outside, offCurve, beyond, negated, hexlify(randomBytes(128))]) {
      expect((await refused({}, { signature })).error).toBe("Upkeeping_BadSignature");
    }
    const short = await refused({}, { signature: good.slice(0, -2) });
    expect(short).toEqual({ error: "Upkeeping_BadSignatureLength", args: [128n, 127n] });
  });

  it("the generator as a signature", async () => {
    expect((await refused({}, { signature: encodeG1(bls12_381.G1.Point.BASE) })).error).toBe(
      "Upkeeping_BadSignature",
    );
  });

  it("a stale ts: one settlement per ts", async () => {
    const settlement = await group.proposal(items);
    await group.settle(settlement);
    const second = refusal(
      group.settle({ ...settlement, te: settlement.te + 30 }, { block: settlement.te + 30 }),
      group.contract.interface,
    );
    expect(await second).toEqual({
      error: "Upkeeping_StaleStart",
      args: [BigInt(settlement.te), BigInt(settlement.ts)],
    });
  });

  it("an end that is not the end of a turn", async () => {
    const { ts } = await group.proposal(items);
    const before = await refused({ te: ts + 39 }, { block: ts + 41 });
    expect(before).toEqual({ error: "Upkeeping_WrongEnd", args: [BigInt(ts + 40), BigInt(ts + 39)] });
    const between = await refused({ te: ts + 41 }, { block: ts + 43 });
    expect(between).toEqual({ error: "Upkeeping_WrongEnd", args: [BigInt(ts + 40), BigInt(ts + 41)] });
  });

  it("a settlement before and after its window", async () => {
    const settlement = await group.proposal(items);
    const { te } = settlement;
    const early = refusal(
      (async () => {
        await world.chain.before(te - 1);
        return send(group.contract, keeper(0), "settle", [settlement, 15n, `0x${"00".repeat(128)}`]);
      })(),
      group.contract.interface,
    );
    expect(await early).toEqual({ error: "Upkeeping_TooEarly", args: [BigInt(te), BigInt(te - 1)] });
    const late = await refused({}, { block: te + 30 });
    expect(late).toEqual({ error: "Upkeeping_TooLate", args: [BigInt(te + 30), BigInt(te + 30)] });
  });

  it("accepts the first and the last block of the window", async () => {
    const settlement = await group.proposal(items);
    const inner = await world.chain.rpc("evm_snapshot");
    expect((await group.settle(settlement)).blockNumber).toBe(settlement.te);
    await world.chain.rpc("evm_revert", [inner]);
    const last = await group.settle(settlement, { block: settlement.te + 29 });
    expect(last.blockNumber).toBe(settlement.te + 29);
  });

  it("sets of failed keepers and payees that contradict each other or the turn", async () => {
    const none = await refused({ turn: 2, failed: 0n });
    expect(none).toEqual({ error: "Upkeeping_WrongFailedCount", args: [1n, 0n] });
    expect(await refused({ failed: 2n })).toEqual({ error: "Upkeeping_WrongFailedCount", args: [0n, 1n] });
    expect(await refused({ turn: 3, failed: 6n })).toEqual({
      error: "Upkeeping_WrongFailedCount",
      args: [1n, 2n],
    });
    const both = await refused({ turn: 2, failed: 2n, payees: 15n });
    expect(both).toEqual({ error: "Upkeeping_FailedPayee", args: [0n, 2n] });
    expect((await refused({ payees: 16n })).error).toBe("Upkeeping_BitmapOutOfRange");
    expect((await refused({ turn: 2, failed: 16n, payees: 1n })).error).toBe("Upkeeping_BitmapOutOfRange");
    const leader = await refused({ turn: 2, failed: 1n, payees: 2n });
    expect(leader).toEqual({ error: "Upkeeping_LeaderFailed", args: [0n] });
  });

  it("another leader than the sender, until two thirds of the turn are over", async () => {
    const { te } = await group.proposal(items);
    const early = await refused({}, { sender: keeper(1), block: te + 19 });
    expect(early).toEqual({ error: "Upkeeping_NotLeader", args: [keeper(0).address, keeper(1).address] });
    const stranger = await world.chain.account("stranger");
    const foreign = await refused({}, { sender: stranger, block: te + 20 });
    expect(foreign).toEqual({ error: "Upkeeping_NotMember", args: [stranger.address] });
    const signature = certify([1n], ZeroHash);
    expect(await refused({ leader: 4 }, { sender: keeper(0), signature })).toEqual({
      error: "Upkeeping_NoSuchLeader",
      args: [4n, 4n],
    });
  });

  it("another committee version", async () => {
    expect(await refused({ committee: 2 })).toEqual({ error: "Upkeeping_WrongCommittee", args: [1n, 2n] });
  });

  it("items that are not exactly the active providers, ascending", async () => {
    const [first, second] = items as [(typeof items)[0], (typeof items)[0]];
    expect(await refused({ items: [first] })).toEqual({ error: "Upkeeping_WrongItemCount", args: [2n, 1n] });
    const twice = await refused({ items: [first, first] });
    expect(twice).toEqual({ error: "Upkeeping_ItemsNotAscending", args: [0n, 0n] });
    expect((await refused({ items: [second, first] })).error).toBe("Upkeeping_ItemsNotAscending");
    const unknown = await refused({ items: [first, { provider: 7, spaceTime: 0n }] });
    expect(unknown).toEqual({ error: "Upkeeping_ProviderNotActive", args: [7n] });
  });

  it("values beyond their types, with the reason as text", async () => {
    const wide = "tuple(uint256,uint256,uint256,uint256,uint256,uint256,tuple(uint256,uint256)[])";
    const coder = AbiCoder.defaultAbiCoder();
    const honest = await group.proposal(items);
    await world.chain.before(honest.te + 1);
    const tried = async (terms: bigint[], list: [bigint, bigint][], signature: string): Promise<string> => {
      const encoded = coder.encode([wide, "uint256", "bytes"], [[...terms, list], 15n, signature]);
      const data = concat([group.contract.interface.getFunction("settle")?.selector ?? "", encoded]);
      const sent = keeper(0).sendTransaction({ to: await group.address(), data, gasLimit: 1_000_000 });
      return (await refusal(sent, group.contract.interface)).error;
    };
    const { ts, te, committee, leader, failed, payees } = honest;
    const terms = [BigInt(ts), BigInt(te), BigInt(committee), BigInt(leader), failed, payees];
    const pairs = items.map(({ provider, spaceTime }): [bigint, bigint] => [BigInt(provider), spaceTime]);
    const expected = ["StaleStart", "TooEarly", "WrongCommittee", "NoSuchLeader", "BitmapOutOfRange"];
    for (const [i, error] of expected.entries()) {
      const beyond = terms.map((term, j) => (i === j ? term + (15n << 64n) : term));
      expect(await tried(beyond, pairs, `0x${"11".repeat(128)}`)).toBe(`Upkeeping_${error}`);
    }
    // Items are checked after the signature, so all keepers must have signed them.
    for (const bad of [
      [0n, 1n << 128n],
      [1n << 32n, 0n],
    ] as [bigint, bigint][]) {
      const list = [
        ...pairs.slice(0, 1).filter(() => bad[0] !== 0n),
        bad,
        ...pairs.slice(1).filter(() => bad[0] === 0n),
      ];
      const typehash = keccak256(
        toUtf8Bytes(
          "Settlement(uint64 ts,uint64 te,uint64 committee,uint8 leader,uint256 failed,uint256 payees,bytes32 items)",
        ),
      );
      const hash = keccak256(coder.encode(["tuple(uint256,uint256)[]"], [list]));
      const words = ["bytes32", ...terms.map(() => "uint256"), "bytes32"];
      const inner = keccak256(coder.encode(words, [typehash, ...terms, hash]));
      const digest = keccak256(concat(["0x1901", await group.read("domainSeparator"), inner]));
      const signature = certify(
        group.keepers.map(({ secret }) => secret),
        digest,
      );
      expect(await tried(terms, list, signature)).toBe("Upkeeping_ItemOutOfRange");
    }
  });

  it("a settlement of the other mode", async () => {
    const { items: _, ...rest } = await group.proposal(items);
    const settlement = { ...rest, root: ZeroHash, totalSpaceTime: 0n };
    const failure = await refusal(group.settleRoot(settlement), group.contract.interface);
    expect(failure).toEqual({ error: "Upkeeping_WrongMode", args: [true, false] });
  });
});
