/** Measures what certificates cost, prints the table, and compares it with docs/figures/gas-committees.md and the targets. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Contract, keccak256, toBeHex, toUtf8Bytes, type Wallet } from "ethers";
import type { CertifiedGroup } from "../../protocol/certificate.ts";
import type { Hex } from "../../protocol/hash.ts";
import { bitmap } from "../../protocol/bitmap.ts";
import { projectRoot } from "../../scripts/paths.ts";
import { artifact } from "../../scripts/contracts/artifacts.ts";
import { send } from "../support/contracts/chain.ts";
import { peerId } from "../support/contracts/keys.ts";
import { range } from "../support/contracts/basics.ts";
import type { Committee } from "../support/contracts/committee-contract.ts";
import { CommitteeWorld } from "../support/contracts/committee-world.ts";
import { differences, ecdsaReference, type Row } from "../support/contracts/gas-report.ts";

const root = keccak256(toUtf8Bytes("list root"));
const size = 1n << 30n;
const interval = 1_000;
const gas = new Map<string, number>();
/** By n: 2f+1 ECDSA signatures for one group, in the same run. */
const references = new Map<number, number>();
let world: CommitteeWorld;
let provider: Wallet;

beforeAll(async () => {
  world = await CommitteeWorld.whole();
  await send(world.token, world.convener, "mint", [world.convener.address, 10n ** 30n]);
  provider = await world.chain.account("gas provider");
  const args = [provider.address, peerId("gas provider"), ["/ip4/127.0.0.1/tcp/2"]];
  await send(world.registry, provider, "registerProvider", args);
  for (const n of [4, 7, 10, 13, 31]) references.set(n, await ecdsaReference(world.convener, n));
  for (const n of [4, 31]) await measure(n);
  for (const n of [7, 10, 13]) await measureSlope(n);
}, 900_000);
afterAll(() => world.chain.close());

/** A group of the convener's with one provider, and its leaf: everything that the provider commits in an interval. */
async function enterGroup(committee: Committee): Promise<CertifiedGroup> {
  const { convener, factory, token } = world;
  const config = { token, lockup: 2_000, keeperShareBps: 1000, keeperFee: 0n };
  const receipt = await send(factory, convener, "createGroup", [config, committee.contract, 0]);
  const created = receipt.logs
    .map((log) => factory.interface.parseLog(log))
    .find((log) => log?.name === "GroupCreated");
  const address = String(created?.args["group"]);
  const group = new Contract(address, artifact("interfaces/IUpkeeping").abi, convener);
  await send(token, convener, "approve", [address, 10n ** 24n]);
  await send(group, convener, "deposit", [10n ** 24n]);
  await send(group, convener, "enter", [committee.contract, 8]);
  const terms = {
    root,
    size,
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
  const items = [{ provider: 0, spaceTime: size * BigInt(interval) }];
  return { number: Number(await committee.read("lastNumber")), group: address.toLowerCase() as Hex, items };
}

/** A committee whose groups have settled twice, so that their slots exist; all begin in the first interval. */
async function settled(
  n: number,
  groups: number,
): Promise<{ committee: Committee; scope: CertifiedGroup[] }> {
  const members = await world.keepers(n);
  const committee = await world.committee(members, { rhythm: { interval } });
  gas.set(`n = ${n}: new committee, all consent by signature`, Number(committee.created?.gasUsed));
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

/** Groups that only a certificate knows: they make its tree larger. */
const strangers = (count: number, from: number): CertifiedGroup[] =>
  range(count).map((i) => ({
    number: from + i,
    group: toBeHex(from + i, 20) as Hex,
    items: [{ provider: 0, spaceTime: size }],
  }));

/** Gas of one group and of each further one, when all sign. */
async function measureSlope(
  n: number,
  groups = 8,
): Promise<{ committee: Committee; scope: CertifiedGroup[] }> {
  const one = await settled(n, 1);
  const single = await certify(one.committee, one.scope);
  gas.set(`n = ${n}: one group, all sign`, single);
  const many = await settled(n, groups);
  const all = await certify(many.committee, many.scope);
  gas.set(`n = ${n}: each further group`, Math.round((all - single) / (groups - 1)));
  gas.set(`n = ${n}: ${groups} groups at once, each`, Math.round(all / groups));
  return many;
}

async function measure(n: number): Promise<void> {
  const groups = 32;
  const { committee, scope } = await measureSlope(n, groups);
  const absent = range((n - 1) / 3).map((i) => 1 + 3 * i);
  const without = { absent, unpaid: absent };
  await certify(committee, scope, without);
  const shared = Math.round((await certify(committee, scope, without)) / groups);
  gas.set(`n = ${n}: ${groups} groups at once, f neither sign nor are paid, each`, shared);
  await certify(committee, scope);
  for (const count of [groups, 512]) {
    const wide = [...scope, ...strangers(count - groups, groups + 1)];
    const { certificate } = await committee.certifyNext(wide, { length: 0 });
    const later = await committee.settle(certificate, wide, { first: 13, length: 1 });
    expect(committee.events(later)).toEqual([]);
    gas.set(`n = ${n}: one of ${count} groups later`, Number(later.gasUsed));
  }
  const one = await settled(n, 1);
  gas.set(`n = ${n}: one group, f do not sign`, await certify(one.committee, one.scope, { absent }));
  await certify(one.committee, one.scope, without);
  gas.set(
    `n = ${n}: one group, f neither sign nor are paid`,
    await certify(one.committee, one.scope, without),
  );
}

/** Rows of the page: what was measured, beside the reference for one group in the same committee. */
function rows(): Row[] {
  const sizes = [...references.keys()];
  return sizes.flatMap((n) =>
    [...gas]
      .filter(([name]) => name.startsWith(`n = ${n}:`))
      .map(([name, used]): Row => [
        name,
        used,
        name.includes("new committee") ? undefined : references.get(n),
      ]),
  );
}

/** Least number k of groups with one + (k − 1) × further < k × reference. */
function breakEven(n: number): number {
  const one = gas.get(`n = ${n}: one group, all sign`) as number;
  const further = gas.get(`n = ${n}: each further group`) as number;
  const reference = references.get(n) as number;
  let groups = 1;
  while (one + (groups - 1) * further >= groups * reference) groups += 1;
  return groups;
}

describe("gas of a committee", () => {
  it("stays within the goals", () => {
    const limits: [string, number][] = [
      ["n = 4: one group, all sign", 186_000],
      ["n = 31: one group, all sign", 188_000],
      ["n = 4: 32 groups at once, f neither sign nor are paid, each", 34_000],
      ["n = 31: 32 groups at once, f neither sign nor are paid, each", 34_000],
      ["n = 4: one of 32 groups later", 60_000],
      ["n = 31: one of 32 groups later", 60_000],
      ["n = 4: each further group", 22_000],
      ["n = 31: each further group", 22_000],
      ["n = 4: 32 groups at once, each", 27_000],
      ["n = 31: 32 groups at once, each", 27_000],
      ["n = 4: new committee, all consent by signature", 480_000],
      ["n = 4: one of 512 groups later", 60_000],
      ["n = 31: one of 512 groups later", 60_000],
    ];
    for (const [name, limit] of limits) expect(gas.get(name), name).toBeLessThanOrEqual(limit);
  });

  it.each([4, 7, 10, 13, 31])("is less than 2f+1 ECDSA signatures from the break-even on (n=%i)", (n) => {
    const reference = references.get(n) as number;
    const further = gas.get(`n = ${n}: each further group`) as number;
    expect(further).toBeLessThan(reference);
    const groups = n === 4 || n === 31 ? 32 : 8;
    expect(breakEven(n)).toBeLessThanOrEqual(4);
    expect(gas.get(`n = ${n}: ${groups} groups at once, each`)).toBeLessThan(reference);
  });

  it("is what docs/figures/gas-committees.md says, to within a hundredth", () => {
    expect(differences("gas-committees.md", "| | gas | ECDSA, each group |", rows())).toEqual([]);
  });

  it("is cheaper from as many groups on as README says", () => {
    const said = [...references.keys()].map((n) => `${breakEven(n)} with ${n} keepers`).join(", ");
    const readme = readFileSync(join(projectRoot, "README.md"), "utf8").replaceAll(/\s+/g, " ");
    expect(readme).toContain(`cheaper from this many groups on: ${said}`);
  });

  it("is cheaper from as many groups on as docs/figures/gas-committees.md says", () => {
    const header = "| n | one group | each further | ECDSA, each group | cheaper from … groups on |";
    const computed = [...references].map(([n, reference]): Row => {
      const [one, further] = ["one group, all sign", "each further group"].map((name) =>
        gas.get(`n = ${n}: ${name}`),
      );
      return [String(n), one, further, reference, breakEven(n)];
    });
    expect(differences("gas-committees.md", header, computed)).toEqual([]);
  });
});
