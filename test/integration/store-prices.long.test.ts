/**
 * Prices that change between two stores and before a repair, with real processes. Deposit and runway are compared with the rules:
 * a price is in units per 2^64 byte·blocks (R4), R30 says what blocks cost, R32 what the escrow must hold.
 */
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import { GroupView, type GroupPage, type ProviderAccount } from "../../client/group-view.ts";
import { openStoring, type Storing } from "../support/storing.ts";
import { expectReadable, folderOf, operatorOf, sourceOf } from "../support/storing-steps.ts";

type Stored = { group: string; deposit: string; items: { copies: { provider: string }[] }[] };
type Repaired = { repaired: { name: string; from: string; to: string }[]; unrepairable: string[] };

const minutes = 60_000;
const storedBlocks = 5_000;
/** A catalogue and the head of an age file are estimated with fewer bytes beyond their own than this. */
const estimatedBytes = 8_192n;

let scene: Storing;
let token: string;
let group: string;

beforeAll(async () => {
  scene = await openStoring({ providers: 5 });
  token = await scene.community.base.deployment.token.getAddress();
}, 400_000);
afterAll(() => scene?.close(), 60_000);

/** R4: whole tokens (18 decimals) per TiB and month of 30 days, in blocks of one second, as the contract's price. */
function priceOf(perMonth: bigint): bigint {
  return (perMonth * 10n ** 18n * 2n ** 64n) / (2n ** 40n * 30n * 24n * 3600n);
}

function dividedUp(value: bigint, by: bigint): bigint {
  return (value + by - 1n) / by;
}

type Facts = {
  readonly page: GroupPage;
  readonly accounts: readonly ProviderAccount[];
  readonly head: number;
  readonly ceiling: bigint;
};

async function facts(): Promise<Facts> {
  const { provider, lens } = scene.community.base;
  const view = new GroupView(provider, { address: group, lens });
  const [page, accounts, head] = await Promise.all([
    view.page(),
    view.providers(),
    provider.getBlockNumber(),
  ]);
  return { page, accounts, head, ceiling: BigInt(page.state.service?.ceiling ?? 0) };
}

const sum = (values: readonly bigint[]): bigint => values.reduce((all, one) => all + one, 0n);
const larger = (a: bigint, b: bigint): bigint => (a > b ? a : b);

/** Bytes × price × blocks of one provider in [settledThrough, until). */
function valueUntil({ data }: ProviderAccount, settledThrough: number, until: number): bigint {
  return sum(
    data.map(({ from, bytes, price }, i) => {
      const [start, end] = [Math.max(from, settledThrough), Math.min(data[i + 1]?.from ?? until, until)];
      return bytes * price * BigInt(Math.max(0, end - start));
    }),
  );
}

function feeUntil({ page, ceiling }: Facts, until: number): bigint {
  return dividedUp(page.config.keeperFee * ceiling * BigInt(until - page.state.settledThrough), 65_536n);
}

/** R30: the most that the blocks of [settledThrough, until) cost, the keepers' fee with them. */
function costUntil(all: Facts, until: number): bigint {
  const { settledThrough } = all.page.state;
  const value = sum(all.accounts.map((one) => valueUntil(one, settledThrough, until)));
  return dividedUp(value, 2n ** 64n) + feeUntil(all, until);
}

/** R32: the unsettled blocks, and the lockup at each provider's largest price × bytes; for one that leaves, the blocks until then. */
function required(all: Facts): bigint {
  const { config, state } = all.page;
  const now = Math.max(all.head, state.settledThrough);
  const value = sum(
    all.accounts.map((one) => {
      const until = one.leavesAt ?? Number.POSITIVE_INFINITY;
      const peak = one.data.reduce((most, { bytes, price }) => larger(most, bytes * price), 0n);
      const ahead = one.leavesAt === undefined ? config.lockup : Math.max(0, until - now);
      return valueUntil(one, state.settledThrough, Math.min(now, until)) + peak * BigInt(ahead);
    }),
  );
  return dividedUp(value, 2n ** 64n) + feeUntil(all, now + config.lockup);
}

/** The first block that the escrow does not pay for at full proof, by halving. */
function fundedUntil(all: Facts): number {
  let [paid, unpaid] = [all.page.state.settledThrough, 10 ** 9];
  while (unpaid - paid > 1) {
    const middle = Math.floor((paid + unpaid) / 2);
    if (costUntil(all, middle) <= all.page.escrow.available) paid = middle;
    else unpaid = middle;
  }
  return paid;
}

const accountOf = ({ accounts }: Facts, index: number): ProviderAccount | undefined =>
  accounts.find(({ operator }) => operator === operatorOf(scene, index));
const priceNow = (all: Facts, index: number): bigint | undefined => accountOf(all, index)?.data.at(-1)?.price;

/** Sets the offer of a running provider, and waits until payers see it. @param perMonth undefined: it offers nothing */
async function offer(index: number, perMonth: bigint | undefined): Promise<void> {
  const words = perMonth === undefined ? ["--withdraw"] : ["--price", `${token}=${perMonth}`];
  const config = join(folderOf(scene, index), "provider.yaml");
  const set = await scene.run("provider", "offer", ...words, "--config", config);
  expect(set.code, set.stderr).toBe(0);
  const expected = perMonth === undefined ? undefined : String(priceOf(perMonth));
  for (;;) {
    type Priced = { providers: { operator: string; price?: string }[] };
    const { providers } = await scene.json<Priced>("providers", "--by", "price");
    if (providers.find(({ operator }) => operator === operatorOf(scene, index))?.price === expected) return;
    await sleep(200);
  }
}

/** Stores a new file, and checks what was deposited for it, and until when everything is paid for. */
async function store(name: string, bytes: number, copies: number): Promise<Facts> {
  const { provider } = scene.community.base;
  const begun = await provider.getBlockNumber();
  const path = sourceOf(scene, name, bytes);
  const words = ["--copies", String(copies), "--for", `${storedBlocks}blocks`, "--yes"];
  const stored = await scene.json<Stored>("store", path, ...words);
  const before = group === undefined ? 0n : deposited;
  group = stored.group;
  const all = await facts();
  deposited = all.page.escrow.deposited;
  expect(deposited - before).toBe(BigInt(stored.deposit));
  const end = begun + storedBlocks;
  const until = fundedUntil(all);
  expect(until).toBeGreaterThanOrEqual(end);
  // At most what the estimated bytes cost, and the blocks from the plan to the first block of the data.
  const prices = sum(all.accounts.map(({ data }) => data.at(-1)?.price ?? 0n));
  const rate = costUntil(all, end) - costUntil(all, end - 1);
  const surplus = dividedUp(prices * estimatedBytes * BigInt(storedBlocks), 2n ** 64n) + rate * 60n;
  expect(all.page.escrow.available - costUntil(all, end)).toBeLessThan(surplus);
  expect(all.page.escrow.required).toBe(required(all));
  await expectStatus(all);
  return all;
}

let deposited = 0n;

/** The command shows the same runway. */
async function expectStatus(all: Facts): Promise<void> {
  type Status = { fundedUntil: { block: number }; head: { block: number } };
  const status = await scene.json<Status>("group", "status", "--group", group);
  expect(status.head.block).toBe(all.head);
  expect(status.fundedUntil.block).toBe(fundedUntil(all));
}

it("data that is stored first is paid for at the first price", { timeout: 4 * minutes }, async () => {
  const all = await store("a.bin", 200_000, 2);
  expect([priceNow(all, 0), priceNow(all, 1)]).toEqual([priceOf(100n), priceOf(101n)]);
});

it(
  "a price that rose applies to the data before it as well, and the next store pays for both",
  { timeout: 4 * minutes },
  async () => {
    await offer(0, 1_000n);
    const all = await store("b.bin", 50_000, 2);
    expect(accountOf(all, 0)?.data.at(-1)).toMatchObject({ price: priceOf(1_000n) });
    expect(accountOf(all, 0)?.data.at(-1)?.bytes).toBeGreaterThan(250_000n);
  },
);

it("a price that fell costs nothing more than before", { timeout: 4 * minutes }, async () => {
  await offer(1, 10n);
  const all = await store("c.bin", 50_000, 2);
  expect(priceNow(all, 1)).toBe(priceOf(101n));
});

/** Mines blocks until the escrow holds little more than what it must (R32), so that the repair has to pay for what it adds. */
async function drain(): Promise<void> {
  const all = await facts();
  const { available, required: least } = all.page.escrow;
  const rate = costUntil(all, all.head + 1) - costUntil(all, all.head);
  const blocks = (available - least) / rate;
  await scene.community.base.provider.send("hardhat_mine", [`0x${blocks.toString(16)}`]);
  const { page } = await facts();
  expect(page.escrow.available - page.escrow.required).toBeLessThan(2n * rate);
}

/** Kills a provider, repairs, and checks deposit, solvency and runway. */
async function repairWithout(index: number): Promise<{ all: Facts; report: Repaired }> {
  await drain();
  const before = await facts();
  await scene.community.providers.kill(index);
  const report = await scene.json<Repaired>("repair", "--yes");
  expect(report.unrepairable).toEqual([]);
  const all = await facts();
  const { escrow, config } = all.page;
  expect(escrow.required).toBe(required(all));
  expect(escrow.deposited).toBeGreaterThan(before.page.escrow.deposited);
  // Whatever is stored now stays paid for through the lockup and two settlements: interval, turn and two slots.
  const { interval, turn, slot } = { interval: 40, turn: 30, slot: 10 };
  const end = before.head + config.lockup + interval + turn + 2 * slot;
  expect(fundedUntil(all)).toBeGreaterThanOrEqual(end);
  // At most that, with 64 KiB for the catalogue, and the blocks for which the provider that leaves is not paid any more.
  const prices = all.accounts.map(({ data }) => data.at(-1)?.price ?? 0n);
  const dearest = prices.reduce(larger, 0n);
  const blocks = BigInt(end - before.head);
  const leaving = costUntil(before, before.head + 1) - costUntil(before, before.head);
  const catalogue = dividedUp((65_536n + estimatedBytes) * dearest * blocks, 2n ** 64n);
  const rate = costUntil(all, end) - costUntil(all, end - 1);
  expect(escrow.available - costUntil(all, end)).toBeLessThan(catalogue + leaving * blocks + rate * 60n);
  await expectStatus(all);
  return { all, report };
}

it(
  "a repair pays for the present data of a provider whose price rose, beside the copies that it takes",
  { timeout: 8 * minutes },
  async () => {
    for (const index of [0, 1]) await offer(index, undefined);
    const { accounts } = await store("d.bin", 6_000_000, 1);
    expect(accounts.map(({ operator }) => operator)).toEqual([0, 1, 2].map((i) => operatorOf(scene, i)));
    const withdrawn = await scene.run("group", "withdraw", "all", "--group", group, "--yes");
    expect(withdrawn.code, withdrawn.stderr).toBe(0);
    await offer(2, 1_020n);
    for (const index of [3, 4]) await offer(index, 5_000n);
    const { all, report } = await repairWithout(1);
    const moved = { from: operatorOf(scene, 1), to: operatorOf(scene, 2) };
    expect(report.repaired).toEqual(["a.bin", "b.bin", "c.bin"].map((name) => ({ name, ...moved })));
    expect(priceNow(all, 2)).toBe(priceOf(1_020n));
    expect(accountOf(all, 2)?.data.at(-1)?.bytes).toBeGreaterThan(6_300_000n);
  },
);

it(
  "a repair at a provider that is new in the group pays for its place as well",
  { timeout: 8 * minutes },
  async () => {
    const { ceiling } = await facts();
    const { all, report } = await repairWithout(0);
    const to = new Set(report.repaired.map((one) => one.to));
    expect([3, 4].map((index) => operatorOf(scene, index))).toContain([...to][0]);
    expect(to.size).toBe(1);
    expect(all.ceiling).toBe(ceiling + 1n);
    for (const name of ["a.bin", "d.bin"]) await expectReadable(scene, name);
  },
);
