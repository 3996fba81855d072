/** Certificates of a committee: who may send what and when, and how groups are called (R5–R7, R25, R27, R29). */
import { bls12_381 } from "@noble/curves/bls12-381.js";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { dataLength, getAddress, ZeroHash } from "ethers";
import { bitmap } from "../../protocol/bitmap.ts";
import { certificateDigest, domainOf, type Certificate } from "../../protocol/certificate.ts";
import type { Refusal } from "../support/contracts/chain.ts";
import { certify as aggregate, sign } from "../support/contracts/keys.ts";
import { range, type Keeper } from "../support/contracts/basics.ts";
import { payoutWord, periodWord } from "../support/contracts/words.ts";
import {
  certified,
  type Committee,
  type Sending,
  type StandIn,
} from "../support/contracts/committee-contract.ts";
import { CommitteeWorld } from "../support/contracts/committee-world.ts";

const moods = { accepts: 0, refuses: 1, burnsGas: 2, returnsTooMuch: 3 };
const noSender = 255;

let world: CommitteeWorld;
let committee: Committee;
let groups: StandIn[];
let snapshot: unknown;

beforeAll(async () => {
  world = await CommitteeWorld.open();
  committee = await world.committee(await world.keepers(7));
  groups = await committee.enterStandIns(3);
});
afterAll(() => world.chain.close());
beforeEach(async () => {
  snapshot = await world.chain.rpc("evm_snapshot");
});
afterEach(async () => {
  await world.chain.rpc("evm_revert", [snapshot]);
});

const everybody = (1n << 7n) - 1n;

async function refused(
  change: Partial<Certificate> & { turn?: number },
  sending: Sending = {},
): Promise<Refusal> {
  const c = await committee.certificate(certified(groups), change);
  return world.failing(committee.certify(c, certified(groups), sending));
}

async function become(group: StandIn, mood: number): Promise<void> {
  await (await group.contract.getFunction("become")(mood)).wait();
}

describe("a certificate", () => {
  it("moves the committee on, and calls every group with its interval and how the keepers are paid", async () => {
    const { certificate: c, receipt } = await committee.certifyNext(certified(groups));
    expect(await committee.certifiedThrough()).toBe(c.te);
    expect(committee.events(receipt)).toEqual([
      {
        name: "Certified",
        args: [BigInt(c.ts), BigInt(c.te), 1n, 0n, 0n, everybody, everybody, 3n, c.groups, false],
      },
    ]);
    const origin = Number(await committee.read("originBlock"));
    for (const { contract, number } of groups) {
      const args = committee.calledWith(receipt, { contract, number });
      const period = { number, version: 1, versionFrom: origin, certifiedThrough: c.te, ts: c.ts, te: c.te };
      const payout = { sender: noSender, paid: 7, divisor: 7, n: 7, unpaid: 0n };
      const item = (BigInt(number) << 128n) | (BigInt(number) << 40n);
      expect(args.slice(0, 4)).toEqual([
        getAddress(committee.address),
        periodWord(period),
        payoutWord(payout),
        [item],
      ]);
    }
  });

  it("is the only one of its interval, and starts where the last one ended (R29)", async () => {
    const { certificate: c } = await committee.certifyNext(certified(groups));
    const again = await world.failing(committee.certify(c, certified(groups)));
    expect(again).toEqual({ error: "Committee_StaleStart", args: [BigInt(c.te), BigInt(c.ts)] });
    const next = await committee.certificate(certified(groups));
    expect(next.ts).toBe(c.te);
    await committee.certify(next, certified(groups));
    expect(await committee.certifiedThrough()).toBe(next.te);
  });

  it("may have nothing in scope (R17)", async () => {
    const { certificate: c, receipt } = await committee.certifyNext([]);
    expect([c.count, c.groups]).toEqual([0, ZeroHash]);
    expect(committee.events(receipt)[0]?.args.at(-1)).toBe(false);
    expect(await committee.read("rememberedAt", c.ts)).toBe(ZeroHash);
  });

  it("ends at ts + h + k·t (R6)", async () => {
    const { ts } = await committee.certificate([]);
    const first = BigInt(ts + 40);
    const wrong = async (te: number): Promise<Refusal> => refused({ te }, { block: te + 1 });
    expect(await wrong(ts + 39)).toEqual({ error: "Committee_WrongEnd", args: [first, first - 1n] });
    expect(await wrong(ts + 69)).toEqual({ error: "Committee_WrongEnd", args: [first, first + 29n] });
    expect(await wrong(ts + 71)).toEqual({ error: "Committee_WrongEnd", args: [first + 30n, first + 31n] });
  });

  it("is valid from te to te + t − 1 (R6)", async () => {
    const c = await committee.certificate(certified(groups));
    const early = await world.failing(committee.certify(c, certified(groups), { block: c.te - 1 }));
    expect(early).toEqual({ error: "Committee_TooEarly", args: [BigInt(c.te), BigInt(c.te - 1)] });
    await world.chain.before(c.te + 29);
    const inner = await world.chain.rpc("evm_snapshot");
    await committee.certify(c, certified(groups));
    expect(await committee.certifiedThrough()).toBe(c.te);
    await world.chain.rpc("evm_revert", [inner]);
    const late = await world.failing(committee.certify(c, certified(groups), { block: c.te + 30 }));
    expect(late).toEqual({ error: "Committee_TooLate", args: [BigInt(c.te + 30), BigInt(c.te + 30)] });
  });

  it.each([
    [2, 1],
    [3, 2],
    [4, 2],
    [9, 2],
  ])("of turn %i names %i failed leaders (R7)", async (turn, count) => {
    const wrong = await refused({ turn, failed: bitmap(range(count + 1, 1)) });
    expect(wrong).toEqual({ error: "Committee_WrongFailedCount", args: [BigInt(count), BigInt(count + 1)] });
    expect((await refused({ turn, failed: bitmap(range(count - 1, 1)) })).error).toBe(
      "Committee_WrongFailedCount",
    );
    const c = await committee.certificate(certified(groups), { turn });
    const receipt = await committee.certify(c, certified(groups));
    const args = committee.calledWith(receipt, groups[0] as StandIn);
    const payout = { sender: noSender, paid: 7 - count, divisor: 7 - count, n: 7, unpaid: c.failed };
    expect(args[2]).toBe(payoutWord(payout));
  });
});

describe("the sets of a certificate (R29)", () => {
  it("lie within the committee", async () => {
    expect(await refused({ leader: 7 }, { sender: committee.member(0).operator })).toEqual({
      error: "Committee_NoSuchMember",
      args: [7n, 7n],
    });
    const beyond = await refused({ payees: everybody | (1n << 7n) });
    expect(beyond).toEqual({ error: "Committee_BitmapOutOfRange", args: [128n, 255n] });
    expect((await refused({ turn: 2, failed: 1n << 9n })).error).toBe("Committee_BitmapOutOfRange");
  });

  it("have a leader and payees that did not fail", async () => {
    expect(await refused({ turn: 2, failed: 1n })).toEqual({ error: "Committee_LeaderFailed", args: [0n] });
    const paid = await refused({ turn: 2, failed: 2n, payees: everybody });
    expect(paid).toEqual({ error: "Committee_FailedPayee", args: [0n, 2n] });
  });

  it("may have no payee at all", async () => {
    const c = await committee.certificate(certified(groups), { payees: 0n });
    const receipt = await committee.certify(c, certified(groups));
    const args = committee.calledWith(receipt, groups[0] as StandIn);
    expect(args[2]).toBe(payoutWord({ sender: noSender, paid: 0, divisor: 7, n: 7, unpaid: everybody }));
  });

  it("need a quorum of signers, any of them", async () => {
    const few = await refused({}, { signers: range(4) });
    expect(few).toEqual({ error: "Committee_TooFewSigners", args: [5n, 4n] });
    const c = await committee.certificate(certified(groups));
    await committee.certify(c, certified(groups), { signers: [1, 2, 4, 5, 6] });
    expect(await committee.certifiedThrough()).toBe(c.te);
  });

  it("are of the version in force (R37)", async () => {
    expect(await refused({ version: 2 })).toEqual({ error: "Committee_WrongVersion", args: [1n, 2n] });
  });
});

describe("the signature of a certificate (R27)", () => {
  it("is of all the signers that are named, and of nobody else", async () => {
    const c = await committee.certificate(certified(groups));
    const digest = certificateDigest(committee.domain, c);
    const of = (signers: readonly number[]): string => committee.sign(c, signers);
    const bad = async (signature: string): Promise<string> =>
      (await world.failing(committee.certify(c, certified(groups), { signature }))).error;
    expect(await bad(of(range(6)))).toBe("Committee_BadSignature");
    const one = committee.member(0).secret;
    expect(await bad(aggregate([...committee.members.map(({ secret }) => secret), one], digest))).toBe(
      "Committee_BadSignature",
    );
    const secrets = committee.members.map(({ secret }) => secret);
    const other = domainOf(Number(world.chain.chainId), `0x${"11".repeat(20)}`);
    expect(await bad(aggregate(secrets, certificateDigest(other, c)))).toBe("Committee_BadSignature");
    const sum = secrets.reduce((a, b) => a + b, 0n) % (1n << 250n);
    const wrongTag = sign(
      sum,
      Buffer.from(digest.slice(2), "hex"),
      "WHITEPAY_SEED_V1_BLS12381G1_XMD:SHA-256_SSWU_RO_",
    );
    expect(await bad(wrongTag)).toBe("Committee_BadSignature");
    await committee.certify(c, certified(groups), { signature: of(range(7)) });
  });

  it("is a point, 128 bytes, not infinity (D5)", async () => {
    const point = (signature: string): Promise<Refusal> => refused({}, { signature });
    expect(await point(`0x${"01".repeat(127)}`)).toEqual({
      error: "Committee_BadSignatureLength",
      args: [128n, 127n],
    });
    expect((await point(`0x${"00".repeat(128)}`)).error).toBe("Committee_Infinity");
    expect((await point(`0x${"01".repeat(128)}`)).error).toBe("Committee_BadSignature");
  });

  it("is a point of the subgroup with reduced coordinates, and no fixed one (D5)", async () => {
    const { Fp } = bls12_381.fields;
    const { G1 } = bls12_381;
    const word = (value: bigint): string => value.toString(16).padStart(128, "0");
    const written = (x: bigint, y: bigint): string => `0x${word(x)}${word(y)}`;
    // A point of the curve y² = x³ + 4 outside the subgroup.
    let outside: { x: bigint; y: bigint } | undefined;
    for (let x = 1n; outside === undefined; x += 1n) {
      const square = Fp.add(Fp.mul(Fp.mul(x, x), x), 4n);
      const y = Fp.pow(square, (Fp.ORDER + 1n) / 4n);
      if (Fp.mul(y, y) === square && !G1.Point.fromAffine({ x, y }).isTorsionFree()) outside = { x, y };
    }
    const c = await committee.certificate(certified(groups));
    const good = committee.sign(c, range(7)).slice(2);
    const [x, y] = [BigInt(`0x${good.slice(0, 128)}`), BigInt(`0x${good.slice(128)}`)];
    const { x: baseX, y: baseY } = G1.Point.BASE.toAffine();
    for (const signature of [
      written(outside.x, outside.y),
      written(baseX, baseY),
      written(x, Fp.ORDER - y),
      written(x + Fp.ORDER, y),
      written(x, y + Fp.ORDER),
      written(0n, Fp.ORDER),
    ]) {
      const call = committee.certify(c, certified(groups), { signature });
      expect((await world.failing(call)).error).toBe("Committee_BadSignature");
    }
    await committee.certify(c, certified(groups), { signature: written(x, y) });
  });

  it("covers every field of the certificate and of its groups", async () => {
    const c = await committee.certificate(certified(groups));
    const signature = committee.sign(c, range(7));
    const forge = async (change: Partial<Certificate>): Promise<string> =>
      (await world.failing(committee.certify({ ...c, ...change }, certified(groups), { signature }))).error;
    expect(await forge({ payees: 1n })).toBe("Committee_BadSignature");
    expect(await forge({ leader: 1 })).toBe("Committee_BadSignature");
    expect(await forge({ count: 4 })).toBe("Committee_BadSignature");
    expect(await forge({ groups: ZeroHash as `0x${string}` })).toBe("Committee_BadSignature");
    const more = certified(groups).map((group) => ({
      ...group,
      items: group.items.map((item) => ({ ...item, spaceTime: item.spaceTime + 1n })),
    }));
    expect((await world.failing(committee.certify(c, more, { signature }))).error).toBe(
      "Committee_BadGroupProof",
    );
  });
});

describe("until te + ⌈2t/3⌉ the leader sends, then any member (R25)", () => {
  const send = async (
    sender: Keeper["operator"],
    after: number,
    change: Parameters<Committee["certificate"]>[1] = {},
  ): Promise<unknown> => {
    const c = await committee.certificate(certified(groups), change);
    const receipt = await committee.certify(c, certified(groups), { sender, block: c.te + after });
    return committee.calledWith(receipt, groups[0] as StandIn)[2];
  };
  const payout = { sender: 3, paid: 7, divisor: 7, n: 7, unpaid: 1n };

  it("refuses members before", async () => {
    const { operator } = committee.member(3);
    expect(await world.failing(send(operator, 19))).toEqual({
      error: "Committee_NotLeader",
      args: [committee.member(0).operator.address, operator.address],
    });
  });

  it("rounds two thirds of a turn up where three does not divide it", async () => {
    const other = await world.committee(await world.keepers(4), { rhythm: { turn: 40, interval: 80 } });
    const [leader, member] = [other.member(0).operator, other.member(3).operator];
    const c = await other.certificate([]);
    const sent = (after: number): Promise<unknown> =>
      other.certify(c, [], { sender: member, block: c.te + after });
    expect(await world.failing(sent(26))).toEqual({
      error: "Committee_NotLeader",
      args: [leader.address, member.address],
    });
    await sent(27);
  });

  it("gives the member that sends in the leader's place the leader's share", async () => {
    expect(await send(committee.member(3).operator, 20)).toBe(payoutWord(payout));
  });

  it("leaves the share to a leader that sends late", async () => {
    const own = { ...payout, sender: noSender, unpaid: 0n };
    expect(await send(committee.member(0).operator, 29)).toBe(payoutWord(own));
  });

  it("gives no share to a member that has failed, or of a leader that is no payee", async () => {
    const failed = { ...payout, sender: noSender, paid: 6, divisor: 6, unpaid: 0b1000n };
    expect(await send(committee.member(3).operator, 20, { turn: 2, failed: 0b1000n })).toBe(
      payoutWord(failed),
    );
    const unpaid = { ...payout, sender: noSender, paid: 6 };
    await world.chain.rpc("evm_revert", [snapshot]);
    snapshot = await world.chain.rpc("evm_snapshot");
    expect(await send(committee.member(3).operator, 20, { turn: 1, payees: everybody & ~1n })).toBe(
      payoutWord(unpaid),
    );
  });

  it("refuses outsiders", async () => {
    expect(await world.failing(send(world.convener, 20))).toEqual({
      error: "Committee_NotMember",
      args: [world.convener.address],
    });
  });
});

describe("a group that refuses", () => {
  const refusals = (receipt: Parameters<Committee["events"]>[0]): unknown[][] =>
    committee
      .events(receipt)
      .filter(({ name }) => name === "GroupRefused")
      .map(({ args }) => args);

  it("is named with its reason, stops no other, and leaves the certificate open (R29)", async () => {
    await become(groups[1] as StandIn, moods.refuses);
    const { certificate: c, receipt } = await committee.certifyNext(certified(groups));
    const [refusal] = refusals(receipt) as [unknown[]];
    const { contract, number } = groups[1] as StandIn;
    expect(refusal.slice(0, 3)).toEqual([BigInt(c.ts), BigInt(number), contract.target]);
    const reason = contract.interface.parseError(String(refusal[3]));
    expect([reason?.name, [...(reason?.args ?? [])]]).toEqual(["GroupStandIn_Refused", [42n]]);
    for (const index of [0, 2])
      expect(committee.events(receipt, (groups[index] as StandIn).contract)).toHaveLength(1);
    expect(committee.events(receipt).at(-1)?.args.at(-1)).toBe(true);
    await become(groups[1] as StandIn, moods.accepts);
    const later = await committee.settle(c, certified(groups), { first: 1, length: 1 });
    expect(committee.events(later, contract)).toHaveLength(1);
  });

  it("cannot use more gas than its bound, nor pass on more than 256 bytes", async () => {
    await become(groups[0] as StandIn, moods.burnsGas);
    await become(groups[1] as StandIn, moods.returnsTooMuch);
    const { receipt } = await committee.certifyNext(certified(groups));
    const [burnt, long] = refusals(receipt) as [unknown[], unknown[]];
    expect(burnt[3]).toBe("0x");
    expect(dataLength(String(long[3]))).toBe(256);
    expect(committee.events(receipt, (groups[2] as StandIn).contract)).toHaveLength(1);
    expect(Number(receipt.gasUsed)).toBeLessThan(1_400_000);
  });

  it("may have no code: the others are settled", async () => {
    const scope = certified(groups);
    const nobody = [
      { ...scope[0], group: `0x${"77".repeat(20)}` as const },
      ...scope.slice(1),
    ] as typeof scope;
    const { receipt } = await committee.certifyNext(nobody);
    expect(refusals(receipt).map((args) => args[3])).toEqual(["0x"]);
    expect(committee.events(receipt, (groups[2] as StandIn).contract)).toHaveLength(1);
  });

  it("is never made to fail by too little gas: the whole call reverts (R29)", async () => {
    const c = await committee.certificate(certified(groups));
    const limits = [400_000, 500_000, 600_000];
    await world.chain.before(c.te);
    for (const gasLimit of limits) {
      const refusal = await world.failing(committee.certify(c, certified(groups), { gasLimit }));
      expect(refusal.error).toBe("Committee_TooLittleGas");
      const [expected, actual] = refusal.args as [bigint, bigint];
      expect(actual).toBeLessThan(expected);
    }
    expect(await committee.certifiedThrough()).toBe(c.ts);
    const receipt = await committee.certify(c, certified(groups), { gasLimit: 1_000_000 });
    expect(refusals(receipt)).toEqual([]);
    for (const group of groups) {
      const args = committee.calledWith(receipt, group);
      // SettlementGas.worst(1, 7), less what the stand-in used before its event.
      expect(Number(args[4])).toBeGreaterThan(508_500 - 5_000);
    }
  });

  it("finds the committee moved on already when it calls back", async () => {
    const { contract } = groups[0] as StandIn;
    const c = await committee.certificate(certified(groups));
    const args = [c, everybody, committee.sign(c, range(7)), ...committee.handedIn(certified(groups))];
    const data = committee.contract.interface.encodeFunctionData("certify", args);
    await (await contract.getFunction("callBackWith")(data)).wait();
    const receipt = await committee.certify(c, certified(groups));
    expect(refusals(receipt)).toEqual([]);
    expect(await committee.certifiedThrough()).toBe(c.te);
  });
});
