/** The client with real contracts on a chain in this process: plans, reads, forecasts, watches and verifications. */
import type { Provider, Signer, Wallet } from "ethers";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import * as client from "../../client/index.ts";
import { gibibyte, Group, lockupOf, root, World } from "../support/contracts/world.ts";

let world: World;
let payer: Signer;
let chain: Provider;

beforeAll(async () => {
  world = await World.open();
  payer = world.payer;
  chain = world.chain.provider;
});
afterAll(() => world.chain.close());

async function mine(blocks: number): Promise<void> {
  await world.chain.rpc("hardhat_mine", [`0x${blocks.toString(16)}`]);
}

async function consentOf(group: Group, operator: Wallet, bytes: bigint): Promise<client.DataConsent> {
  const sequence = Number(await group.read("consentSequence", operator.address)) + 1;
  const [address, receiptKey] = [await group.address(), operator.address];
  const signature = await group.consent(operator, bytes, sequence);
  return {
    operator: operator.address,
    group: address,
    listRoot: root,
    bytes,
    receiptKey,
    sequence,
    signature,
  };
}

const run = (plan: client.TransactionPlan): Promise<client.TransactionReport> => client.send(plan, payer);

describe("a payer's transactions", () => {
  it("fill, change and end a group, and return the rest to the last unit", async () => {
    const group = await world.group(4, { deposit: 0n });
    const address = await group.address();
    const amount = 10n ** 20n;
    const funding = await client.planFund(payer, address, amount);
    expect(funding.map(({ method }) => method)).toEqual(["approve", "deposit"]);
    for (const plan of funding) await run(plan);

    const operator = await world.provider("client provider");
    await run(await client.planAddProvider(payer, address, await consentOf(group, operator, gibibyte)));
    await mine(group.config.slot * 2);
    await run(await client.planSetData(payer, address, await consentOf(group, operator, 2n * gibibyte)));
    await mine(group.config.slot * 2);
    const status = await client.groupStatus(chain, address);
    expect(status).toMatchObject({ bytes: 2n * gibibyte, shortfall: 0n, state: { providerCount: 1 } });

    const free = await client.planWithdraw(payer, address, "all");
    const withdrawn = await run(free);
    expect(withdrawn).toMatchObject({ sent: true, method: "withdrawPayer" });
    expect((await client.groupStatus(chain, address)).escrow.withdrawable).toBeLessThan(
      status.costPerBlock * 11n,
    );

    await run(await client.planRemoveProvider(payer, address, 0));
    await run(await client.planTerminate(payer, address));
    const { state, parameters } = await client.groupStatus(chain, address);
    expect(state.endBlock).toBe(state.terminatedAt + parameters.lockup);
    await world.chain.before(state.endBlock + group.config.lockup);
    await group.send(payer, "abandon");
    await mine(1);
    const ended = await client.groupStatus(chain, address);
    expect(ended.state.ended).toBe(true);
    await client.send(await client.planProviderWithdraw(operator, address, 0), operator);
    await run(await client.planWithdraw(payer, address, "all"));
    const { escrow } = await client.groupStatus(chain, address);
    expect(escrow).toMatchObject({ balance: 0n, unallocated: 0n, credits: 0n });
    expect(escrow.paidOut).toBe(amount);
  });

  it("are refused with an explanation before anything is sent", async () => {
    const keepers = (await world.keepers(4)).map(({ operator }) => operator.address);
    const rules = { ...(await world.config()), turn: 21 };
    const factory = await world.factory.getAddress();
    const plan = await client.planCreate(payer, { factory, rules, keepers });
    const before = await world.chain.block();
    const refused = { code: "refused", message: expect.stringContaining("rule slot divides turn") };
    await expect(client.send(plan, payer)).rejects.toMatchObject(refused);
    const group = await world.group(4, { deposit: 0n });
    const address = await group.address();
    await expect(client.planFund(payer, address, 10n ** 40n)).rejects.toMatchObject({ code: "funds" });
    await expect(client.planWithdraw(payer, address, "all")).rejects.toMatchObject({ code: "funds" });
    await expect(client.planProviderWithdraw(payer, address, 3)).rejects.toMatchObject({ code: "input" });
    const stranger = await world.chain.account("stranger");
    const notPayer = { code: "refused", message: expect.stringContaining("not payer") };
    await expect(
      client.simulate(await client.planTerminate(stranger, address), stranger),
    ).rejects.toMatchObject(notPayer);
    const nobody = `0x${"77".repeat(20)}`;
    await expect(client.groupStatus(chain, nobody)).rejects.toMatchObject({ code: "input" });
    await expect(client.readToken(chain, nobody)).rejects.toMatchObject({ code: "input" });
    const factoryless = client.planCreate(payer, { factory: nobody, rules, keepers });
    await expect(factoryless).rejects.toMatchObject({ code: "input" });
    const merkle = client.planCreate(payer, { factory, rules: { ...rules, merkle: true }, keepers });
    await expect(merkle).rejects.toMatchObject({ code: "input" });
    // In between only the group was created.
    expect(await world.chain.block()).toBe(before + 1);
  });

  it("are simulated again after the confirmation, and not sent if the chain has changed", async () => {
    const group = await world.group(4, { deposit: 1_000n });
    const address = await group.address();
    const plan = await client.planWithdraw(payer, address, 1_000n);
    const confirm = async (_: client.TransactionPlan, shown: client.TransactionReport): Promise<boolean> => {
      expect(shown).toMatchObject({ sent: false, method: "withdrawPayer" });
      await group.send(payer, "withdrawPayer", [1n]);
      return true;
    };
    await expect(client.send(plan, payer, { confirm })).rejects.toMatchObject({
      code: "refused",
      message: expect.stringContaining("R32"),
      actual: "0.000000000000001 DEMO",
    });
    const no = client.send(await client.planWithdraw(payer, address, 5n), payer, {
      confirm: async () => false,
    });
    await expect(no).rejects.toMatchObject({ code: "cancelled" });
    expect((await client.groupStatus(chain, address)).escrow.balance).toBe(999n);
  });

  it("replace a keeper after all accepted, or withdraw the proposal", async () => {
    const group = await world.group(4, { deposit: 0n });
    const address = await group.address();
    const [old, next] = [group.keepers[1]?.operator.address ?? "", (await world.keepers(5))[4]?.operator];
    const change = { old, next: next?.address ?? "" };
    await run(await client.planReplaceKeeper(payer, address, change));
    expect((await client.groupStatus(chain, address)).pendingCommittee).toMatchObject({
      version: 2,
      accepted: [],
    });
    await run(client.planCancelCommittee(payer, address));
    expect((await client.groupStatus(chain, address)).pendingCommittee).toBeUndefined();
    await run(await client.planReplaceKeeper(payer, address, change));
    for (const { operator } of group.keepers.filter((_, index) => index !== 1)) {
      await group.send(operator, "acceptSeat", [3]);
    }
    await group.send(next as Wallet, "acceptSeat", [3]);
    await group.settle(await group.proposal([]));
    const { committee, pendingCommittee } = await client.groupStatus(chain, address);
    expect(committee.version).toBe(3);
    expect(committee.operators[1]).toBe(next?.address);
    expect(pendingCommittee).toBeUndefined();
    const unknown = client.planReplaceKeeper(payer, address, { old, next: old });
    await expect(unknown).rejects.toMatchObject({ code: "input" });
  });
});

describe("a status", () => {
  it("has the exact shortfall and the last funded block", async () => {
    const group = await world.group(4, { deposit: 0n });
    const address = await group.address();
    const status = (): Promise<client.GroupStatus> => client.groupStatus(chain, address);
    expect(await status()).toMatchObject({ fundedUntil: undefined, shortfall: 0n, bytes: 0n });
    const bytes = 7n * gibibyte + 12_345n;
    await group.deposit(lockupOf(group.config, bytes));
    await group.add("status provider", bytes);
    expect(await status()).toMatchObject({ shortfall: 0n });
    // Blocks use up the escrow.
    await mine(group.config.lockup + 20);
    const poor = await status();
    expect(poor.fundedUntil?.block).toBe(poor.head.block);
    expect(poor.shortfall).toBe(poor.escrow.reserve - poor.escrow.unallocated);
    // The block of the deposit increases the reserve; everything else is as computed.
    await group.deposit(poor.shortfall);
    const after = await status();
    expect(after.shortfall).toBe(after.escrow.reserve - poor.escrow.reserve);
    await group.deposit(after.shortfall + 2n * after.costPerBlock);
    const now = await status();
    expect(now).toMatchObject({ shortfall: 0n });

    const target = (now.fundedUntil?.block ?? 0) + 40;
    const missing = await client.depositFor(chain, now, target);
    const snapshot = await world.chain.rpc("evm_snapshot");
    await group.deposit(missing);
    const funded = await status();
    expect(funded.fundedUntil).toEqual({
      block: target,
      time_s: funded.head.time_s + Math.round((target - funded.head.block) * funded.blockTime_s),
    });
    await world.chain.rpc("evm_revert", [snapshot]);
    // Rounding up before and after the head adds less than two units.
    await group.deposit(missing - 2n);
    expect((await status()).fundedUntil?.block).toBe(target - 1);
    // A future change that is on chain counts from its block on.
    await group.deposit(10n ** 20n);
    await group.change(0, 2n * bytes);
    await group.send(payer, "withdrawPayer", [(await group.read("withdrawable")) - 10n * now.costPerBlock]);
    const changed = await status();
    const later = (changed.fundedUntil?.block ?? 0) + 7;
    await group.deposit(await client.depositFor(chain, changed, later));
    expect((await status()).fundedUntil?.block).toBe(later);
  });

  it("has the blocks since a settlement became due", async () => {
    const group = await world.group(4);
    await group.add("late provider", gibibyte);
    await world.chain.before((await group.settledThrough()) + group.config.interval + 8);
    expect((await client.groupStatus(chain, await group.address())).overdue).toBe(7);
  });
});

describe("a watch", () => {
  it("reports each event once and in order, and reorgs", async () => {
    const group = await world.group(4);
    const address = await group.address();
    const stop = new AbortController();
    const watch = client.watchGroup(chain, address, { polling_ms: 10, signal: stop.signal });
    const next = async (): Promise<client.GroupNews> => (await watch.next()).value as client.GroupNews;
    expect((await next()).events).toEqual([]);
    const snapshot = await world.chain.rpc("evm_snapshot");
    await group.deposit(5n);
    const told = await next();
    expect(told.events).toMatchObject([{ name: "Deposited", args: { amount: 5n } }]);
    await group.add("watched provider", gibibyte);
    const [added] = (await next()).events;
    expect(added).toMatchObject({ name: "ProviderAdded", args: { provider: 0n, size: gibibyte } });
    await world.chain.rpc("evm_revert", [snapshot]);
    await mine(20);
    const reorg = await next();
    expect(reorg.reorgFrom).toBeLessThanOrEqual(told.events[0]?.block ?? 0);
    expect(reorg.events).toEqual([]);
    await group.deposit(6n);
    expect((await next()).events).toMatchObject([{ name: "Deposited", args: { amount: 6n } }]);
    stop.abort();
    expect((await watch.next()).done).toBe(true);
  });

  it("waits for confirmations, and starts at the given block", async () => {
    const group = await world.group(4, { deposit: 7n });
    const watch = client.watchGroup(chain, await group.address(), {
      from: group.created.blockNumber,
      confirmations: 3,
      polling_ms: 10,
    });
    const first = (await watch.next()).value as client.GroupNews;
    const deposited = await world.chain.block();
    expect(first.events.map(({ name }) => name)).not.toContain("Deposited");
    await mine(3);
    const second = (await watch.next()).value as client.GroupNews;
    expect(second.events).toMatchObject([
      { name: "CommitteeActivated", block: group.created.blockNumber },
      { name: "Deposited", block: deposited },
    ]);
    await watch.return();
  });
});

describe("a settlement's certificate", () => {
  it("is valid by chain data alone; a forged one is not", async () => {
    const group = await world.group(4);
    await group.add("certified provider", gibibyte);
    const settled = await group.settle(await group.proposal([{ provider: 0, spaceTime: gibibyte }]), {
      signers: [0, 2, 3],
    });
    const { report, complaints } = await client.verifySettlement(chain, settled.hash);
    expect(complaints).toEqual([]);
    expect(report).toMatchObject({
      valid: true,
      group: await group.address(),
      signers: [0, 2, 3],
      quorum: 3,
    });
    await expect(client.verifySettlement(chain, group.created.hash)).rejects.toMatchObject({ code: "input" });
    await expect(client.verifySettlement(chain, `0x${"5".repeat(64)}`)).rejects.toMatchObject({
      code: "input",
    });
  });
});
