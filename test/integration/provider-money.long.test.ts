/** A provider's commands on a chain with the real contracts: consent, status, earnings, withdrawals over many groups, leaving, abandoning. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { signConsent } from "../../provider/consent.ts";
import type { DataConsent } from "../../provider/consent.ts";
import { runCli, type CliResult } from "../support/cli.ts";
import { sharedFolder } from "../support/files.ts";
import { lower } from "../support/provider-chain.ts";
import { providerScene } from "../support/provider-scene.ts";
import type { Scene } from "../support/provider-scene.ts";

let scene: Scene;
let folder: string;
let removeFolder: () => Promise<void>;

beforeAll(async () => {
  ({ folder, remove: removeFolder } = await sharedFolder());
  // A byte costs so much that an interval pays more than rounding.
  scene = await providerScene(folder, [[4_000_000], [6_000_000]]);
});

afterAll(async () => {
  await scene.close();
  await removeFolder();
});

const run = (...words: string[]): Promise<CliResult> =>
  runCli(["provider", ...words, "--config", scene.configPath]);

// The test that runs a command knows the shape of its output.
// oxlint-disable-next-line typescript/no-explicit-any
async function json(...words: string[]): Promise<any> {
  const { code, stdout, stderr } = await run(...words, "--json");
  expect(code, stderr).toBe(0);
  return JSON.parse(stdout) as unknown;
}

const groupAt = (index: number) => scene.stored[index]!.group;
const tokens = async (account: string): Promise<bigint> =>
  scene.chain.world.token.getFunction("balanceOf").staticCall(account);

it("signs a consent that the group's contract accepts, under the committee, sequence and deadline of the chain", async () => {
  const group = groupAt(0);
  await writeFile(join(folder, "more"), "ten bytes.");
  await json("ingest", join(folder, "more"), "--group", group.address);
  const { code, stdout, stderr } = await run(
    "consent",
    "--group",
    group.address,
    "--price",
    String(1n << 66n),
  );
  expect(code, stderr).toBe(0);
  const consent = JSON.parse(stdout) as Record<keyof DataConsent, string>;
  const head = await scene.chain.world.chain.block();
  expect(consent).toMatchObject({
    committee: lower(scene.committee.address),
    bytes: "4000010",
    sequence: 2,
    deadline: head + 7_200,
  });
  const bytes = BigInt(consent.bytes);
  const signed = { ...consent, bytes, price: BigInt(consent.price) } as unknown as DataConsent;
  // The contract compares every term with the signature.
  await expect(group.use({ ...signed, price: 1n << 67n }, 0)).rejects.toThrow(/BadConsent/);
  await group.use(signed, 0);
  const same = await signConsent(scene.keys, scene.chain.chainId, signed);
  expect(same.signature).toBe(consent.signature);
});

it("updates its entry in the registry", async () => {
  const announced = "/ip4/127.0.0.1/tcp/4001";
  await json("register", "--announce", announced, "--yes");
  const entry = (await scene.chain.world.registry
    .getFunction("provider")
    .staticCall(scene.operator.address)) as { multiaddrs: string[] };
  expect([...entry.multiaddrs]).toEqual([announced]);
});

it("shows who serves each group, the data ahead, and what is stored", async () => {
  await scene.chain.mineTo(await groupAt(1).changesAt(0));
  const { groups } = await json("status");
  const committee = scene.committee.address;
  expect(groups).toEqual([
    expect.objectContaining({ group: groupAt(0).address, committee, provider: 0 }),
    expect.objectContaining({ group: groupAt(1).address, committee, provider: 0, bytes: "6000000" }),
  ]);
  expect(groups[0].ahead.length + Number(groups[0].bytes === "4000010")).toBe(1);
  const { stdout } = await run("status");
  expect(stdout).toContain(`served   by ${committee}`);
});

it("shows what a settlement credited, and withdraws from all groups in one transaction", async () => {
  await scene.chain.certify(scene.committee, [groupAt(0), groupAt(1)]);
  const { groups } = await json("earnings");
  expect(groups.map(({ group }: { group: string }) => group)).toEqual([
    groupAt(0).address,
    groupAt(1).address,
  ]);
  const credits = groups.map(({ account }: { account: { credit: string } }) =>
    BigInt(account.credit),
  ) as bigint[];
  expect(credits[0]).toBeGreaterThan(0n);
  expect(credits[1]).toBeGreaterThan(0n);
  expect(groups[0].settlements).toHaveLength(1);
  expect(BigInt(groups[0].settlements[0].amount)).toBe(credits[0]);
  const before = await tokens(scene.operator.address);
  const withdrawn = await json("withdraw", "--yes");
  expect(withdrawn).toMatchObject({ transactions: [{ method: "withdrawProviders" }], failed: [] });
  expect((await tokens(scene.operator.address)) - before).toBe(credits[0]! + credits[1]!);
  const nothing = await run("withdraw", "--yes");
  expect(nothing).toMatchObject({ code: 5, stdout: "" });
  expect(nothing.stderr).toContain("nothing is credited yet");
});

it("leaves a group by its own notice, after the lockup, and says until when its duties last", async () => {
  const head = await scene.chain.world.chain.block();
  await json("leave", "--group", groupAt(1).address, "--yes");
  const leaves = await groupAt(1).changesAt(0);
  expect(leaves).toBeGreaterThan(head + 100);
  const { groups } = await json("status");
  expect(groups[1]).toMatchObject({ leavesAt: leaves });
  expect((await run("status")).stdout).toContain(`leaves   at block ${leaves}; its duties last until then`);
  const again = await run("leave", "--group", groupAt(1).address, "--yes");
  expect(again.code).not.toBe(0);
});

it("revokes a consent, and the next one has the number after it", async () => {
  await json("revoke-consent", "--group", groupAt(0).address, "--yes");
  const { stdout } = await run("consent", "--group", groupAt(0).address, "--price", "5");
  expect(JSON.parse(stdout)).toMatchObject({ sequence: 4, price: "5" });
});

it("abandons blocks that nobody settles, not before the contract allows it, and is credited for them", async () => {
  const group = groupAt(0);
  const early = await run("abandon", "--group", group.address, "--yes");
  expect(early.code).not.toBe(0);
  const { settledThrough } = (await group.contract.getFunction("state").staticCall()) as {
    settledThrough: bigint;
  };
  // R34 a: an interval of 40 blocks and the lockup of 100.
  await scene.chain.mineTo(Number(settledThrough) + 140);
  await json("abandon", "--group", group.address, "--yes");
  const { groups } = await json("earnings");
  expect(BigInt(groups[0].account.credit)).toBeGreaterThan(0n);
  expect((await json("status")).groups[0].committee).toBeUndefined();
  expect((await run("status")).stdout).toContain("served   by no committee");
});

it("names the setting that is missing if no Lens is configured", async () => {
  const { code, stderr } = await runCli(["provider", "earnings", "--config", scene.configPath, "--lens", ""]);
  expect(code).toBe(2);
  expect(stderr).toContain("lens");
});
