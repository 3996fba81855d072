/** Settlement later, from a remembered certificate (R25, R29, R41). */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { ZeroHash, type TransactionReceipt } from "ethers";
import { bitmap } from "../../protocol/bitmap.ts";
import { certificateHash, type Certificate } from "../../protocol/certificate.ts";
import type { Refusal } from "../support/contracts/chain.ts";
import { payoutWord, periodWord } from "../support/contracts/words.ts";
import type { Keeper } from "../support/contracts/basics.ts";
import { certified, type Committee, type StandIn } from "../support/contracts/committee-contract.ts";
import { CommitteeWorld } from "../support/contracts/committee-world.ts";

const noSender = 255;
let world: CommitteeWorld;
let committee: Committee;
let groups: StandIn[];
let snapshot: unknown;

beforeAll(async () => {
  world = await CommitteeWorld.open();
  committee = await world.committee(await world.keepers(4));
  groups = await committee.enterStandIns(5);
});
afterAll(() => world.chain.close());
beforeEach(async () => {
  snapshot = await world.chain.rpc("evm_snapshot");
});
afterEach(async () => {
  await world.chain.rpc("evm_revert", [snapshot]);
  committee.members = await world.keepers(4);
});

/** Indices of the groups that were called, with the words that they were called with. */
function called(receipt: TransactionReceipt): { index: number; period: unknown; payout: unknown }[] {
  return groups.flatMap(({ contract }, index) =>
    committee.events(receipt, contract).map(({ args }) => ({ index, period: args[1], payout: args[2] })),
  );
}

describe("a certificate whose groups were not all settled at once", () => {
  it("is remembered under its ts for good, with its end and the block of acceptance", async () => {
    const { certificate: c, receipt } = await committee.certifyNext(certified(groups), {
      first: 1,
      length: 2,
    });
    expect(called(receipt).map(({ index }) => index)).toEqual([1, 2]);
    expect(committee.events(receipt).at(-1)?.args.at(-1)).toBe(true);
    expect(await committee.read("certificateAt", c.ts)).toEqual([BigInt(c.te), BigInt(receipt.blockNumber)]);
    const word = BigInt(await committee.read("rememberedAt", c.ts));
    expect(word >> 56n).toBe(BigInt(certificateHash(c)) >> 56n);
    for (let i = 0; i < 3; i += 1) await committee.certifyNext(certified(groups));
    const later = await committee.settle(c, certified(groups), { first: 3, length: 2 });
    expect(called(later).map(({ index }) => index)).toEqual([3, 4]);
    expect(BigInt(await committee.read("rememberedAt", c.ts))).toBe(word);
  });

  it("remembers the last block of its window, too", async () => {
    const c = await committee.certificate(certified(groups));
    await committee.certify(c, certified(groups), { block: c.te + 29, length: 0 });
    expect(await committee.read("certificateAt", c.ts)).toEqual([BigInt(c.te), BigInt(c.te + 29)]);
  });

  it("stores nothing if all were (R41)", async () => {
    const { certificate: c } = await committee.certifyNext(certified(groups));
    expect(await committee.read("rememberedAt", c.ts)).toBe(ZeroHash);
    expect(await committee.read("certificateAt", c.ts)).toEqual([0n, 0n]);
    expect(await world.failing(committee.settle(c, certified(groups)))).toEqual({
      error: "Committee_NotRemembered",
      args: [ZeroHash, certificateHash(c)],
    });
  });

  it("is settled by anybody, in any order, with the committee's progress at the time of the call", async () => {
    const { certificate: c } = await committee.certifyNext(certified(groups), { length: 0 });
    await committee.certifyNext(certified(groups), { length: 0 });
    const { certificate: latest } = await committee.certifyNext(certified(groups));
    for (const [first, length] of [
      [4, 1],
      [0, 2],
      [2, 2],
    ] as const) {
      const calls = called(await committee.settle(c, certified(groups), { first, length }));
      expect(calls.map(({ index }) => index)).toEqual(Array.from({ length }, (_, i) => first + i));
      // The members took effect before ts: no more is said than that.
      const period = { version: 1, versionFrom: 0, certifiedThrough: latest.te, ts: c.ts, te: c.te };
      expect(calls[0]?.period).toBe(periodWord({ ...period, number: first + 1 }));
    }
  });

  it("is refused with one field changed, and under another ts", async () => {
    const { certificate: c } = await committee.certifyNext(certified(groups), { length: 0 });
    const { certificate: second } = await committee.certifyNext(certified(groups), { length: 0 });
    const refused = async (change: Partial<Certificate>): Promise<Refusal> =>
      world.failing(committee.settle({ ...c, ...change }, certified(groups)));
    const changes: Partial<Certificate>[] = [
      { te: c.te + 30 },
      { ts: second.ts },
      { version: 2 },
      { leader: 1 },
      { failed: 1n },
      { payees: 1n },
      { count: 4 },
      { groups: second.groups.replace(/..$/, "00") as `0x${string}` },
    ];
    for (const change of changes) {
      expect((await refused(change)).error).toBe("Committee_NotRemembered");
    }
    expect((await refused({ ts: c.ts + 1 })).args[0]).toBe(ZeroHash);
  });

  it("names a group that refuses, and settles the others", async () => {
    const { certificate: c } = await committee.certifyNext(certified(groups), { length: 0 });
    await (await groups[1]?.contract.getFunction("become")(1))?.wait();
    const receipt = await committee.settle(c, certified(groups));
    expect(called(receipt).map(({ index }) => index)).toEqual([0, 2, 3, 4]);
    expect(committee.events(receipt).map(({ name, args }) => [name, args[1]])).toEqual([
      ["GroupRefused", 2n],
    ]);
  });

  it("is not settled with too little gas", async () => {
    const { certificate: c } = await committee.certifyNext(certified(groups), { length: 0 });
    const call = committee.settle(c, certified(groups), { gasLimit: 450_000 });
    expect((await world.failing(call)).error).toBe("Committee_TooLittleGas");
  });

  it("credits the members that signed it, after others took over", async () => {
    const all = await world.keepers(6);
    const next = [...all.slice(0, 3), all[5] as Keeper];
    await committee.propose(next);
    for (const { operator } of next) await committee.send(operator, "consent", [2]);
    const { certificate: old } = await committee.certifyNext(certified(groups), { length: 0 });
    committee.members = next;
    const { certificate: theirs } = await committee.certifyNext(certified(groups), { length: 0 });
    const base = { certifiedThrough: theirs.te, number: 1 };
    const [first] = called(await committee.settle(old, certified(groups), { length: 1 }));
    expect(first?.period).toBe(periodWord({ ...base, version: 1, versionFrom: 0, ts: old.ts, te: old.te }));
    const [second] = called(await committee.settle(theirs, certified(groups), { length: 1 }));
    expect(second?.period).toBe(
      periodWord({ ...base, version: 2, versionFrom: old.te, ts: theirs.ts, te: theirs.te }),
    );
    // R25: a member of the version that signed, who is none any more, takes the share of its leader.
    const former = all[3] as Keeper;
    await world.chain.before(theirs.te + 25);
    const late = called(
      await committee.settle(old, certified(groups), { length: 1, sender: former.operator }),
    );
    expect(late[0]?.payout).toBe(payoutWord({ sender: 3, paid: 4, divisor: 4, n: 4, unpaid: 1n }));
    const newcomer = (all[5] as Keeper).operator;
    const none = called(await committee.settle(old, certified(groups), { length: 1, sender: newcomer }));
    expect(none[0]?.payout).toBe(payoutWord({ sender: noSender, paid: 4, divisor: 4, n: 4, unpaid: 0n }));
  });
});

describe("the leader's share in a group that is settled later (R25)", () => {
  const all = { paid: 4, divisor: 4, n: 4 };
  const kept = payoutWord({ ...all, sender: noSender, unpaid: 0n });

  async function payoutOf(
    sender: Keeper["operator"],
    after: number,
    change: Partial<Certificate> = {},
  ): Promise<unknown> {
    const c = await committee.certificate(certified(groups), { turn: 1, ...change });
    await committee.certify(c, certified(groups), { length: 0 });
    await world.chain.before(c.te + after);
    return called(await committee.settle(c, certified(groups), { length: 1, sender }))[0]?.payout;
  }

  it("stays with the leader before te + ⌈2t/3⌉, whoever settles", async () => {
    expect(await payoutOf(committee.member(2).operator, 19)).toBe(kept);
  });

  it("goes to the member that settles from then on", async () => {
    const payout = payoutWord({ ...all, sender: 2, unpaid: 1n });
    expect(await payoutOf(committee.member(2).operator, 20)).toBe(payout);
  });

  it("stays with the leader if it settles itself, or an outsider does", async () => {
    expect(await payoutOf(committee.member(0).operator, 25)).toBe(kept);
    expect(await payoutOf(world.convener, 500)).toBe(kept);
  });

  it("goes to nobody if the leader is no payee", async () => {
    const unpaid = payoutWord({ ...all, paid: 3, sender: noSender, unpaid: 1n });
    expect(await payoutOf(committee.member(2).operator, 20, { payees: 0b1110n })).toBe(unpaid);
  });

  it("does not go to a member that has failed", async () => {
    const ts = await committee.certifiedThrough();
    const change = { te: ts + 70, failed: bitmap([2]), payees: 0b1011n };
    const payout = payoutWord({ sender: noSender, paid: 3, divisor: 3, n: 4, unpaid: 0b0100n });
    expect(await payoutOf(committee.member(2).operator, 20, change)).toBe(payout);
  });
});
