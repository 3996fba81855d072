/** Measures what certificates cost, prints the table, and compares it with docs/figures/gas-committees.md and the targets. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { concat, Contract, keccak256, toUtf8Bytes, Wallet } from "ethers";
import type { CertifiedGroup } from "../../../protocol/certificate.ts";
import type { Hex } from "../../../protocol/hash.ts";
import { bitmap } from "../../../protocol/bitmap.ts";
import { artifact } from "../../../scripts/contracts/artifacts.ts";
import { projectRoot } from "../../../scripts/paths.ts";
import { deployContract, send } from "../../support/contracts/chain.ts";
import { peerId } from "../../support/contracts/keys.ts";
import { range } from "../../support/contracts/world.ts";
import { CommitteeWorld, type Committee } from "../../support/contracts/edition2/committee-world.ts";

const root = keccak256(toUtf8Bytes("list root"));
const gas = new Map<string, number>();
let world: CommitteeWorld;
let provider: Wallet;

beforeAll(async () => {
  world = await CommitteeWorld.whole();
  await send(world.token, world.convener, "mint", [world.convener.address, 10n ** 30n]);
  provider = await world.chain.account("gas provider");
  const args = [provider.address, peerId("gas provider"), ["/ip4/127.0.0.1/tcp/2"]];
  await send(world.registry, provider, "registerProvider", args);
  await measure();
  await measureReferences();
}, 900_000);
afterAll(() => world.chain.close());

/** A group of the convener's with one provider, and its leaf: everything that the provider committed. */
async function enterGroup(committee: Committee): Promise<CertifiedGroup> {
  const { convener, factory, token } = world;
  const config = { token, lockup: 2_000, keeperShareBps: 1000, keeperFee: 0n };
  const receipt = await send(factory, convener, "createGroup", [config, committee.contract, 0]);
  const created = receipt.logs
    .map((log) => factory.interface.parseLog(log))
    .find((log) => log?.name === "GroupCreated");
  const address = String(created?.args["group"]);
  const group = new Contract(address, artifact("edition2/interfaces/IUpkeeping").abi, convener);
  await send(token, convener, "approve", [address, 10n ** 24n]);
  await send(group, convener, "deposit", [10n ** 24n]);
  await send(group, convener, "enter", [committee.contract, 8]);
  const terms = {
    root,
    size: 1n << 30n,
    price: 1000n << 34n,
    receiptKey: provider.address,
    sequence: 1n,
    deadline: 1_000_000n,
  };
  const { chainId } = world.chain;
  const domain = { name: "WhitePay", version: "2", chainId, verifyingContract: address };
  const field = (type: string, name: string): { type: string; name: string } => ({ type, name });
  const types = {
    ProviderData: [
      field("address", "committee"),
      field("bytes32", "root"),
      field("uint64", "size"),
      field("uint80", "price"),
      field("address", "receiptKey"),
      field("uint64", "sequence"),
      field("uint64", "deadline"),
    ],
  };
  const consent = await provider.signTypedData(domain, types, { committee: committee.address, ...terms });
  await send(group, convener, "addProvider", [provider.address, terms, consent]);
  const items = [{ provider: 0, spaceTime: (1n << 128n) - 1n }];
  return { number: Number(await committee.read("lastNumber")), group: address.toLowerCase() as Hex, items };
}

/** A committee whose groups have settled twice, so that their slots exist; all begin in the first interval. */
async function settled(
  n: number,
  groups: number,
): Promise<{ committee: Committee; scope: CertifiedGroup[] }> {
  const members = await world.keepers(n);
  const committee = await world.committee(members, { rhythm: { interval: 1_000 } });
  gas.set(`new committee, n = ${n}, all consent by signature`, Number(committee.created?.gasUsed));
  const scope: CertifiedGroup[] = [];
  for (let i = 0; i < groups; i += 1) scope.push(await enterGroup(committee));
  for (let i = 0; i < 2; i += 1) await committee.certifyNext(scope);
  return { committee, scope };
}

async function certify(
  committee: Committee,
  scope: readonly CertifiedGroup[],
  { absent = [] as number[], unpaid = [] as number[] } = {},
): Promise<number> {
  const n = committee.members.length;
  const payees = bitmap(range(n).filter((i) => !unpaid.includes(i)));
  const c = await committee.certificate(scope, { payees, turn: 1 });
  const signers = range(n).filter((i) => !absent.includes(i));
  const receipt = await committee.certify(c, scope, { signers });
  const refused = committee.events(receipt).filter(({ name }) => name === "GroupRefused");
  expect(refused).toEqual([]);
  return Number(receipt.gasUsed);
}

async function measure(): Promise<void> {
  for (const [n, groups] of [
    [4, 32],
    [31, 32],
  ] as const) {
    const one = await settled(n, 1);
    const f = (n - 1) / 3;
    const spread = range(f).map((i) => 1 + 3 * i);
    const single = await certify(one.committee, one.scope);
    gas.set(`n = ${n}: one group, all sign`, single);
    gas.set(
      `n = ${n}: one group, f do not sign`,
      await certify(one.committee, one.scope, { absent: spread }),
    );
    const without = { absent: spread, unpaid: spread };
    await certify(one.committee, one.scope, without);
    gas.set(
      `n = ${n}: one group, f neither sign nor are paid`,
      await certify(one.committee, one.scope, without),
    );
    const { committee, scope } = await settled(n, groups);
    const all = await certify(committee, scope);
    gas.set(`n = ${n}: ${groups} groups at once, each`, Math.round(all / groups));
    gas.set(`n = ${n}: each further group`, Math.round((all - single) / (groups - 1)));
    const { certificate } = await committee.certifyNext(scope, { length: 0 });
    const later = await committee.settle(certificate, scope, { first: 13, length: 1 });
    expect(committee.events(later)).toEqual([]);
    gas.set(`n = ${n}: one of ${groups} groups later`, Number(later.gasUsed));
  }
}

async function measureReferences(): Promise<void> {
  const digest = keccak256(toUtf8Bytes("settlement"));
  for (const n of [4, 31]) {
    const signing = range((2 * (n - 1)) / 3 + 1);
    const wallets = range(n).map((i) => new Wallet(keccak256(toUtf8Bytes(`ecdsa ${i}`))));
    const addresses = wallets.map(({ address }) => address);
    const ecdsa = await deployContract("EcdsaReference", world.convener, [addresses]);
    const signatures = concat(signing.map((i) => (wallets[i] as Wallet).signingKey.sign(digest).serialized));
    const args = [digest, 1000n, bitmap(signing), signatures];
    await send(ecdsa, world.convener, "settle", args);
    const { gasUsed } = await send(ecdsa, world.convener, "settle", args);
    gas.set(`reference, n = ${n}: ${signing.length} ECDSA signatures, each group`, Number(gasUsed));
  }
}

describe("gas of a committee", () => {
  it("does not grow: limits just above what was reached; docs/figures/gas-committees.md names the goals", () => {
    const limits: [string, number][] = [
      ["n = 4: one group, all sign", 197_000],
      ["n = 31: one group, all sign", 197_000],
      ["n = 4: each further group", 27_500],
      ["n = 31: each further group", 27_500],
      ["n = 4: 32 groups at once, each", 33_000],
      ["n = 31: 32 groups at once, each", 33_000],
      ["n = 4: one of 32 groups later", 71_000],
      ["n = 31: one of 32 groups later", 71_000],
      ["new committee, n = 4, all consent by signature", 515_000],
    ];
    for (const [name, limit] of limits) expect(gas.get(name), name).toBeLessThanOrEqual(limit);
  });

  it("is less for each of 32 groups than 2f+1 ECDSA signatures", () => {
    for (const [n, signatures] of [
      [4, 3],
      [31, 21],
    ] as const) {
      const reference = gas.get(`reference, n = ${n}: ${signatures} ECDSA signatures, each group`) as number;
      expect(gas.get(`n = ${n}: 32 groups at once, each`)).toBeLessThan(reference);
    }
  });

  it("is what docs/figures/gas-committees.md says, to within a hundredth", () => {
    const file = join(projectRoot, "docs/figures/gas-committees.md");
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
      const difference = Math.abs(documented - used) / used;
      expect(difference, `${name}: ${documented} in the table, ${used} measured`).toBeLessThan(0.01);
    }
  });
});
