/** Settlements, payments and certificates through the client, with real contracts on a chain in this process (R25, R27, R29–R35). */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import * as client from "../../../client/index.ts";
import { handedIn } from "../../../client/settlements.ts";
import { ClientWorld, gibibyte, price, type Served } from "../../support/contracts/client-world.ts";
import type { Committee } from "../../support/contracts/committee-contract.ts";

let scene: ClientWorld;
let committee: Committee;
let groups: Served[];

beforeAll(async () => {
  scene = await ClientWorld.open();
  committee = await scene.form(await scene.world.keepers(4), { rhythm: { interval: 200 } });
  groups = [];
  for (let i = 0; i < 3; i += 1) {
    const group = await scene.group(committee, {
      config: { lockup: 400, keeperFee: BigInt(i) * 1_000_000n },
    });
    await scene.add(group.at, "certified provider", { bytes: BigInt(i + 1) * gibibyte });
    groups.push(group);
  }
});
afterAll(() => scene.chain.close());

async function payments(group: Served): Promise<client.Payment[]> {
  const all: client.Payment[] = [];
  for await (const payment of client.groupPayments(scene.provider, group.at)) all.push(payment);
  return all;
}

/** A transaction like this one, with other data, as an endpoint could tell. */
function withData(data: string): client.GroupView["provider"] {
  const { provider } = scene;
  return new Proxy(provider, {
    get(target, name) {
      if (name === "getTransaction") {
        return async (hash: string) => {
          const found = await target.getTransaction(hash);
          return found === null ? null : { to: found.to, data };
        };
      }
      const value: unknown = Reflect.get(target, name);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

describe("a certificate", () => {
  it("is verified from chain data alone, with the groups that it settles", async () => {
    const receipt = await scene.certify(committee, groups, { signers: [0, 2, 3] });
    const { report, complaints } = await client.verifyCertificate(scene.provider, receipt.hash);
    expect(complaints).toEqual([]);
    const sent = handedIn((await scene.provider.getTransaction(receipt.hash))?.data ?? "");
    expect(report).toEqual({
      valid: true,
      committee: committee.address,
      ts: sent?.certificate.ts,
      te: sent?.certificate.te,
      version: 1,
      digest: report.digest,
      signers: [0, 2, 3],
      quorum: 3,
      groups: groups.map(({ at }) => ({
        group: at.address,
        items: [{ provider: 0, spaceTime: (1n << 128n) - 1n }],
      })),
    });
    const settlements = client.settlementsIn(receipt);
    expect(settlements.map(({ group }) => group)).toEqual(groups.map(({ at }) => at.address));
    for (const [i, { from, through, providers }] of settlements.entries()) {
      const whole = BigInt(i + 1) * gibibyte * BigInt(through - from);
      const amount = client.paidFor(BigInt(i + 1) * gibibyte, BigInt(through - from), price);
      const kept = amount - (amount * 1_000n) / 10_000n;
      expect(providers[0]?.provider).toBe(0);
      // Data began after the group's first block.
      expect(providers[0]?.spaceTime).toBeLessThanOrEqual(whole);
      expect(providers[0]?.amount).toBeLessThanOrEqual(kept);
    }
  });

  it("is not valid with another signature, another interval or another group", async () => {
    const receipt = await scene.certify(committee, groups);
    const { data } = (await scene.provider.getTransaction(receipt.hash)) ?? { data: "" };
    const args = [...client.committeeAbi.decodeFunctionData("certify", data).toArray(true)] as [
      unknown[],
      bigint,
      string,
      bigint,
      bigint[],
      string[],
    ];
    const forged = async (change: (copy: typeof args) => void): Promise<readonly string[]> => {
      const copy = structuredClone(args);
      change(copy);
      const provider = withData(client.committeeAbi.encodeFunctionData("certify", copy));
      return (await client.verifyCertificate(provider, receipt.hash)).complaints;
    };
    expect(await forged(() => undefined)).toEqual([]);
    const earlier = await scene.provider.getTransaction((await scene.certify(committee, groups)).hash);
    const other = client.committeeAbi.decodeFunctionData("certify", earlier?.data ?? "");
    expect(await forged((copy) => (copy[2] = other["signature"] as string))).toEqual([
      expect.stringContaining("aggregate signature"),
    ]);
    expect(await forged((copy) => (copy[1] = 7n))).toEqual([
      expect.stringContaining("other signers"),
      expect.stringContaining("aggregate signature"),
    ]);
    const fewer = await forged((copy) => (copy[1] = 3n));
    expect(fewer.join()).toContain("expected at least 3 signers, actual 2");
    const stranger = await forged((copy) => (copy[1] = 1n << 9n));
    expect(stranger.join()).toContain("a signer is not a member");
    const later = await forged((copy) => ((copy[0] as bigint[])[1] = ((copy[0] as bigint[])[1] ?? 0n) + 1n));
    expect(later.join()).toMatch(/te differ.*aggregate signature.*ends no turn/);
    // Head and item of the first group.
    const item = await forged((copy) => (copy[4][1] = 5n));
    expect(item).toEqual([expect.stringContaining("not those of the certificate")]);
  });

  it("is found for a later settlement, which has no signature of its own", async () => {
    const receipt = await scene.certify(committee, groups, { length: 1 });
    const { certificate } = handedIn((await scene.provider.getTransaction(receipt.hash))?.data ?? "") ?? {};
    if (certificate === undefined) throw new Error("expected a certificate");
    const view = new client.CommitteeView(scene.provider, scene.at(committee.address));
    const range = { from: receipt.blockNumber, to: receipt.blockNumber };
    expect(await view.remembered(range)).toEqual([
      {
        ts: certificate.ts,
        te: certificate.te,
        acceptedAt: receipt.blockNumber,
        transaction: receipt.hash,
        count: 3,
      },
    ]);
    const leaves = await Promise.all(groups.map((group) => scene.leaf(group, certificate.te)));
    const later = await committee.settle(certificate, leaves, { first: 1, length: 2 });
    const { report, complaints } = await client.verifyCertificate(scene.provider, later.hash);
    expect(complaints).toEqual([]);
    expect(report.signers).toEqual([0, 1, 2, 3]);
    expect(report.groups.map(({ group }) => group)).toEqual(groups.slice(1).map(({ at }) => at.address));
  });

  it("is not any transaction", async () => {
    const made = await scene.world.token.getFunction("mint")(scene.payer.address, 1n);
    await expect(client.verifyCertificate(scene.provider, made.hash)).rejects.toMatchObject({
      code: "input",
    });
    const unknown = `0x${"5".repeat(64)}`;
    await expect(client.verifyCertificate(scene.provider, unknown)).rejects.toMatchObject({ code: "input" });
  });
});

describe("the payments of a group", () => {
  it("are its events: they add up to what the contracts credit, for every party", async () => {
    // f = 1 member is not paid, and another member takes the leader's share (R25).
    const group = groups[1] as Served;
    const { turn } = committee.rhythm;
    const te = (await committee.certifiedThrough()) + committee.rhythm.interval;
    const leaves = await Promise.all(
      groups.map((one, i) => scene.leaf(one, te, i === 1 ? { 0: 7n * gibibyte } : {})),
    );
    const certificate = await committee.certificate(leaves, { turn: 1, payees: 0b0111n });
    const block = te + Math.ceil((2 * turn) / 3);
    const sender = committee.member(2).operator;
    const receipt = await committee.certify(certificate, leaves, { block, sender });
    expect(client.refusedIn(receipt)).toEqual([]);

    const all = await payments(group);
    const view = new client.GroupView(scene.provider, group.at);
    const sums = new Map<string, bigint>();
    for (const { role, index, amount } of all) {
      const party = `${role} ${index}`;
      sums.set(party, (sums.get(party) ?? 0n) + amount);
    }
    const [account] = await view.providers();
    expect(sums.get("provider 0")).toBe(account?.credit);
    for (let i = 0; i < 4; i += 1) {
      expect(sums.get(`keeper ${i}`)).toBe(await view.keeperBalance(committee.address, 1, i));
    }
    const total = [...sums.values()].reduce((sum, amount) => sum + amount, 0n);
    expect((await view.page()).escrow.credits).toBe(total);
    const [last] = client.settlementsIn(receipt).filter((one) => one.group === group.at.address);
    expect(last).toMatchObject({ sender: 2, unpaid: 0b1001n, divisor: 4 });
    expect(client.keeperShares(last as client.GroupSettlement, 4)).toEqual([
      { keeper: 1, amount: last?.share },
      { keeper: 2, amount: 2n * (last?.share ?? 0n) },
    ]);
    const earnings = await client.providerEarnings(scene.provider, group.at, { index: 0, last: 1 });
    expect(earnings?.settlements).toMatchObject([{ spaceTime: 7n * gibibyte, arrearsPaid: 0n }]);
    expect(earnings?.account.proven).toEqual({
      paid: 7n * gibibyte,
      committed: 2n * gibibyte * BigInt((last?.through ?? 0) - (last?.from ?? 0)),
    });
  });

  it("have withdrawals over many groups in one transaction, each to the payee; one that fails is named", async () => {
    const { provider, contracts } = scene;
    const operator = await scene.operator("certified provider");
    const lens = scene.lens;
    const addresses = groups.map(({ at }) => at.address);
    const balances = await client.providerBalances(provider, {
      lens,
      groups: addresses,
      operator: operator.address,
    });
    expect(balances.map(({ group }) => group)).toEqual(addresses);
    const [plan, none] = await client.planProviderWithdrawals(operator, contracts, balances);
    if (plan === undefined || none !== undefined) throw new Error("expected one plan");
    const before = await scene.world.token.getFunction("balanceOf")(operator.address);
    await scene.run(plan, operator);
    const after = await scene.world.token.getFunction("balanceOf")(operator.address);
    expect(after - before).toBe(balances.reduce((sum, { credit }) => sum + credit, 0n));
    // The same again: every group refuses.
    const failed = client.failedWithdrawals(await scene.run(plan, operator));
    expect(failed.map(({ group, position }) => [group, position])).toEqual(
      addresses.map((one, i) => [one, i]),
    );
    expect(failed[0]?.reason).toContain("rule R31");

    const keeper = committee.member(2).operator;
    const named = { lens, committee: committee.address, operator: keeper.address };
    const shares = await client.keeperBalances(provider, named);
    expect(shares.map(({ index, version }) => [index, version])).toEqual(addresses.map(() => [2, 1]));
    const [withdrawal] = await client.planKeeperWithdrawals(keeper, contracts, shares);
    const receipt = await scene.run(withdrawal as client.TransactionPlan, keeper);
    expect(client.failedWithdrawals(receipt)).toEqual([]);
    expect(await client.keeperBalances(provider, named)).toEqual([]);
    await expect(client.planKeeperWithdrawals(keeper, contracts, [])).rejects.toMatchObject({
      code: "funds",
    });
    const withdrawn = (await payments(groups[2] as Served)).filter(({ kind }) => kind === "withdrawn");
    expect(withdrawn).toMatchObject([
      { role: "provider", index: 0, payee: operator.address, operator: operator.address },
      { role: "keeper", index: 2, version: 1, committee: committee.address, operator: keeper.address },
    ]);
  });

  it("have the arrears of a group that ran dry, for providers and keepers, once there is money again", async () => {
    const fee = client.feeNeeded(70_000n, 8n, 430n);
    const deposit = client.costOf(gibibyte, 430n, price) + fee;
    const group = await scene.group(committee, { deposit, config: { lockup: 400, keeperFee: 70_000n } });
    await scene.add(group.at, "poor provider");
    const served = [...groups, group];
    for (let i = 0; i < 3; i += 1) await scene.certify(committee, served);
    const poor = await client.groupStatus(scene.provider, group.at);
    expect(poor.shortfall).toBe(poor.escrow.required - poor.escrow.available);
    expect(poor.escrow.providerArrears).toBeGreaterThan(0n);
    expect(poor.escrow.keeperArrears).toBeGreaterThan(0n);
    const empty = client.planCollectArrears(scene.payer, group.at, 0);
    await expect(empty).rejects.toMatchObject({ code: "funds" });
    await scene.fund(group.at, 10n ** 9n);
    await scene.run(await client.planCollectArrears(scene.payer, group.at, 0));
    const version = { committee: committee.address, version: 1 };
    await scene.run(await client.planCollectKeeperArrears(scene.payer, group.at, version));
    const again = client.planCollectArrears(scene.payer, group.at, 0);
    await expect(again).rejects.toMatchObject({ code: "funds" });
    const arrears = (await payments(group)).filter(({ kind }) => kind === "arrears");
    expect(arrears.map(({ role }) => role)).toEqual([
      "provider",
      ...Array.from({ length: 4 }, () => "keeper"),
    ]);
    const [, ...keepers] = arrears;
    const shared = keepers.reduce((sum, { amount }) => sum + amount, 0n);
    // What does not divide by four stays owed.
    expect(poor.escrow.keeperArrears - shared).toBeLessThan(4n);
    expect(arrears[0]?.amount).toBe(poor.escrow.providerArrears);
  });
});
