/** Groups through the client, with real contracts on a chain in this process: plans, reads, forecasts and watches (R31–R34, R38, R46). */
import { ZeroAddress, ZeroHash, type Wallet } from "ethers";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import * as client from "../../../client/index.ts";
import { deployContract, send } from "../../support/contracts/chain.ts";
import { peerId } from "../../support/contracts/keys.ts";
import { ClientWorld, gibibyte, listRoot, price } from "../../support/contracts/client-world.ts";
import type { Committee } from "../../support/contracts/committee-contract.ts";

let scene: ClientWorld;
let committee: Committee;
let payer: Wallet;

beforeAll(async () => {
  scene = await ClientWorld.open();
  committee = await scene.form(await scene.world.keepers(4));
  payer = scene.payer;
});
afterAll(() => scene.chain.close());

const status = (group: client.GroupAt): Promise<client.GroupStatus> =>
  client.groupStatus(scene.provider, group);

async function mine(blocks: number): Promise<void> {
  await scene.chain.before((await scene.chain.block()) + blocks + 1);
}

describe("a payer's transactions", () => {
  it("fill, change and end a group, and return the rest to the last unit", async () => {
    const amount = 10n ** 20n;
    const served = await scene.group(committee, { deposit: amount / 2n });
    const { at } = served;
    const funding = await client.planFund(payer, at, amount / 2n);
    expect(funding.map(({ method }) => method)).toEqual(["approve", "deposit"]);
    for (const plan of funding) await scene.run(plan);

    const operator = await scene.add(at, "client provider");
    await mine(10);
    await scene.change(at, operator, { bytes: 2n * gibibyte, price: price / 2n });
    await mine(10);
    const filled = await status(at);
    expect(filled).toMatchObject({
      bytes: 2n * gibibyte,
      costPerBlock: 1_000n,
      shortfall: 0n,
      payer: payer.address,
      committee: { address: committee.address, version: { version: 1 } },
      state: { providerCount: 1, listed: 1, service: { ceiling: 8, number: served.number } },
    });
    expect(filled.providers[0]).toMatchObject({ operator: operator.address, unsettledChanges: 2 });

    await scene.run(await client.planWithdraw(payer, at, { amount: "all" }));
    expect((await status(at)).escrow.withdrawable).toBeLessThan(filled.costPerBlock * 11n);
    const none = client.planWithdraw(payer, at, { amount: "all" });
    await expect(none).rejects.toMatchObject({ code: "funds" });

    await scene.run(await client.planRemoveProvider(payer, at, 0));
    const leaving = (await status(at)).providers[0];
    expect(leaving).toMatchObject({ noticeByPayer: true, noticeByProvider: false });
    // Both agree: it leaves with the next slot.
    await scene.run(await client.planLeave(operator, at, 0), operator);
    expect((await status(at)).providers[0]?.leavesAt).toBeLessThan(leaving?.leavesAt ?? 0);
    await scene.run(await client.planTerminate(payer, at));
    const { state } = await status(at);
    for (let i = 0; i < 4 && !(await status(at)).providers[0]?.closed; i += 1) {
      await scene.certify(committee, [served]);
    }
    expect((await status(at)).state.listed).toBe(0);
    // No certificate moves a group without providers: it ends with its last block.
    await scene.chain.before(Math.max(await scene.chain.block(), state.endBlock ?? 0) + 1);
    const [credit] = await client.providerBalances(scene.provider, {
      lens: scene.lens,
      groups: [at.address],
      operator: operator.address,
    });
    expect(credit?.credit).toBeGreaterThan(0n);
    for (const plan of await client.planProviderWithdrawals(
      operator,
      scene.contracts,
      credit ? [credit] : [],
    )) {
      await scene.run(plan, operator);
    }
    for (const { operator: keeper } of await scene.world.keepers(4)) {
      const named = { lens: scene.lens, committee: committee.address, operator: keeper.address };
      const shares = await client.keeperBalances(scene.provider, named);
      for (const plan of await client.planKeeperWithdrawals(keeper, scene.contracts, shares)) {
        await scene.run(plan, keeper);
      }
    }
    await scene.run(await client.planWithdraw(payer, at, { amount: "all" }));
    const { escrow } = await status(at);
    expect(escrow).toMatchObject({
      available: 0n,
      credits: 0n,
      required: 0n,
      deposited: amount,
      paidOut: amount,
    });
  });

  it("form a private committee and its group in one transaction, at addresses that are known before", async () => {
    const members = await scene.world.keepers(4);
    const draft = await scene.draft(members);
    const config = await scene.config({ keeperFee: 1_000_000n });
    const fresh = { committee: draft, config, ceiling: 3 };
    const missing = client.planPrivate(payer, fresh, await scene.consents(draft, members.slice(1)));
    await expect(missing).rejects.toMatchObject({ code: "input", message: /consents of some keepers/ });
    const consents = await scene.consents(draft, members);
    const address = await client.predictCommittee(scene.provider, { ...draft, convener: payer.address });
    const named = { factory: scene.factory, config, committee: address };
    const group = await client.predictGroup(scene.provider, payer.address, named);
    // The fee of the lockup is required on entering (R32), so money goes ahead.
    const poor = scene.run(await client.planPrivate(payer, fresh, consents));
    await expect(poor).rejects.toMatchObject({ code: "refused", message: /R32/ });
    await scene.run(await client.planSendAhead(payer, { token: config.token, group, amount: 10n ** 9n }));
    const receipt = await scene.run(await client.planPrivate(payer, fresh, consents));
    expect([client.committeeCreatedBy(receipt), client.groupCreatedBy(receipt)]).toEqual([address, group]);
    expect(await status(scene.at(group))).toMatchObject({
      escrow: { deposited: 10n ** 9n },
      state: { service: { committee: address, number: 1, ceiling: 3 } },
      committee: { convener: payer.address, reserved: 3 },
    });
  });

  it("move a group to another committee, and raise its ceiling", async () => {
    const served = await scene.group(committee, { ceiling: 2 });
    const { at } = served;
    await scene.run(await client.planRaiseCeiling(payer, at, 4));
    await scene.add(at, "moving provider");
    await scene.certify(committee, [served]);
    const next = await scene.form(await scene.world.keepers(4));
    await scene.run(await client.planEnter(payer, at, { committee: next.address, ceiling: 5 }));
    const { state } = await status(at);
    expect(state).toMatchObject({
      service: { committee: committee.address, ceiling: 4 },
      next: { ceiling: 5 },
    });
    expect(state.left).toBe(state.next?.from);
    const again = scene.run(await client.planEnter(payer, at, { committee: next.address, ceiling: 5 }));
    await expect(again).rejects.toMatchObject({ code: "refused", message: /R38/ });
    for (let i = 0; i < 4 && (await status(at)).state.next !== undefined; i += 1) {
      await scene.certify(committee, [served]);
    }
    expect((await status(at)).state.service).toMatchObject({ committee: next.address, number: 1 });
    await scene.certify(next, [{ at, number: 1 }]);
    expect((await status(at)).state.settledThrough).toBe(await next.certifiedThrough());
    // A committee's share is booked under the committee that earned it.
    const committees = new Set<string | undefined>();
    for await (const { role, committee: paidBy } of client.groupPayments(scene.provider, at)) {
      if (role === "keeper") committees.add(paidBy);
    }
    expect([...committees]).toEqual([committee.address, next.address]);
  });

  it("abandon blocks that nobody certified, that nobody settled, and that no committee served", async () => {
    const other = await scene.form(await scene.world.keepers(4));
    const dead = await scene.group(other);
    const operator = await scene.add(dead.at, "abandoned provider");
    const nothing = await client.abandonable(scene.provider, dead.at);
    expect(nothing.rule).toBe("certified nothing");
    const early = scene.run(await client.planAbandon(operator, dead.at), operator);
    await expect(early).rejects.toMatchObject({
      code: "refused",
      expected: `block ${nothing.from} or later`,
    });
    await scene.chain.before(nothing.from + 1);
    await scene.run(await client.planAbandon(operator, dead.at), operator);
    const left = await status(dead.at);
    expect(left.state.service).toBeUndefined();
    expect(left.overdue).toBe(0);
    const kinds: string[] = [];
    let credited = 0n;
    for await (const { kind, amount } of client.groupPayments(scene.provider, dead.at)) {
      kinds.push(kind);
      credited += amount;
    }
    expect([kinds, credited]).toEqual([["abandoned"], left.providers[0]?.credit]);

    const homeless = await client.abandonable(scene.provider, dead.at);
    expect(homeless.rule).toBe("no committee");
    await scene.chain.before(homeless.from + 1);
    await scene.run(await client.planAbandon(payer, dead.at));
    expect((await status(dead.at)).providers[0]?.credit).toBeGreaterThan(credited);

    const late = await scene.group(other);
    await scene.add(late.at, "unsettled provider");
    // The first certificate ends what the committee owes for the group before.
    for (let i = 0; i < 2; i += 1) await scene.certify(other, [late], { length: 0 });
    const unsettled = await client.abandonable(scene.provider, late.at);
    expect(unsettled.rule).toBe("certified, but not settled");
    await scene.chain.before(unsettled.from + 1);
    await scene.run(await client.planAbandon(payer, late.at));
    expect((await status(late.at)).providers[0]?.credit).toBeGreaterThan(0n);
  });

  it("pass the role on in two steps, publish manifests, book and rescue money", async () => {
    const { at } = await scene.group(committee, { deposit: 0n });
    const heir = await scene.chain.account("heir");
    await expect(client.planAcceptPayer(heir, at)).rejects.toMatchObject({ code: "input" });
    await scene.run(await client.planNamePayer(payer, at, heir.address));
    expect(await client.payersOf(scene.provider, at)).toEqual({ payer: payer.address, named: heir.address });
    await scene.run(await client.planAcceptPayer(heir, at), heir);
    expect(await client.payersOf(scene.provider, at)).toEqual({ payer: heir.address, named: undefined });
    const manifest = client.planManifest(payer, at, { root: listRoot });
    await expect(scene.run(manifest)).rejects.toMatchObject({ code: "refused", message: /not payer/ });
    const published = await scene.run(client.planManifest(heir, at, { root: listRoot }), heir);
    const range = { from: published.blockNumber, to: published.blockNumber };
    expect(await client.groupEvents(scene.provider, at.address, range)).toMatchObject([
      { name: "ManifestSet", args: { root: listRoot, previous: ZeroHash } },
    ]);

    const { token } = await scene.config();
    await expect(client.planSync(heir, at)).rejects.toMatchObject({ code: "funds" });
    await scene.run(await client.planSendAhead(payer, { token, group: at.address, amount: 7n }));
    await scene.run(await client.planSync(heir, at), heir);
    expect((await status(at)).escrow.deposited).toBe(7n);
    await expect(client.planRescue(heir, at, { token })).rejects.toMatchObject({ code: "input" });
    const stray = await deployContract("DemoToken", payer, ["Stray", "STRAY"]);
    const address = await stray.getAddress();
    await expect(client.planRescue(heir, at, { token: address })).rejects.toMatchObject({ code: "funds" });
    await send(stray, payer, "mint", [at.address, 9n]);
    await scene.run(await client.planRescue(heir, at, { token: address, to: payer.address }), heir);
    expect(await stray.getFunction("balanceOf")(payer.address)).toBe(9n);
  });

  it("are simulated again after the confirmation, and not sent if the chain has changed", async () => {
    const { at } = await scene.group(committee, { deposit: 1_000n });
    const plan = await client.planWithdraw(payer, at, { amount: 1_000n });
    const confirm = async (_: client.TransactionPlan, shown: client.TransactionReport): Promise<boolean> => {
      expect(shown).toMatchObject({ sent: false, method: "withdrawPayer" });
      await scene.run(await client.planWithdraw(payer, at, { amount: 1n }));
      return true;
    };
    await expect(client.send(plan, payer, { confirm })).rejects.toMatchObject({
      code: "refused",
      message: expect.stringContaining("R32"),
      actual: "0.000000000000000999 DEMO",
    });
    const five = await client.planWithdraw(payer, at, { amount: 5n });
    const no = client.send(five, payer, { confirm: async () => false });
    await expect(no).rejects.toMatchObject({ code: "cancelled" });
    expect((await status(at)).escrow.available).toBe(999n);
  });

  it("are refused with an explanation if there is no such contract, provider or seat", async () => {
    const { at } = await scene.group(committee);
    const nobody = `0x${"77".repeat(20)}`;
    const input = { code: "input" };
    await expect(status(scene.at(nobody))).rejects.toMatchObject(input);
    await expect(status({ ...at, lens: nobody })).rejects.toMatchObject(input);
    await expect(client.readToken(scene.provider, nobody)).rejects.toMatchObject(input);
    await expect(client.planRemoveProvider(payer, at, 3)).rejects.toMatchObject(input);
    await expect(client.providerIndex(scene.provider, at, nobody)).rejects.toMatchObject(input);
    const fresh = { factory: nobody, config: await scene.config(), committee: undefined };
    await expect(client.planGroup(payer, fresh)).rejects.toMatchObject(input);
    const without = { ...fresh, factory: scene.factory };
    await expect(client.planGroup(payer, without, 3)).rejects.toMatchObject(input);
    const stranger = await scene.chain.account("stranger");
    const foreign = client.simulate(await client.planTerminate(stranger, at), stranger);
    await expect(foreign).rejects.toMatchObject({ code: "refused", message: /not payer/ });
  });
});

describe("a provider's consent", () => {
  it("may come from a contract (ERC-1271), for the committee that serves its first block alone", async () => {
    const { at } = await scene.group(committee);
    const owner = await scene.chain.account("owner of a provider");
    const wallet = await deployContract("ContractWallet", owner);
    const operator = await wallet.getAddress();
    const place = ["/ip4/127.0.0.1/tcp/2"];
    const { registry } = scene.world;
    const register = registry.interface.encodeFunctionData("registerProvider", [
      operator,
      peerId("1271"),
      place,
    ]);
    await send(wallet, owner, "run", [await registry.getAddress(), register]);
    const basis = await client.consentBasis(scene.provider, at, operator);
    expect(basis).toEqual({ group: at.address, committee: committee.address, sequence: 1 });
    const terms = {
      ...basis,
      listRoot,
      bytes: 5n,
      price: 0n,
      receiptKey: owner.address,
      deadline: 10_000_000,
    };
    const stranger = await scene.chain.account("stranger");
    const forged = await client.signDataConsent(stranger, terms, operator);
    const refused = scene.run(await client.planAddProvider(payer, at, forged));
    await expect(refused).rejects.toMatchObject({ code: "refused", message: /signs its own consent/ });
    const elsewhere = await client.signDataConsent(owner, { ...terms, committee: ZeroAddress }, operator);
    const other = client.planAddProvider(payer, at, elsewhere);
    await expect(other).rejects.toMatchObject({ code: "input", message: /for another committee/ });
    await scene.run(
      await client.planAddProvider(payer, at, await client.signDataConsent(owner, terms, operator)),
    );
    const [account] = (await status(at)).providers;
    expect(account).toMatchObject({ operator, data: [{ bytes: 5n, price: 0n, listRoot, sequence: 1 }] });
    const consent = await client.signDataConsent(owner, terms, operator);
    const [view] = [new client.GroupView(scene.provider, at)];
    const data = {
      root: listRoot,
      size: 5n,
      price: 0n,
      receiptKey: owner.address,
      sequence: 1,
      deadline: 10_000_000,
    };
    const [digest] = await view.read("consentDigest", [committee.address, data]);
    expect(await client.dataConsentDigest(scene.provider, consent)).toBe(digest);
  });

  it("is void after its deadline, and after it is revoked", async () => {
    const { at } = await scene.group(committee);
    const operator = await scene.operator("careful provider");
    const deadline = (await scene.chain.block()) + 2;
    const short = await scene.consent(at, operator, { deadline });
    const plan = await client.planAddProvider(payer, at, short);
    await mine(3);
    const expired = { code: "refused", expected: `block ${deadline} or earlier` };
    await expect(scene.run(plan)).rejects.toMatchObject(expired);
    const revoked = await scene.consent(at, operator);
    await scene.run(await client.planRevokeConsent(operator, at), operator);
    const late = scene.run(await client.planAddProvider(payer, at, revoked));
    await expect(late).rejects.toMatchObject({ code: "refused", message: /wrong sequence/ });
  });
});

describe("a status", () => {
  it("has the exact shortfall, the last funded block, and the deposit for a later one", async () => {
    const keeperFee = 65_536n * 3n;
    const served = await scene.group(committee, { ceiling: 2, deposit: 10n ** 15n, config: { keeperFee } });
    const { at } = served;
    expect((await status(at)).bytes).toBe(0n);
    await scene.add(at, "status provider", { bytes: 7n * gibibyte + 12_345n });
    const full = await status(at);
    await scene.run(await client.planWithdraw(payer, at, { amount: full.escrow.withdrawable - 20_000n }));
    await mine(130);
    const poor = await status(at);
    expect(poor.shortfall).toBe(poor.escrow.required - poor.escrow.available);
    expect(poor.shortfall).toBeGreaterThan(0n);
    expect(poor.overdue).toBeGreaterThan(0);
    await scene.fund(at, poor.shortfall + 10n * poor.costPerBlock);
    const now = await status(at);
    expect(now.shortfall).toBe(0n);
    const target = (now.fundedUntil?.block ?? 0) + 40;
    const missing = await client.depositFor(scene.provider, now, target);
    const snapshot = await scene.chain.rpc("evm_snapshot");
    await scene.fund(at, missing);
    expect((await status(at)).fundedUntil?.block).toBe(target);
    await scene.chain.rpc("evm_revert", [snapshot]);
    await scene.fund(at, missing - 1n);
    expect((await status(at)).fundedUntil?.block).toBe(target - 1);
  });
});

describe("a watch", () => {
  it("reports each event once and in order, and reorgs", async () => {
    const { at } = await scene.group(committee);
    const stop = new AbortController();
    const watch = client.watchGroup(scene.provider, at.address, { polling_ms: 10, signal: stop.signal });
    const next = async (): Promise<client.GroupNews> => (await watch.next()).value as client.GroupNews;
    expect((await next()).events).toEqual([]);
    const snapshot = await scene.chain.rpc("evm_snapshot");
    await send(scene.world.token, payer, "approve", [at.address, 5n]);
    await next();
    await scene.fund(at, 5n);
    const told = await next();
    expect(told.events).toMatchObject([{ name: "Deposited", args: { amount: 5n } }]);
    await scene.chain.rpc("evm_revert", [snapshot]);
    await mine(20);
    const reorg = await next();
    expect(reorg.reorgFrom).toBeLessThanOrEqual(told.events[0]?.block ?? 0);
    expect(reorg.events).toEqual([]);
    stop.abort();
    expect((await watch.next()).done).toBe(true);
  });

  it("reports a committee's events, after confirmations", async () => {
    const { at } = await scene.group(committee);
    const entered = await scene.chain.block();
    const watch = client.watchGroup(scene.provider, committee.address, {
      from: entered,
      confirmations: 2,
      polling_ms: 10,
      abi: client.committeeAbi,
    });
    expect(((await watch.next()).value as client.GroupNews).events).toEqual([]);
    await mine(2);
    const { events } = (await watch.next()).value as client.GroupNews;
    expect(events).toMatchObject([{ name: "GroupEntered", block: entered, args: { group: at.address } }]);
    await watch.return();
  });
});
