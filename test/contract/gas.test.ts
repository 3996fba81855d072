/** Measures the gas of settlements, prints the table, and compares it with docs/figures/gas.md and the targets. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { concat, keccak256, SigningKey, toUtf8Bytes, Wallet, type Contract } from "ethers";
import { projectRoot } from "../../scripts/paths.ts";
import { deployContract, gasCap, send } from "../support/contracts/chain.ts";
import { certify, publicKey } from "../support/contracts/keys.ts";
import {
  bitmap,
  gibibyte,
  lockupOf,
  range,
  World,
  type Group,
  type Keeper,
} from "../support/contracts/world.ts";

let world: World;
const gas = new Map<string, number>();

async function settleAll(
  group: Group,
  options: { absent?: number[]; unpaid?: number[] } = {},
): Promise<number> {
  const { absent = [], unpaid = [] } = options;
  const turn = await group.turnNow();
  // Items of different values, so that every write changes its slot.
  const items = group.providers.map((_, provider) => ({
    provider,
    spaceTime: gibibyte * BigInt(20 + provider),
  }));
  const proposal = await group.proposal(items, { turn });
  const left = bitmap(range(group.n).filter((i) => !unpaid.includes(i)));
  const signers = range(group.n).filter((i) => !absent.includes(i));
  const receipt = await group.settle({ ...proposal, payees: proposal.payees & left }, { signers });
  return Number(receipt.gasUsed);
}

/** A group that has settled a few times, so that its slots exist. */
async function settledGroup(n: number, providers: number): Promise<Group> {
  const group = await world.group(n);
  for (const i of range(providers)) await group.add(`gas p${i}`, gibibyte);
  for (let i = 0; i < 3; i += 1) await settleAll(group);
  return group;
}

async function measureGroups(): Promise<void> {
  for (const n of [4, 31, 124]) {
    const f = (n - 1) / 3;
    const group = await settledGroup(n, 1);
    // The worst case: the keepers that are no payees are spread over all slots of debts.
    const spread = range(f).map((i) => 1 + i * 3);
    gas.set(`new group, n = ${n}, all in`, Number(group.created.gasUsed));
    gas.set(`n = ${n}: all sign, all are paid`, await settleAll(group));
    gas.set(`n = ${n}: f do not sign`, await settleAll(group, { absent: spread }));
    await settleAll(group, { absent: spread, unpaid: spread });
    gas.set(
      `n = ${n}: f neither sign nor are paid`,
      await settleAll(group, { absent: spread, unpaid: spread }),
    );
  }
  const first = await settledGroup(31, 1);
  const spread = range(10).map((i) => 1 + i * 3);
  gas.set(
    "n = 31: f neither, for the first time",
    await settleAll(first, { absent: spread, unpaid: spread }),
  );
  const batch = await settledGroup(4, 11);
  const perProvider = ((await settleAll(batch)) - (gas.get("n = 4: all sign, all are paid") as number)) / 10;
  gas.set("each further provider", Math.round(perProvider));
  // 200 gas a byte: what the keys of four cost, wherever they lie.
  const keys = 192 * 5 + 20 * 4;
  gas.set("new group, n = 4, beside the keys", (gas.get("new group, n = 4, all in") as number) - keys * 200);
}

async function measureReferences(): Promise<void> {
  const digest = keccak256(toUtf8Bytes("settlement"));
  const deployer = world.payer;
  const run = async (contract: Contract, args: unknown[]): Promise<number> => {
    await send(contract, deployer, "settle", args);
    return Number((await send(contract, deployer, "settle", args)).gasUsed);
  };
  for (const n of [4, 25, 28, 31]) {
    const signing = range((2 * (n - 1)) / 3 + 1);
    const wallets = range(n).map((i) => new Wallet(keccak256(toUtf8Bytes(`ecdsa ${i}`))));
    const ecdsa = await deployContract("EcdsaReference", deployer, [wallets.map(({ address }) => address)]);
    const signatures = concat(
      signing.map((i) => new SigningKey((wallets[i] as Wallet).privateKey).sign(digest).serialized),
    );
    gas.set(
      `reference, n = ${n}: ${signing.length} ECDSA signatures`,
      await run(ecdsa, [digest, 1000n, bitmap(signing), signatures]),
    );
    if (n > 4 && n < 31) continue;
    const keepers: Keeper[] = await world.keepers(n);
    const summed = await deployContract("StorageKeysReference", deployer);
    for (const { secret } of keepers) await send(summed, deployer, "add", [publicKey(secret)]);
    const signature = certify(
      signing.map((i) => (keepers[i] as Keeper).secret),
      digest,
    );
    gas.set(
      `reference, n = ${n}: BLS, keys summed from storage`,
      await run(summed, [digest, 1000n, bitmap(signing), signature]),
    );
  }
}

beforeAll(async () => {
  world = await World.open();
  await measureGroups();
  await measureReferences();
}, 300_000);
afterAll(() => world.chain.close());

describe("gas", () => {
  it("stays within the targets", () => {
    const targets: [string, number][] = [
      ["n = 4: all sign, all are paid", 165_000],
      ["n = 31: all sign, all are paid", 178_000],
      ["n = 31: f do not sign", 190_000],
      ["n = 31: f neither sign nor are paid", 240_000],
      ["each further provider", 7_500],
      ["new group, n = 4, beside the keys", 250_000],
    ];
    for (const [name, target] of targets) expect(gas.get(name), name).toBeLessThanOrEqual(target);
  });

  it("is what docs/figures/gas.md says, to within a hundredth", () => {
    const file = join(projectRoot, "docs/figures/gas.md");
    const rows = [...gas].map(([name, used]) => `| ${name} | ${used.toLocaleString("en-US")} |`);
    console.log(rows.join("\n"));
    const text = readFileSync(file, "utf8");
    if (process.env["WHITEPAY_WRITE_GAS"] === "1") {
      const table = ["| | gas |", "|---|---:|", ...rows].join("\n");
      writeFileSync(file, text.replace(/\| \| gas \|[\s\S]*?\n\n/, `${table}\n\n`));
      return;
    }
    for (const [name, used] of gas) {
      const line = text.split("\n").find((candidate) => candidate.startsWith(`| ${name} |`));
      const documented = Number(line?.split("|")[2]?.replaceAll(",", ""));
      expect(
        Math.abs(documented - used) / used,
        `${name}: ${documented} in the table, ${used} measured`,
      ).toBeLessThan(0.01);
    }
  });

  it("leaves a third of the cap free in the worst settlement of 256 providers", async () => {
    // All settled for the first time, all with arrears from an abandoned interval, f neither signing nor paid.
    const group = await world.group(31, { deposit: 0n });
    await group.deposit(2n * lockupOf(group.config, 256n * gibibyte));
    for (const i of range(256)) await group.add(`worst p${i}`, gibibyte);
    expect((await group.read("state")).listedProviders).toBe(256n);
    // R32 refuses additions without money: time consumes the escrow.
    await world.chain.before((await group.settledThrough()) + 6000);
    await group.send(world.payer, "abandon");
    for (const i of range(256)) await group.send(world.payer, "touch", [i]);
    const unpaid = range(10).map((i) => 1 + i * 3);
    const used = await settleAll(group, { absent: unpaid, unpaid });
    console.log(`256 providers, worst: ${used}`);
    expect(used).toBeLessThan((gasCap * 2) / 3);
    expect([...(await group.read("providers", 0, 256))].every(({ arrears }) => arrears > 0n)).toBe(true);

    // And once more without the touches: every provider is credited for the abandoned interval in the settlement itself.
    await world.chain.before((await group.settledThrough()) + group.config.interval + group.config.lockup);
    await group.send(world.payer, "abandon");
    const untouched = await settleAll(group, { absent: unpaid, unpaid });
    console.log(`256 providers, after an abandon: ${untouched}`);
    expect(untouched).toBeLessThan(gasCap);
  });
});
