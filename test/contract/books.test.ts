/** The books and the library compute the contract's credits from events and calldata, exact to the unit. */
import fc from "fast-check";
import type { Interface, Wallet } from "ethers";
import { afterAll, beforeAll, expect, it } from "vitest";
import { settlementsOf } from "../../keeper/adapters/chain-ethers/settled.ts";
import type { RawLog } from "../../keeper/adapters/chain-ethers/settled.ts";
import type { Hex } from "../../protocol/hash.ts";
import type { BookedSettlement } from "../../keeper/ports/ledger.ts";
import { groupPayments } from "../../client/payments.ts";
import { Model } from "../../sim/chain/contract-model.ts";
import { Player } from "../support/contracts/sequence-player.ts";
import { beginning, steps, type Step } from "../support/contracts/sequence-steps.ts";
import { range, World, type Group, type Keeper } from "../support/contracts/world.ts";

let world: World;
let keepers: Keeper[];
let operators: Wallet[];

beforeAll(async () => {
  world = await World.open();
  keepers = await world.keepers(10);
  operators = await Promise.all(range(6).map((i) => world.chain.account(`books provider ${i}`)));
  for (const i of range(6)) await world.provider(`books provider ${i}`);
});
afterAll(() => world.chain.close());

const config = { interval: 24, turn: 24, slot: 3, answer: 1, confirmations: 0, lockup: 96 };

type Log = RawLog & { readonly transactionHash: Hex; readonly blockNumber: string };
type Sent = { readonly hash: Hex; readonly input: string; readonly from: string };

/** The group's view at a block, as named fields. */
async function view(group: Group, block: number, name: string, ...args: unknown[]) {
  const abi: Interface = group.contract.interface;
  const call = { to: await group.address(), data: abi.encodeFunctionData(name, args) };
  const data = (await world.chain.rpc("eth_call", [call, `0x${block.toString(16)}`])) as string;
  return abi.decodeFunctionResult(name, data)[0] as Record<string, bigint>[];
}

/** Total credits of each provider, and of each keeper of a committee, at a block. */
async function credits(group: Group, version: number, block: number) {
  const providers = await view(group, block, "providers", 0, 256);
  const seats = await view(group, block, "keeperAccounts", version, 0, 124);
  return {
    providers: providers.map((provider) => provider["credited"] ?? 0n),
    keepers: seats.map((seat) => seat["earned"] ?? 0n),
  };
}

/** The settlement as the books read it from its transaction. */
async function booked(group: Group, tx: Hex, price: bigint, share: number): Promise<BookedSettlement[]> {
  const address = (await group.address()).toLowerCase() as Hex;
  const { chain } = world;
  const sent = (await chain.rpc("eth_getTransactionByHash", [tx])) as Sent;
  const receipt = (await chain.rpc("eth_getTransactionReceipt", [tx])) as {
    logs: RawLog[];
    blockNumber: string;
    blockHash: Hex;
    gasUsed: string;
  };
  const facts = {
    group: address,
    price,
    keeperShareBps: BigInt(share),
    input: sent.input,
    logs: receipt.logs.filter((log) => log.address.toLowerCase() === address),
    transaction: {
      tx,
      block: Number(receipt.blockNumber),
      blockHash: receipt.blockHash,
      sender: sent.from.toLowerCase() as Hex,
      gasUsed: BigInt(receipt.gasUsed),
      gasPrice: 1n,
    },
  };
  return settlementsOf(facts, async (version) => {
    const committee = (await view(group, facts.transaction.block, "committeeAt", version)) as unknown as {
      operators: Hex[];
    };
    return committee.operators.map((operator) => operator.toLowerCase() as Hex);
  });
}

/** Credits of a settlement, without credits for an earlier abandon. */
async function expectCredited(group: Group, one: BookedSettlement, logs: readonly Log[]): Promise<void> {
  const { block, tx } = one.transaction;
  const [before, after] = [
    await credits(group, one.committee, block - 1),
    await credits(group, one.committee, block),
  ];
  const abi: Interface = group.contract.interface;
  const caught = new Map<number, bigint>();
  for (const log of logs.filter(({ transactionHash }) => transactionHash === tx)) {
    const event = abi.parseLog({ topics: [...log.topics], data: log.data });
    if (event?.name !== "AbandonCredited") continue;
    const provider = Number(event.args["provider"]);
    caught.set(provider, (caught.get(provider) ?? 0n) + (event.args["amount"] as bigint));
  }
  const toProviders = after.providers.map(
    (credited, i) => credited - (before.providers[i] ?? 0n) - (caught.get(i) ?? 0n),
  );
  const toKeepers = after.keepers.map((earned, i) => earned - (before.keepers[i] ?? 0n));
  const items = toProviders.map((_, i) => one.items.find(({ provider }) => provider === i)?.toProvider ?? 0n);
  const shares = toKeepers.map((_, i) => one.shares.find(({ keeper }) => keeper === i)?.amount ?? 0n);
  expect({ ts: one.ts, items, shares }).toEqual({ ts: one.ts, items: toProviders, shares: toKeepers });
}

/** The sums that the library reads from the chain equal the contract's total credits and payments. */
async function expectPayments(group: Group): Promise<number> {
  const address = await group.address();
  const sums = new Map<string, bigint>();
  let count = 0;
  // Few blocks per request, so that many pages are joined.
  for await (const payment of groupPayments(world.chain.provider, address, { blocksAtOnce: 17 })) {
    const { role, committee = 0, index, kind, amount } = payment;
    const key = `${role} ${committee}/${index} ${kind === "withdrawn" ? "withdrawn" : "credited"}`;
    sums.set(key, (sums.get(key) ?? 0n) + amount);
    count++;
  }
  const block = await world.chain.block();
  const expected = new Map<string, bigint>();
  for (const [index, provider] of (await view(group, block, "providers", 0, 256)).entries()) {
    expected.set(`provider 0/${index} credited`, provider["credited"] ?? 0n);
    expected.set(`provider 0/${index} withdrawn`, provider["withdrawn"] ?? 0n);
  }
  const { committee } = (await view(group, block, "state")) as unknown as { committee: bigint };
  for (let version = 1; version <= Number(committee); version++) {
    for (const [index, seat] of (await view(group, block, "keeperAccounts", version, 0, 124)).entries()) {
      expected.set(`keeper ${version}/${index} credited`, seat["earned"] ?? 0n);
      expected.set(`keeper ${version}/${index} withdrawn`, seat["withdrawn"] ?? 0n);
    }
  }
  const some = (all: ReadonlyMap<string, bigint>): unknown =>
    Object.fromEntries([...all].filter(([key, amount]) => amount > 0n && !key.startsWith("payer")));
  expect(some(sums)).toEqual(some(expected));
  return count;
}

async function played(n: number, price: bigint, share: number, sequence: readonly Step[]): Promise<Group> {
  const group = await world.group(n, { config: { ...config, price, keeperShareBps: share }, deposit: 0n });
  const allowance = world.token.connect(world.payer) as typeof world.token;
  await (await allowance.getFunction("approve")(await group.address(), 1n << 95n)).wait();
  const origin = group.created.blockNumber;
  const model = new Model({ ...config, origin, price, keeperShareBps: BigInt(share) }, range(n));
  const player = new Player(group, model, keepers, operators);
  // Little money, so that most of these groups run short and have arrears.
  for (const step of [...beginning(model, 1n), ...sequence]) await player.play(step);
  return group;
}

it("books what the contract credits, with arrears, caps, replaced leaders and changed committees (R16, R25, R30, R32)", async () => {
  const seen = { settlements: 0, capped: 0, owed: 0, replaced: 0, payments: 0, abandoned: 0 };
  const game = fc.asyncProperty(
    fc.constantFrom(4, 7),
    fc.constantFrom(1_000_003n, 12_345_678_901n),
    fc.constantFrom(1000, 3333, 10_000),
    fc.array(steps, { minLength: 30, maxLength: 60, size: "max" }),
    async (n, price, share, sequence) => {
      const group = await played(n, price, share, sequence);
      const address = await group.address();
      const logs = (await world.chain.rpc("eth_getLogs", [{ address, fromBlock: "0x0" }])) as Log[];
      const names = logs.map(
        (log) => group.contract.interface.parseLog({ topics: [...log.topics], data: log.data })?.name,
      );
      seen.capped += names.filter((name) => name === "Capped").length;
      seen.owed += names.filter((name) => name === "ArrearsChanged").length;
      seen.replaced += names.filter((name) => name === "LeaderReplaced").length;
      seen.payments += await expectPayments(group);
      seen.abandoned += names.filter((name) => name === "AbandonCredited").length;
      const txs = logs.filter((_, i) => names[i] === "Settled").map(({ transactionHash }) => transactionHash);
      for (const tx of new Set(txs)) {
        for (const one of await booked(group, tx, price, share)) {
          await expectCredited(group, one, logs);
          seen.settlements++;
        }
      }
    },
  );
  await fc.assert(game, { numRuns: 20, seed: 31, endOnFailure: true });
  // Each of these events must occur, otherwise the test shows nothing.
  for (const [what, count] of Object.entries(seen))
    expect({ what, some: count > 0 }).toEqual({ what, some: true });
});
