/** Providers, their data and consents (R33). */
import { ZeroAddress, ZeroHash, type Wallet } from "ethers";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { deployContract, send } from "../support/contracts/chain.ts";
import { peerId } from "../support/contracts/keys.ts";
import {
  gibibyte,
  GroupWorld,
  perGibibyteBlock,
  type DataTerms,
  type Group,
} from "../support/contracts/group-world.ts";

let world: GroupWorld;
beforeAll(async () => {
  world = await GroupWorld.open();
});
afterAll(() => world.chain.close());

/** A change that takes effect now, so that the next one has a slot of its own. */
async function nextSlot(group: Group): Promise<void> {
  const [, from] = await group.read("effectiveFrom");
  await world.chain.before(Number(from) + 1);
}

describe("a consent", () => {
  let group: Group;
  let operator: Wallet;
  beforeAll(async () => {
    group = await world.group();
    operator = await world.provider("providers p0");
  });

  async function adding(change: Partial<DataTerms>, signed: Partial<DataTerms> = {}): Promise<unknown> {
    const terms = await group.terms(operator.address, change);
    const signature = await group.consent(operator, { ...terms, ...signed });
    return group.send(world.payer, "addProvider", [operator.address, terms, signature]);
  }

  it.each([
    ["root", { root: ZeroHash }, "Upkeeping_ZeroRoot"],
    ["size 0", { size: 0n }, "Upkeeping_BadSize"],
    ["size beyond 2^56 − 1", { size: 1n << 56n }, "Upkeeping_BadSize"],
    ["receipt key", { receiptKey: ZeroAddress }, "Upkeeping_ZeroReceiptKey"],
    ["sequence", { sequence: 7n }, "Upkeeping_WrongSequence"],
    ["deadline", { deadline: 1n }, "Upkeeping_ConsentExpired"],
  ])("with a bad %s is refused", async (_, change, error) => {
    expect((await world.failing(adding(change))).error).toBe(error);
  });

  it.each([
    ["size", { size: 5n }],
    ["price", { price: 5n }],
    ["root", { root: `0x${"11".repeat(32)}` }],
    ["receipt key", { receiptKey: `0x${"22".repeat(20)}` }],
    ["deadline", { deadline: 99_999n }],
  ])("over another %s is refused", async (_, signed) => {
    expect((await world.failing(adding({}, signed))).error).toBe("Upkeeping_BadConsent");
  });

  it("for another committee is refused: a provider agrees to who will check it", async () => {
    const terms = await group.terms(operator.address);
    const signature = await group.consent(operator, terms, world.keepers[0]?.address);
    const call = group.send(world.payer, "addProvider", [operator.address, terms, signature]);
    expect((await world.failing(call)).error).toBe("Upkeeping_BadConsent");
  });

  it("counts through its deadline, once, unless it was revoked", async () => {
    const terms = await group.terms(operator.address, { sequence: 2n });
    const signature = await group.consent(operator, terms);
    await group.send(operator, "revokeConsent");
    const deadline = BigInt((await world.chain.block()) + 1);
    await adding({ deadline });
    const again = group.send(world.payer, "addProvider", [operator.address, terms, signature]);
    expect((await world.failing(again)).error).toBe("Upkeeping_ProviderExists");
    const change = group.send(world.payer, "changeData", [0, terms, signature]);
    expect(await world.failing(change)).toEqual({ error: "Upkeeping_WrongSequence", args: [3n, 2n] });
  });

  it("may come from a contract (ERC-1271)", async () => {
    const owner = await world.chain.account("owner of a contract");
    const wallet = await deployContract("ContractWallet", owner);
    const address = await wallet.getAddress();
    const register = world.registry.interface.encodeFunctionData("registerProvider", [
      address,
      peerId("contract"),
      ["/ip4/127.0.0.1/tcp/2"],
    ]);
    await send(wallet, owner, "run", [await world.registry.getAddress(), register]);
    const terms = await group.terms(address);
    const stranger = await group.consent(operator, terms);
    expect(
      (await world.failing(group.send(world.payer, "addProvider", [address, terms, stranger]))).error,
    ).toBe("Upkeeping_BadConsent");
    await group.send(world.payer, "addProvider", [address, terms, await group.consent(owner, terms)]);
    expect((await group.read("provider", 1)).operator).toBe(address);
  });

  it("is not enough for somebody who is no registered provider", async () => {
    const nobody = await world.chain.account("no provider");
    const terms = await group.terms(nobody.address);
    const call = group.send(world.payer, "addProvider", [
      nobody.address,
      terms,
      await group.consent(nobody, terms),
    ]);
    expect((await world.failing(call)).error).toBe("Upkeeping_NotAProvider");
  });

  it("is used by the payer alone", async () => {
    const terms = await group.terms(operator.address);
    const signature = await group.consent(operator, terms);
    const call = group.send(operator, "changeData", [0, terms, signature]);
    expect((await world.failing(call)).error).toBe("Upkeeping_NotPayer");
  });
});

describe("data", () => {
  it("take effect with the first slot that starts more than confirmations blocks later", async () => {
    const group = await world.group();
    const [committee, from] = await group.read("effectiveFrom");
    expect(committee).toBe(await group.committee.address());
    const origin = Number(await group.committee.contract.getFunction("originBlock")());
    const index = await group.add("providers p0");
    const at = await world.chain.block();
    const begin = await group.activeFrom(index);
    expect((begin - origin) % 5).toBe(0);
    expect(begin).toBeGreaterThan(at + 1);
    expect(begin).toBeLessThanOrEqual(at + 6);
    expect(Number(from)).toBeLessThanOrEqual(begin);
  });

  it("for the same slot replace each other", async () => {
    const group = await world.group();
    await group.add("providers p0");
    // The next two transactions are the first and the second of a slot of five blocks.
    await world.chain.before((await group.activeFrom(0)) + 1);
    await group.change(0, { size: 2n * gibibyte });
    await group.change(0, { size: 3n * gibibyte });
    const data = await group.read("dataOf", 0);
    const sizes = data.map(({ size }: { size: bigint }) => size);
    expect(sizes.at(-1)).toBe(3n * gibibyte);
    const starts = data.map(({ from }: { from: bigint }) => from);
    expect(new Set(starts).size).toBe(starts.length);
    expect(sizes).not.toContain(2n * gibibyte);
  });

  it("change at most 16 times before they are settled; leaving always has room (R33)", async () => {
    const group = await world.group();
    await group.add("providers p0");
    for (let i = 0; i < 15; i += 1) {
      await nextSlot(group);
      await group.change(0, { size: BigInt(i + 2) * gibibyte });
    }
    await nextSlot(group);
    expect(await world.failing(group.change(0, { size: 99n * gibibyte }))).toEqual({
      error: "Upkeeping_TooManyChanges",
      args: [16n, 17n],
    });
    await group.send(world.payer, "removeProvider", [0]);
    expect((await group.read("provider", 0)).unsettledChanges).toBe(17n);

    // All of them are paid, each for its blocks.
    const data = await group.read("dataOf", 0);
    await group.committee.catchUp();
    const leavesAt = Number((await group.read("provider", 0)).leavesAt);
    let [settled, credited] = [0n, 0n];
    const before = await group.credit(0);
    // Certified intervals are settled one after another: the test certified them all, so it asks for each again.
    let ts = Number((await group.read("state")).service.from);
    const origin = Number(await group.committee.contract.getFunction("originBlock")());
    ts = origin + Math.floor((ts - origin) / 40) * 40;
    while (ts < leavesAt) {
      if (ts + 40 > (await group.committee.certifiedThrough())) await group.committee.certify();
      const items = await group.items(ts + 40);
      if (items.length > 0) {
        for (const part of group.settled(await group.settle({ ts, te: ts + 40 }, items)).providers) {
          settled += part.spaceTime;
        }
      }
      ts += 40;
    }
    credited = (await group.credit(0)) - before;
    const committed = data
      .slice(0, -1)
      .reduce(
        (sum: bigint, { from, size }: { from: bigint; size: bigint }, i: number) =>
          sum + size * (data[i + 1].from - from),
        0n,
      );
    expect(settled).toBe(committed);
    // Rounding is down, by less than two units an interval.
    const due = (committed / gibibyte) * 900n;
    expect(due - credited).toBeLessThan(20n);
    expect(credited).toBeLessThanOrEqual(due);
    expect((await group.read("provider", 0)).closed).toBe(true);
    await group.checkBooks();
  });

  it("that need no more money are never refused for a short escrow", async () => {
    const group = await world.group({ deposit: 200_000n });
    await group.add("providers p0", { size: gibibyte });
    await world.chain.before((await world.chain.block()) + 150);
    await group.change(0, { size: gibibyte / 2n });
    const call = group.change(0, { size: gibibyte, price: perGibibyteBlock(1_001n) });
    expect((await world.failing(call)).error).toBe("Upkeeping_Underfunded");
  });
});

describe("a provider leaves", () => {
  it("lockup blocks after the payer's notice, and is paid until then", async () => {
    const group = await world.group();
    await group.add("providers p0");
    await group.settleNext();
    const receipt = await group.send(world.payer, "removeProvider", [0]);
    const { leavesAt } = await group.read("provider", 0);
    expect(Number(leavesAt)).toBeGreaterThanOrEqual(receipt.blockNumber + 100);
    expect(Number(leavesAt)).toBeLessThan(receipt.blockNumber + 105);
    expect((await world.failing(group.send(world.payer, "removeProvider", [0]))).error).toBe(
      "Upkeeping_NoticeGiven",
    );
    expect((await world.failing(group.change(0, {}))).error).toBe("Upkeeping_ProviderLeaves");
    let paid = 0n;
    while ((await group.settledThrough()) < leavesAt) {
      paid += (await group.settleNext()).providers[0]?.spaceTime ?? 0n;
    }
    expect((await group.read("provider", 0)).closed).toBe(true);
    expect((await group.read("state")).listed).toBe(0n);
    expect(paid % gibibyte).toBe(0n);
    // It may come back, under a new index.
    expect(await group.add("providers p0")).toBe(1);
    await group.checkBooks();
  });

  it("lockup blocks after its own notice; with both sides' with the next slot", async () => {
    const group = await world.group();
    await group.add("providers p0");
    await group.settleNext();
    const operator = group.providers[0] as Wallet;
    expect((await world.failing(group.send(world.payer, "giveNotice", [0]))).error).toBe(
      "Upkeeping_NotThatProvider",
    );
    await group.send(operator, "giveNotice", [0]);
    const late = (await group.read("provider", 0)).leavesAt;
    const receipt = await group.send(world.payer, "removeProvider", [0]);
    const { leavesAt, noticeByPayer, noticeByProvider } = await group.read("provider", 0);
    expect([noticeByPayer, noticeByProvider]).toEqual([true, true]);
    expect(leavesAt).toBeLessThan(late);
    expect(Number(leavesAt)).toBeLessThanOrEqual(receipt.blockNumber + 6);
    await group.settleNext();
    expect((await group.read("provider", 0)).closed).toBe(true);
  });

  it("no later because the other side gives notice shortly before it leaves", async () => {
    const group = await world.group();
    await group.add("providers p0");
    await group.settleNext();
    await group.send(world.payer, "removeProvider", [0]);
    const { leavesAt } = await group.read("provider", 0);
    // The next slot that starts more than confirmations blocks later is behind that block.
    await world.chain.before(Number(leavesAt));
    expect((await group.read("effectiveFrom"))[1]).toBeGreaterThan(leavesAt);
    await group.send(group.providers[0] as Wallet, "giveNotice", [0]);
    expect((await group.read("provider", 0)).leavesAt).toBe(leavesAt);
  });

  it.each([false, true])(
    "with the settlement that ends where it leaves; its data changed in that interval: %s",
    async (changes) => {
      const group = await world.group();
      await group.add("providers p0");
      await group.add("providers p1");
      await group.settleNext();
      const te = (await group.settledThrough()) + 40;
      await world.chain.before(te - 20);
      if (changes) await group.change(1, { size: 2n * gibibyte });
      await world.chain.before(te - 4);
      await group.send(group.providers[1] as Wallet, "giveNotice", [1]);
      await group.send(world.payer, "removeProvider", [1]);
      expect((await group.read("provider", 1)).leavesAt).toBe(BigInt(te));
      await group.settleNext();
      expect(await group.settledThrough()).toBe(te);
      expect((await group.read("provider", 1)).closed).toBe(true);
      expect((await group.settleNext()).providers.map(({ provider }) => provider)).toEqual([0]);
      await group.checkBooks();
    },
  );

  it("not in the block in which it begins", async () => {
    const group = await world.group();
    await group.add("providers p0");
    const operator = await world.provider("providers p1");
    // The next three transactions are in one slot.
    await world.chain.before((await group.activeFrom(0)) + 1);
    const terms = await group.terms(operator.address);
    const signature = await group.consent(operator, terms);
    await group.send(world.payer, "addProvider", [operator.address, terms, signature]);
    await group.send(operator, "giveNotice", [1]);
    const begin = BigInt(await group.activeFrom(1));
    // Both agree at once: it would leave in the next slot, that of its beginning.
    expect(await world.failing(group.send(world.payer, "removeProvider", [1]))).toEqual({
      error: "Upkeeping_NotActiveYet",
      args: [begin, begin],
    });
  });
});

describe("the ceiling", () => {
  it("bounds the providers of a group; it can be raised", async () => {
    const group = await world.group({ ceiling: 1 });
    await group.add("providers p0");
    const call = group.add("providers p1");
    expect(await world.failing(call)).toEqual({ error: "Upkeeping_TooManyProviders", args: [1n, 2n] });
    expect((await world.failing(group.send(world.payer, "raiseCeiling", [1]))).error).toBe(
      "Upkeeping_BadCeiling",
    );
    expect((await world.failing(group.send(world.payer, "raiseCeiling", [257]))).error).toBe(
      "Upkeeping_BadCeiling",
    );
    await group.send(world.payer, "raiseCeiling", [2]);
    await group.add("providers p1");
  });

  it("is paid for: raising it is refused without the money (R32)", async () => {
    // 100 blocks of lockup for each reserved provider.
    const group = await world.group({ config: { keeperFee: 65_536n }, ceiling: 2, deposit: 10_000n });
    expect((await world.failing(group.send(world.payer, "raiseCeiling", [200]))).error).toBe(
      "Upkeeping_Underfunded",
    );
  });
});

describe("without a committee", () => {
  it("changes and leaving take effect in the next block", async () => {
    const group = await world.group({ ceiling: 0 });
    expect((await group.read("effectiveFrom"))[0]).toBe(ZeroAddress);
    await group.add("providers p0");
    expect(await group.activeFrom(0)).toBe((await world.chain.block()) + 1);
    await world.chain.before((await world.chain.block()) + 5);
    await group.send(world.payer, "removeProvider", [0]);
    expect(Number((await group.read("provider", 0)).leavesAt)).toBe((await world.chain.block()) + 1);
  });
});
