/** What a group's settlement needs at worst, by provider, by member and besides, against the bound of its gas (R29). */
import type { Contract } from "ethers";
import { worstGas } from "../../protocol/handing-in.ts";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { range } from "../support/contracts/basics.ts";
import { deployContract, gasCap } from "../support/contracts/chain.ts";
import { GroupWorld, type Committee, type Group } from "../support/contracts/group-world.ts";
import {
  changeAll,
  gasNeeded,
  inArrears,
  inBlocks,
  mostChanges,
  passSlot,
  settleFor,
  third,
  type Interval,
  type Members,
} from "../support/contracts/worst-settlement.ts";

const interval = 1_000;
/** A slot that is written for the first time. */
const newSlot = 22_100;

let world: GroupWorld;
let library: Contract;
let committee: Committee;
let snapshot: unknown;
beforeAll(async () => {
  world = await GroupWorld.open();
  library = await deployContract("SettlementGasHarness", world.payer);
  committee = await world.committee({ interval });
}, 600_000);
afterAll(() => world.chain.close());

/** What a committee of n calls a group with. */
const bound = async (items: number, n: number): Promise<number> =>
  Number(await library.getFunction("worst").staticCall(items, n));

const needed = async (group: Group, at: Interval, members: Members): Promise<number> => {
  const items = third(group.providers.length, interval);
  return gasNeeded(group, at, items, members, await bound(items.length, members.n));
};

const settle = async (group: Group, at: Interval, members: Members): Promise<void> =>
  settleFor(group, at, third(group.providers.length, interval), members);

describe("the bound on a group's gas, by provider", () => {
  const sizes = [4, 12] as const;
  let groups: Group[];

  /** Every provider in arrears, with one change less than the most ahead of settledThrough. */
  beforeAll(async () => {
    groups = [];
    for (const size of sizes) groups.push(await inArrears(world, committee, size));
    const first = await committee.certify();
    for (const group of groups) await settle(group, first, { n: 4 });
    for (let round = 0; round < mostChanges - 1; round += 1) {
      for (const group of groups) await changeAll(group, round);
      await passSlot(groups[1] as Group);
    }
  }, 600_000);
  beforeEach(async () => {
    snapshot = await world.chain.rpc("evm_snapshot");
  });
  afterEach(() => world.chain.rpc("evm_revert", [snapshot]));

  /** The last change that has room, `before` so many blocks before the end of the next interval. */
  async function changeBefore(before: number): Promise<void> {
    await world.chain.before((await committee.certifiedThrough()) + interval - before);
    for (const group of groups) await changeAll(group, mostChanges - 1);
  }

  async function removeAll(): Promise<void> {
    for (const group of groups)
      await inBlocks(
        group,
        group.providers.map((_, i) => ["removeProvider", [i]] as const),
      );
  }

  const states: readonly (readonly [string, () => Promise<void>])[] = [
    ["16 changes that take effect", async () => changeBefore(300)],
    ["a change after the interval", async () => changeBefore(2)],
    [
      "a leaving in the interval",
      async () => {
        await changeBefore(300);
        await removeAll();
      },
    ],
    [
      "a leaving after the interval",
      async () => {
        await changeBefore(50);
        await removeAll();
      },
    ],
  ];

  it.each(states)("covers arrears and %s", async (_, arrange) => {
    await arrange();
    const slopes: number[] = [];
    const at = await committee.certify();
    for (const deposit of [100_000n, 10_000_000n]) {
      // Arrears are paid in part, and then wholly.
      for (const group of groups) await group.deposit(deposit * BigInt(group.providers.length));
      const used: number[] = [];
      for (const group of groups) {
        const last = await group.read("provider", group.providers.length - 1);
        expect(last.arrears).toBeGreaterThan(0n);
        expect(last.unsettledChanges).toBeGreaterThanOrEqual(BigInt(mostChanges));
        used.push(await needed(group, at, { n: 4, unpaid: [1], sender: 2 }));
      }
      slopes.push(((used[1] as number) - (used[0] as number)) / (sizes[1] - sizes[0]));
    }
    // R30's division of 512 bits, which blocks of years would need, is not in these states.
    const division = async (x: bigint): Promise<number> =>
      Number(await library.getFunction("divisionGas").staticCall(x, 2n ** 176n, 2n ** 160n));
    const margin = (await division(2n ** 96n)) - (await division(2n ** 70n));
    console.log(`gas of a provider: ${slopes.map(Math.ceil).join(" and ")}, division ${margin} more`);
    expect(margin).toBeGreaterThan(0);
    expect((await bound(1, 4)) - (await bound(0, 4))).toBeGreaterThanOrEqual(Math.max(...slopes) + margin);
  });
});

describe("the bound on a group's gas, by member and besides", () => {
  /** In arrears, and all members but the first one unpaid for the first time. */
  async function unpaidAtFirst(n: number): Promise<Group> {
    const group = await inArrears(world, committee, 1);
    let at = await committee.certify();
    while (at.te <= (await group.activeFrom(0))) at = await committee.certify();
    await settle(group, at, { n, unpaid: range(n - 1, 1) });
    expect((await group.read("provider", 0)).arrears).toBeGreaterThan(0n);
    return group;
  }

  /** Gas for the next interval, which is settled when the one after it is certified already (R34). */
  async function lateNeed(group: Group, members: Members): Promise<number> {
    const at = await committee.certify();
    await committee.certify();
    const gas = await needed(group, at, members);
    await settle(group, at, members);
    return gas;
  }

  const states: readonly (readonly [string, (group: Group) => Promise<void>, Partial<Members>])[] = [
    [
      "the end of a group in arrears",
      async (group) => {
        await group.send(world.payer, "terminate");
        await group.deposit(20_000n);
      },
      {},
    ],
    [
      "the end of a group in arrears, with a new version of the committee",
      async (group) => {
        await group.send(world.payer, "terminate");
        await group.deposit(20_000n);
      },
      { version: 2 },
    ],
    [
      "a move to another committee",
      async (group) => {
        await group.deposit(10n ** 9n);
        const next = await world.committee({ interval });
        await group.send(world.payer, "enter", [await next.address(), 1]);
      },
      {},
    ],
  ];

  it.each(states)("covers all debts and %s", async (_, arrange, change) => {
    const used: number[] = [];
    const sizes = [4, 31] as const;
    for (const n of sizes) {
      const group = await unpaidAtFirst(n);
      await arrange(group);
      // The debts of before are written, and a new slot for the member that takes the leader's share.
      used.push(await lateNeed(group, { n, unpaid: range(n - 1), sender: n - 1, ...change }));
      const { ended, service } = await group.read("state");
      expect(ended || service.committee !== (await committee.address())).toBe(true);
      expect((await bound(1, n)) - (used.at(-1) as number)).toBeGreaterThanOrEqual(newSlot);
    }
    const perMember = ((used[1] as number) - (used[0] as number)) / (sizes[1] - sizes[0]);
    console.log(
      `gas with ${sizes.join(" and ")} members: ${used.join(" and ")}, of a member ${Math.ceil(perMember)}`,
    );
    expect((await bound(1, 5)) - (await bound(1, 4))).toBeGreaterThanOrEqual(perMember);
  });
});

describe("what a keeper counts on before it hands a group in", () => {
  it.each([
    [1, 4],
    [256, 4],
    [1, 124],
    [256, 124],
  ])(
    "is what the committee requires of the transaction: the bound and its reserve (%i items, n=%i)",
    async (items, n) => {
      const reserve = 10_000;
      const expected = Math.ceil((((await bound(items, n)) + reserve) * 64 * 64) / (63 * 63));
      expect(worstGas(items, n)).toBe(expected);
    },
  );
});

describe("the bound of the largest group in the largest committee", () => {
  it("leaves a transaction what else it needs", async () => {
    // Measured by the long test of a real one, with f absent signers: 21 k, some 60 k of calldata, and 220 k in the committee.
    const besides = 500_000;
    expect(worstGas(256, 124)).toBeLessThanOrEqual(gasCap - besides);
  });
});
