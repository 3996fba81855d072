/** contracts/SPEC.md: its list of errors is complete, and its worked examples are what real committees and groups do. */
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { bitmap } from "../../protocol/bitmap.ts";
import type { Certificate, CertifiedGroup } from "../../protocol/certificate.ts";
import { projectRoot } from "../../scripts/paths.ts";
import { range } from "../support/contracts/basics.ts";
import type { Committee, Sending } from "../support/contracts/committee-contract.ts";
import { gibibyte, perGibibyteBlock } from "../support/contracts/group-contract.ts";
import { VouchersWorld } from "../support/contracts/vouchers-world.ts";
import { ServiceWorld, type GroupOptions, type ServedGroup } from "../support/contracts/service-world.ts";

const contracts = join(projectRoot, "contracts");
const page = readFileSync(join(contracts, "SPEC.md"), "utf8");
const sources = globSync("**/*.sol", { cwd: contracts, exclude: ["harness/**"] }).map((file) =>
  readFileSync(join(contracts, file), "utf8"),
);

/** Names and arguments of all errors that the contracts' sources declare. */
function declaredErrors(): string[] {
  return sources.flatMap((text) =>
    [...text.matchAll(/^ {4}error (\w+)\(([^)]*)\);/gm)].map(([, name, list]) => {
      const names = (list as string).split(",").map((argument) => argument.trim().split(" ").at(-1));
      return `${name}(${names.join(", ")})`;
    }),
  );
}

describe("SPEC.md", () => {
  it("lists every error of the contracts once, and no other", () => {
    const listed = [...page.matchAll(/^\| `(\w+\([^)]*\))` \|/gm)].map(([, error]) => error ?? "");
    expect(listed.length).toBeGreaterThan(100);
    expect(listed.toSorted()).toEqual(declaredErrors().toSorted());
  });

  it("lists errors that some call can end with", () => {
    const code = sources.join("\n");
    const names = declaredErrors().map((error) => error.replace(/\(.*$/, ""));
    expect(names.filter((name) => !new RegExp(`revert (\\w+\\.)?${name}\\(`).test(code))).toEqual([]);
  });
});

describe("the examples of SPEC.md", () => {
  let world: ServiceWorld;
  beforeAll(async () => {
    world = await ServiceWorld.open();
    await world.committees.keepers(4);
    for (const i of range(4)) await world.provider(`example p${i}`);
  });
  afterAll(() => world.chain.close());

  /** Two providers with 10 and 3 GiB that are committed all through the interval now open. */
  async function example(options: GroupOptions = {}): Promise<{ committee: Committee; group: ServedGroup }> {
    const committee = await world.committee();
    const group = await world.group(committee, { deposit: 10n ** 9n, ...options });
    await group.add("example p0", { size: 10n * gibibyte });
    await group.add("example p1", { size: 3n * gibibyte });
    await certify(committee, [[0n, 0n]]);
    return { committee, group };
  }

  type Change = Partial<Certificate> & { turn?: number };

  /** Certifies the next interval, with GiB·blocks for each provider of each group. */
  async function certify(
    committee: Committee,
    values: readonly (readonly bigint[])[],
    change: Change = {},
    sending: Sending = {},
  ): Promise<{ certificate: Certificate; scope: CertifiedGroup[] }> {
    const { ts, te } = await committee.certificate([], change);
    const found = await world.scopeOf(committee, ts, te);
    const scope = found.map((group, i) => ({
      ...group,
      items: group.items.map(({ provider }) => {
        return { provider, spaceTime: (values[i]?.[provider] as bigint) * gibibyte };
      }),
    }));
    const certificate = await committee.certificate(scope, { ...change, te });
    const receipt = await committee.certify(certificate, scope, sending);
    expect(committee.events(receipt).map(({ name }) => name)).toEqual(["Certified"]);
    return { certificate, scope };
  }

  const credits = async (group: ServedGroup): Promise<bigint[]> =>
    Promise.all([0, 1].map((i) => group.credit(i)));
  const shares = async (committee: Committee, group: ServedGroup): Promise<bigint[]> =>
    Promise.all(range(4).map((i) => group.balance(committee, 1, i)));

  /** The page must contain the number, with commas. */
  function said(value: bigint): bigint {
    const text = value.toLocaleString("en-US");
    expect(new RegExp(`(?<![\\d,])${text}(?!,?\\d)`).test(page), text).toBe(true);
    return value;
  }

  it("1: a settlement in turn 1", async () => {
    const { committee, group } = await example();
    await certify(committee, [[360n, 120n]], { payees: bitmap([0, 1, 3]) });
    expect(await credits(group)).toEqual([said(324_000n), said(108_000n)]);
    expect(await shares(committee, group)).toEqual([12_000n, 12_000n, 0n, said(12_000n)]);
    expect(await group.available()).toBe(10n ** 9n - 432_000n - 36_000n);
    await group.checkBooks([committee, 1]);
  });

  it("2: turn 2, with a failed leader", async () => {
    const { committee, group } = await example();
    await certify(committee, [[500n, 0n]], { turn: 2, failed: bitmap([1]) });
    expect(await credits(group)).toEqual([said(450_000n), 0n]);
    expect(await shares(committee, group)).toEqual([said(16_666n), 0n, 16_666n, 16_666n]);
    expect(await group.available()).toBe(10n ** 9n - 450_000n - 3n * 16_666n);
  });

  it("3: more signed than committed", async () => {
    const { committee, group } = await example();
    await certify(committee, [[0n, 400n]]);
    expect(await credits(group)).toEqual([0n, 108_000n]);
  });

  it("4: too little money, and arrears", async () => {
    // 480,000 units an interval, three of which leave half of the fourth.
    const { committee, group } = await example({ deposit: 3n * 480_000n + 240_000n });
    for (let i = 0; i < 3; i += 1) await certify(committee, [[360n, 120n]]);
    expect(await group.available()).toBe(said(240_000n));
    const [before, share] = [await credits(group), (await shares(committee, group))[0] as bigint];
    await certify(committee, [[360n, 120n]]);
    const gained = (await credits(group)).map((credit, i) => credit - (before[i] as bigint));
    expect(gained).toEqual([said(162_000n), said(54_000n)]);
    const owed = await Promise.all([0, 1].map(async (i) => (await group.read("provider", i)).arrears));
    expect(owed).toEqual([162_000n, 54_000n]);
    expect((await shares(committee, group))[0]).toBe(share + said(6_000n));
    expect(await group.read("keeperArrears", committee.address, 1)).toBe(said(24_000n));
    expect(await group.available()).toBe(0n);

    await group.deposit(10n ** 7n);
    await certify(committee, [[360n, 120n]]);
    const paid = (await credits(group)).map((credit, i) => credit - (before[i] as bigint));
    expect(paid).toEqual([said(648_000n), said(216_000n)]);
    expect((await shares(committee, group))[0]).toBe(share + 24_000n);
    expect(await group.available()).toBe(said(9_280_000n));
    await group.checkBooks([committee, 1]);
  });

  it("5: the withdrawable amount", async () => {
    const { group } = await example();
    const ts = await group.settledThrough();
    await world.chain.before(ts + 10);
    const most = (await group.available()) - said(1_430_000n);
    const inner = await world.chain.rpc("evm_snapshot");
    const withdraw = async (amount: bigint): Promise<unknown> =>
      group.send(world.payer, "withdrawPayer", [amount, world.payer.address]);
    const refused = await world.failing(withdraw(most + 1n));
    expect(refused).toEqual({ error: "Upkeeping_Underfunded", args: [1_430_000n, said(1_429_999n)] });
    await world.chain.rpc("evm_revert", [inner]);
    await withdraw(most);
    expect(await world.chain.block()).toBe(ts + 10);
    const { available, required } = await group.read("escrow");
    expect([available, required]).toEqual([1_430_000n, 1_430_000n]);
  });

  it("6: an addition", async () => {
    const { group } = await example();
    const ts = await group.settledThrough();
    // In the block before, the payer withdraws all but 2,000,000 units.
    await world.chain.before(ts + 9);
    const rest = (await group.available()) - said(2_000_000n);
    await group.send(world.payer, "withdrawPayer", [rest, world.payer.address]);
    const inner = await world.chain.rpc("evm_snapshot");
    const refused = await world.failing(group.add("example p2", { size: 6n * gibibyte }));
    expect(refused).toEqual({ error: "Upkeeping_Underfunded", args: [said(2_030_000n), 2_000_000n] });
    await world.chain.rpc("evm_revert", [inner]);
    await group.add("example p2", { size: 5n * gibibyte });
    expect(await world.chain.block()).toBe(ts + 10);
    expect((await group.read("escrow")).required).toBe(said(1_930_000n));
  });

  it("7: an abandon", async () => {
    const { committee, group } = await example();
    await certify(committee, [[200n, 120n]]);
    const [before, share] = [await credits(group), await shares(committee, group)];
    const ts = await group.settledThrough();
    await world.chain.before(ts + 200);
    await group.send(world.payer, "abandon", [0]);
    expect(await group.settledThrough()).toBe(ts + 200);
    const gained = (await credits(group)).map((credit, i) => credit - (before[i] as bigint));
    expect(gained).toEqual([said(1_000_000n), said(600_000n)]);
    expect(await shares(committee, group)).toEqual(share);
  });

  it("8: two groups in a certificate", async () => {
    const committee = await world.committee();
    const first = await world.group(committee, { deposit: 10n ** 9n });
    const config = { keeperFee: 65_536n };
    const second = await world.group(committee, { deposit: 10n ** 9n, config, ceiling: 4 });
    await first.add("example p0", { size: 10n * gibibyte });
    await first.add("example p1", { size: 3n * gibibyte });
    await second.add("example p2", { size: 2n * gibibyte, price: perGibibyteBlock(500n) });
    await certify(committee, [[0n, 0n], [0n]]);
    const before = await shares(committee, second);

    const values = [[360n, 120n], [80n]];
    const { certificate, scope } = await certify(committee, values, {}, { first: 0, length: 1 });
    expect(certificate.count).toBe(2);
    expect(await credits(first)).toEqual([324_000n, 108_000n]);
    expect(await shares(committee, first)).toEqual(range(4).map(() => 12_000n));
    expect(await second.settledThrough()).toBe(certificate.ts);

    // R25: from te + ⌈2t/3⌉ on, the member that settles takes the leader's share.
    await world.chain.before(certificate.te + 20);
    const sender = committee.member(3).operator;
    await committee.settle(certificate, scope, { first: 1, length: 1, sender });
    expect(await second.settledThrough()).toBe(certificate.te);
    expect(await second.credit(0)).toBe(said(36_000n));
    const gained = (await shares(committee, second)).map((share, i) => share - (before[i] as bigint));
    expect(gained).toEqual([0n, said(1_040n), 1_040n, said(2_080n)]);
    expect(await shares(committee, first)).toEqual(range(4).map(() => 12_000n));
    await second.checkBooks([committee, 1]);
  });

  it("of paid reading: vouchers, a withdrawal, and what old vouchers are worth after it", async () => {
    const reading = await VouchersWorld.on(world.chain);
    const reader = await reading.account("example reader");
    const pair = { reader, provider: await world.chain.account("example host") };
    const paid = async (amount: bigint): Promise<bigint> => {
      const before = await reading.balanceOf(pair.provider.address);
      await reading.redeem(pair.provider, [await reading.claim(pair, amount)]);
      return (await reading.balanceOf(pair.provider.address)) - before;
    };
    await reading.deposit(pair, said(1_000n));
    expect(await paid(450n)).toBe(said(450n));
    await world.chain.before(Number((await reading.channel(pair)).expiry));
    const before = await reading.balanceOf(reader.address);
    await reading.withdraw(pair);
    expect((await reading.balanceOf(reader.address)) - before).toBe(said(550n));
    await reading.deposit(pair, 200n);
    expect((await reading.failing(paid(450n))).error).toBe("ReadVouchers_NothingToMove");
    expect(await paid(said(1_120n))).toBe(said(120n));
  });
});
