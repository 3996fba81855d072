/** The largest group in the largest committee, settled by it in the state that needs most gas (R29, L3). */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { TransactionReceipt } from "ethers";
import { bitmap } from "../../protocol/bitmap.ts";
import type { Certificate, CertifiedGroup, CertifiedItem } from "../../protocol/certificate.ts";
import { worstGas } from "../../protocol/handing-in.ts";
import type { Hex } from "../../protocol/hash.ts";
import { range } from "../support/contracts/basics.ts";
import { gasCap, revertedWith } from "../support/contracts/chain.ts";
import { differences, type Row } from "../support/contracts/gas-report.ts";
import type { Committee, Sending } from "../support/contracts/committee-contract.ts";
import { everything, ServiceWorld, type ServedGroup } from "../support/contracts/service-world.ts";
import { changeAll, mostChanges, passSlot, third } from "../support/contracts/worst-settlement.ts";

const n = 124;
const f = 41;
const providers = 256;
/** R4: h + (f+1)·t. */
const lockup = 40 + (f + 1) * 30;
/** All but f sign. */
const signers = range(n - f);
/** No member of those that failed, and the one whose share the sender takes. */
const leader = 50;
const sender = 0;

let world: ServiceWorld;
let committee: Committee;
let group: ServedGroup;
let scope: CertifiedGroup[];
let certificate: Certificate;
let sending: Sending;
const rows: Row[] = [];

const scopeWith = async (items: CertifiedItem[]): Promise<CertifiedGroup[]> => [
  { number: 1, group: (await group.address()).toLowerCase() as Hex, items },
];

/** Sends the certificate with the group, or the group later. */
async function submit(how: "certify" | "settle", gasLimit: number): Promise<TransactionReceipt> {
  return committee[how](certificate, scope, { ...sending, gasLimit });
}

/** Least gas limit, to within 1,000, with which the committee does not refuse the transaction; one that it does refuse. */
async function leastLimit(how: "certify" | "settle"): Promise<number> {
  const accepted = async (gasLimit: number): Promise<boolean> => {
    const snapshot = await world.chain.rpc("evm_snapshot");
    const refused = await revertedWith(submit(how, gasLimit), committee.contract.interface);
    await world.chain.rpc("evm_revert", [snapshot]);
    if (refused !== undefined && refused !== "Committee_TooLittleGas")
      throw new Error(`${gasLimit} gas: expected Committee_TooLittleGas, actual ${refused}`);
    return refused === undefined;
  };
  let [low, high] = [gasCap / 2, gasCap];
  while (high - low > 1_000) {
    const middle = Math.ceil((low + high) / 2);
    if (await accepted(middle)) high = middle;
    else low = middle;
  }
  return high;
}

type Outcome = { through: number; refused: boolean; arrears: boolean; unsettledChanges: number };

/** What became of the group in a transaction, as its last provider shows. */
async function outcome(receipt: TransactionReceipt): Promise<Outcome> {
  const { arrears, unsettledChanges } = await group.read("provider", providers - 1);
  return {
    through: await group.settledThrough(),
    refused: committee.events(receipt).some(({ name }) => name === "GroupRefused"),
    arrears: arrears > 0n,
    unsettledChanges: Number(unsettledChanges),
  };
}

/** Paid in part; the change after the interval is left. */
const settled = (): Outcome => ({
  through: certificate.te,
  refused: false,
  arrears: true,
  unsettledChanges: 1,
});

beforeAll(async () => {
  world = await ServiceWorld.open();
  committee = await world.committee({ n });
  // Enough for the lockup, and for the blocks in which the providers are added.
  const deposit = BigInt(providers) * BigInt(lockup + 2 * providers) * 1_000n;
  group = await world.group(committee, { ceiling: providers, deposit, config: { lockup, keeperFee: 1n } });
  for (let i = 0; i < providers; i += 1) await group.add(`bound p${i}`);
  // Nobody certifies for more than a lockup: all are in arrears, and all members but one are unpaid.
  await world.chain.before((await world.chain.block()) + 2 * lockup);
  const first = await scopeWith(range(providers).map((provider) => ({ provider, spaceTime: everything })));
  const c = await committee.certificate(first, { payees: 1n });
  await committee.certify(c, first, { signers });
  const { arrears } = await group.read("provider", providers - 1);
  if (arrears === 0n) throw new Error("expected arrears after the first interval, actual none");

  for (let round = 0; round < mostChanges - 1; round += 1) {
    await changeAll(group, round);
    await passSlot(group);
  }
  await group.deposit(BigInt(providers) * 20_000n);
  const { interval, turn } = committee.rhythm;
  const due = (await world.chain.block()) - c.te - interval;
  const te = c.te + interval + Math.ceil((due + 2) / turn) * turn;
  await world.chain.before(te);
  // The last change takes effect after the interval.
  await changeAll(group, mostChanges - 1);
  scope = await scopeWith(third(providers, te - c.te));
  certificate = await committee.certificate(scope, { leader, payees: bitmap([leader]) });
  if (certificate.te !== te)
    throw new Error(`expected a certificate through ${te}, actual ${certificate.te}`);
  sending = { signers, sender: committee.member(sender).operator, block: te + 20 };
}, 1_200_000);
afterAll(() => world.chain.close());

describe("a group of 256 providers, in a committee of 124 of which f are absent", () => {
  it("is settled with its certificate: in arrears, with 16 changes each, with all debts to be written", async () => {
    const snapshot = await world.chain.rpc("evm_snapshot");
    const receipt = await submit("certify", gasCap);
    rows.push(["with its certificate", Number(receipt.gasUsed)]);
    expect(await outcome(receipt)).toEqual(settled());
    await group.checkBooks([committee, 1]);
    await world.chain.rpc("evm_revert", [snapshot]);
  }, 600_000);

  it("is settled with the least gas limit that is not refused, too", async () => {
    const limit = await leastLimit("certify");
    rows.push(["least gas limit for that", limit]);
    const snapshot = await world.chain.rpc("evm_snapshot");
    expect(await outcome(await submit("certify", limit))).toEqual(settled());
    await world.chain.rpc("evm_revert", [snapshot]);
  }, 600_000);

  it("is settled later, with the least gas limit that is not refused", async () => {
    await committee.certify(certificate, scope, { ...sending, length: 0 });
    expect(await group.settledThrough()).toBe(certificate.ts);
    const limit = await leastLimit("settle");
    const receipt = await submit("settle", limit);
    rows.push(["later, from a remembered certificate", Number(receipt.gasUsed)]);
    rows.push(["least gas limit for that", limit]);
    // What a keeper counts on (R41) is enough, and not far too much.
    expect(limit - worstGas(providers, n)).toBeGreaterThan(0);
    expect(limit - worstGas(providers, n)).toBeLessThan(316_000);
    expect(await outcome(receipt)).toEqual(settled());
    await group.checkBooks([committee, 1]);
  }, 600_000);

  it("costs what docs/figures/gas-groups.md says, to within a hundredth", () => {
    expect(
      differences("gas-groups.md", "| in a committee of 124, of which 41 are absent | gas |", rows),
    ).toEqual([]);
  });
});
