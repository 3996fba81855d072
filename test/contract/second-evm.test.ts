/**
 * The same bytecode and transactions in blocks of the same numbers on other EVMs: every receipt, its gas, and the storage that is left
 * are the same. The first one is EDR (revm, in Rust). `@ethereumjs/evm` is independent of it (JavaScript, with BLS12-381 of its own);
 * anvil is another client, on revm as well.
 */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ZeroAddress, type Wallet } from "ethers";
import { send } from "../support/contracts/chain.ts";
import type { Committee } from "../support/contracts/committee-contract.ts";
import { gibibyte } from "../support/contracts/group-contract.ts";
import { ServiceWorld, type ServedGroup } from "../support/contracts/service-world.ts";
import { record, type Recording } from "../support/contracts/recording.ts";
import { replayOnAnvil, type Anvil } from "../support/contracts/anvil.ts";
import { replay, type Replay } from "../support/contracts/second-evm.ts";
import { VouchersWorld } from "../support/contracts/vouchers-world.ts";

type Hex = `0x${string}`;
let world: ServiceWorld;
let recording: Recording;
let second: Replay;
let anvil: Anvil;
/** Contracts whose storage is compared, by what they are. */
const contracts = new Map<string, Hex>();

beforeAll(async () => {
  world = await ServiceWorld.open();
  await play();
  recording = await record(world.chain);
  second = await replay(recording);
  anvil = await replayOnAnvil(recording);
});
afterAll(async () => {
  await anvil.close();
  await world.chain.close();
});

function note(name: string, address: string): void {
  contracts.set(name, address.toLowerCase() as Hex);
}

/** Members, groups and settlements of most kinds, refused calls among them. */
async function play(): Promise<void> {
  const { registry, factory } = world.committees;
  const committee = await world.committee();
  const groups: ServedGroup[] = [];
  for (const [i, keeperFee] of [0n, 65_536n].entries()) {
    const group = await world.group(committee, {
      config: { keeperFee },
      deposit: i === 0 ? 2_000_000n : 10n ** 12n,
    });
    await group.add("replayed p0", { size: 10n * gibibyte });
    if (i === 1) await group.add("replayed p1", { size: 3n * gibibyte + 1n });
    groups.push(group);
    note(`group ${i}`, await group.address());
  }
  note("committee", committee.address);
  note("registry", await registry.getAddress());
  note("factory", await factory.getAddress());
  note("token", await world.token.getAddress());

  await world.certify(committee);
  // f do not sign; half is proven; another member sends it late and takes the leader's share.
  const late = (await committee.certifiedThrough()) + 40 + 20;
  const half = (_: string, provider: number): bigint => (provider === 0 ? 200n * gibibyte : 60n * gibibyte);
  await world.certify(committee, {
    signers: [0, 1, 3],
    signed: half,
    block: late,
    sender: committee.member(3).operator,
  });
  await refusedCalls(committee);
  // The first group runs dry; nothing is handed in at once, and one group is settled under a range proof.
  for (let i = 0; i < 5; i += 1) {
    const { certificate, scope } = await world.certify(committee, { length: 0 });
    await committee.settle(certificate, scope, { first: 1, length: 1 });
    await committee.settle(certificate, scope, { first: 0, length: 1 });
  }
  await moveAndHandOver(committee, groups[1] as ServedGroup);
  const group = groups[0] as ServedGroup;
  await world.chain.before((await group.settledThrough()) + 40 + 100);
  await group.send(world.payer, "abandon", [0]);
  await group.deposit(10n ** 9n);
  await group.send(world.payer, "collectArrears", [0]);
  await send(factory, group.providers[0] as Wallet, "withdrawProviders", [[[await group.address(), 0]]]);
  await payForReading();
}

/** A reader's channel: a redemption with two vouchers, a refused one, and the rest of the money back. */
async function payForReading(): Promise<void> {
  const reading = await VouchersWorld.on(world.chain);
  note("vouchers", reading.address);
  const reader = await reading.account("replayed reader");
  const provider = await world.chain.account("replayed host");
  const coin = { reader, provider, token: ZeroAddress };
  const pair = { reader, provider };
  await reading.deposit(coin, 1_000n);
  await reading.deposit(pair, 1_000n);
  await reading.redeem(provider, [await reading.claim(pair, 400n), await reading.claim(coin, 300n)]);
  await reading.failing(reading.redeem(provider, [await reading.claim(pair, 500n, { signer: provider })]));
  await reading.release(pair);
  await world.chain.before(Number((await reading.channel(coin)).expiry));
  await reading.withdraw(coin);
}

/** A certificate with a signature too few, one signed by others, one without gas. */
async function refusedCalls(committee: Committee): Promise<void> {
  const certificate = await committee.certificate([]);
  await world.failing(committee.certify(certificate, [], { signers: [0, 1] }));
  const signature = committee.sign(certificate, [0, 1, 2]);
  await world.failing(committee.certify(certificate, [], { signers: [1, 2, 3], signature }));
  await committee.certify(certificate, [], { gasLimit: 120_000 }).catch(() => undefined);
}

/** A key rotation takes effect; the group moves on, and is settled by its next committee. */
async function moveAndHandOver(committee: Committee, group: ServedGroup): Promise<void> {
  const next = await world.committee({ from: 1 });
  note("second committee", next.address);
  const rotated = await world.committees.rotate(committee.member(2), "replayed key");
  await committee.send(rotated.operator, "rotateSeat");
  await group.enter(next);
  await world.certify(committee);
  committee.members = committee.members.map((keeper, i) => (i === 2 ? rotated : keeper));
  const begins = Number((await group.read("state")).next.from);
  await world.settleThrough(group, committee, begins);
  await world.settleThrough(group, next, begins + 1);
  const claims = [[await group.address(), committee.address, 1, 0]];
  await send(world.committees.factory, committee.member(0).operator, "withdrawKeepers", [claims]);
}

describe("the recorded scenario", () => {
  it("has refused calls, and many accepted certificates", () => {
    const { transactions, hashes } = recording;
    expect(transactions.filter(({ outcome }) => outcome.status === 0).length).toBeGreaterThanOrEqual(3);
    const topic = world.committees.errors.getEvent("Certified")?.topicHash;
    const certified = transactions.filter(({ outcome }) =>
      outcome.logs.some(({ topics }) => topics[0] === topic),
    );
    expect(certified.length).toBeGreaterThan(8);
    console.log(
      `${transactions.length} transactions, ${certified.length} certificates, ${hashes.length} blocks`,
    );
  });
});

describe.each(["@ethereumjs/evm", "anvil"])("%s", (name) => {
  it("gives every transaction the same result, gas and logs", () => {
    const { outcomes } = name === "anvil" ? anvil : second;
    expect(outcomes).toHaveLength(recording.transactions.length);
    for (const [i, { outcome, block }] of recording.transactions.entries()) {
      expect(outcomes[i], `transaction ${i} in block ${block.number}`).toEqual(outcome);
    }
  });
});

describe.each([
  "group 0",
  "group 1",
  "committee",
  "second committee",
  "registry",
  "factory",
  "token",
  "vouchers",
])("code and storage of the %s", (name) => {
  const address = (): Hex => contracts.get(name) as Hex;
  const proven = async (): Promise<Record<string, Hex>> =>
    (await world.chain.rpc("eth_getProof", [address(), [], "latest"])) as Record<string, Hex>;

  it("are the same with @ethereumjs/evm", async () => {
    const { codeHash, storageHash } = await proven();
    expect(await second.codeHash(address())).toBe(codeHash);
    expect(await second.storageRoot(address())).toBe(storageHash);
  });

  it("are the same with anvil", async () => {
    expect(await anvil.codeHash(address())).toBe((await proven())["codeHash"]);
    const slots = second.slotsOf(address());
    expect(slots.length).toBeGreaterThan(0);
    for (const slot of slots) {
      const word = await world.chain.rpc("eth_getStorageAt", [address(), slot, "latest"]);
      expect(await anvil.word(address(), slot), `slot ${slot}`).toBe(word);
    }
  });
});
