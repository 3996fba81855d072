/** The largest group: what its settlement and its abandon cost at worst, measured (R29, R33, R34). */
import { type Wallet } from "ethers";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { gasCap } from "../support/contracts/chain.ts";
import {
  gibibyte,
  GroupWorld,
  perGibibyteBlock,
  root,
  type Committee,
  type Group,
} from "../support/contracts/group-world.ts";

const providers = 256;
const changes = 16;
const interval = 1_000;

let world: GroupWorld;
let committee: Committee;
let group: Group;

/** Sends calls of the payer without waiting for each, and mines them in blocks of 64. */
async function inBlocks(calls: readonly (readonly [string, readonly unknown[]])[]): Promise<void> {
  const { rpc, provider } = world.chain;
  await rpc("evm_setAutomine", [false]);
  for (let from = 0; from < calls.length; from += 64) {
    let nonce = await provider.getTransactionCount(await world.payer.getAddress());
    for (const [method, args] of calls.slice(from, from + 64)) {
      await group.contract.getFunction(method)(...args, { nonce, gasLimit: 400_000 });
      nonce += 1;
    }
    await rpc("evm_mine");
  }
  await rpc("evm_setAutomine", [true]);
}

/** One change of every provider's data, for the same slot. */
async function changeAll(round: number): Promise<void> {
  const deadline = BigInt((await world.chain.block()) + 1_000);
  const calls: [string, unknown[]][] = [];
  for (let i = 0; i < providers; i += 1) {
    const operator = group.providers[i] as Wallet;
    const terms = {
      root,
      size: gibibyte - BigInt(round + 1),
      price: perGibibyteBlock(1_000n),
      receiptKey: operator.address,
      sequence: BigInt(round + 2),
      deadline,
    };
    const signature = await group.consent(operator, terms, await committee.address());
    calls.push(["changeData", [i, terms, signature]]);
  }
  await inBlocks(calls);
  const [, from] = await group.read("effectiveFrom");
  await world.chain.before(Number(from) + 1);
}

/** Half of what a provider of a GiB commits in the interval. */
const half = (provider: number): { provider: number; spaceTime: bigint } => ({
  provider,
  spaceTime: (gibibyte * BigInt(interval)) / 2n + BigInt(provider),
});
const items = Array.from({ length: providers }, (_, provider) => half(provider));

beforeAll(async () => {
  world = await GroupWorld.open();
  committee = await world.committee({ interval });
  group = await world.group({ committee, ceiling: providers, deposit: 100_000_000n });
  for (let i = 0; i < providers; i += 1) await group.add(`bounds p${i}`);
}, 600_000);
afterAll(() => world.chain.close());

describe("a group of 256 providers", () => {
  it("has no room for another", async () => {
    expect((await world.failing(group.add("bounds one more"))).error).toBe("Upkeeping_TooManyProviders");
  });

  it("settles in one transaction, in arrears, with 16 changes each and an unpaid member", async () => {
    // The first interval is short: all are in arrears from then on.
    let settled = await committee.certify();
    while (settled.te <= (await group.activeFrom(providers - 1))) {
      await group.settle(settled, await group.items(settled.te));
      settled = await committee.certify();
    }
    const first = await group.settle(settled, items);
    expect((await group.read("provider", 7)).arrears).toBeGreaterThan(0n);
    for (let round = 0; round < changes; round += 1) await changeAll(round);
    expect((await group.read("provider", 7)).unsettledChanges).toBe(BigInt(changes));
    await group.deposit(10_000_000n);
    const worst = await group.settle(await committee.certify(), items, { unpaid: [1], sender: 2 });
    console.log(
      `256 providers: in arrears for the first time ${first.gasUsed}, with 16 changes ${worst.gasUsed}`,
    );
    expect(first.gasUsed).toBeLessThanOrEqual(12_000_000n);
    // The aim of 12 M is missed by a tenth; a transaction may have 16.8 M.
    expect(worst.gasUsed).toBeLessThanOrEqual(13_200_000n);
    expect((await group.read("provider", 7)).unsettledChanges).toBe(0n);
    await group.checkBooks();
  }, 600_000);

  it("is abandoned below 8 M gas, with the escrow short", async () => {
    await world.chain.before((await group.settledThrough()) + interval + 100);
    const receipt = await group.send(world.payer, "abandon", [0]);
    console.log(`256 providers abandoned: ${receipt.gasUsed}`);
    expect(receipt.gasUsed).toBeLessThanOrEqual(8_000_000n);
    expect(receipt.gasUsed).toBeLessThan(BigInt(gasCap));
    await group.checkBooks();
  }, 600_000);
});
