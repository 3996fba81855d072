/** Compares a demo's document with the chain that the demo left running, by calls and decoding of its own. */
import {
  concat,
  Contract,
  getAddress,
  Interface,
  JsonRpcProvider,
  keccak256,
  Network,
  toBeHex,
  TypedDataEncoder,
  zeroPadValue,
  type Result,
  type TransactionReceipt,
} from "ethers";
import { expect } from "vitest";
import { whitepay } from "../support/whitepay.ts";
import type { Document, Group, Round } from "./judge.ts";

const certificate =
  "(uint64 ts, uint64 te, uint64 version, uint8 leader, uint256 failed, uint256 payees, uint32 count, bytes32 groups)";
const handed = "uint64 first, uint256[] groups, bytes32[] proof";
const service = "(address committee, uint32 number, uint16 ceiling, uint64 from)";
const abi = new Interface([
  "event Certified(uint64 indexed ts, uint64 te, uint64 version, uint8 leader, uint256 failed, uint256 payees, uint256 signers, uint32 count, bytes32 groups, bool remembered)",
  "event Settled(uint256 interval, uint256 keepers, uint256[] providers)",
  "event Transfer(address indexed from, address indexed to, uint256 value)",
  `function certify(${certificate} c, uint256 signers, bytes signature, ${handed})`,
  `function settle(${certificate} c, ${handed})`,
  "function balanceOf(address) view returns (uint256)",
  "function payer() view returns (address)",
  "function config() view returns ((address token, uint32 lockup, uint16 keeperShareBps, uint96 keeperFee))",
  `function state() view returns ((uint64 settledThrough, ${service} service, ${service} next, uint64 left, uint64 endBlock, bool ended, uint16 listed, uint32 providerCount, uint64 movedAt, uint64 arrearsSince))`,
  "function escrow() view returns ((uint96 deposited, uint96 paidOut, uint96 available, uint128 providerArrears, uint128 keeperArrears, uint256 required))",
  "function dataOf(uint32 index) view returns ((uint64 from, uint64 size, uint80 price, bytes32 root, address receiptKey, uint64 sequence, uint128 spaceTime, uint192 value)[])",
  "function originBlock() view returns (uint64)",
  "function operatorsOf(uint64 version) view returns (address[])",
]);

const bitmap = (indices: readonly number[]): bigint =>
  indices.reduce((bits, index) => bits | (1n << BigInt(index)), 0n);

async function json(args: readonly string[]): Promise<{ code: number | null; value: unknown }> {
  const command = whitepay([...args, "--json"]);
  const code = await command.ended;
  return { code, value: JSON.parse(command.stdout()) };
}

type Handed = { readonly number: bigint; readonly group: string; readonly items: readonly bigint[] };

/** A transaction of a round, decoded. */
type Sent = {
  readonly receipt: TransactionReceipt;
  readonly call: Result;
  readonly groups: readonly Handed[];
};

async function sentIn(chain: JsonRpcProvider, document: Document, tx: string): Promise<Sent> {
  const [receipt, transaction] = await Promise.all([
    chain.getTransactionReceipt(tx),
    chain.getTransaction(tx),
  ]);
  if (receipt === null || transaction === null) throw new Error(`the chain does not know ${tx}`);
  expect(receipt).toMatchObject({ status: 1, to: document.committee.address });
  const call = abi.parseTransaction(transaction)?.args as Result;
  return { receipt, call, groups: handedIn([...(call["groups"] as Iterable<bigint>)]) };
}

/** R27: of each group a word items(16) ‖ number(32) ‖ group(160), and its items behind it. */
function handedIn(words: readonly bigint[]): Handed[] {
  const groups: Handed[] = [];
  for (let at = 0; at < words.length; at += 1 + (groups.at(-1)?.items.length ?? 0)) {
    const head = words[at] as bigint;
    const count = Number(head >> 192n);
    const items = words.slice(at + 1, at + 1 + count);
    expect(items).toHaveLength(count);
    const group = getAddress(toBeHex(BigInt.asUintN(160, head), 20));
    groups.push({ number: BigInt.asUintN(32, head >> 160n), group, items });
  }
  return groups;
}

/** R27: a leaf is items(16) ‖ number(32) ‖ group(160) and the items' words, hashed twice; a lone last node moves up. */
function rootOf(groups: readonly Handed[]): string {
  let level = groups.map(({ number, group, items }) => {
    const head = (BigInt(items.length) << 192n) + (number << 160n) + BigInt(group);
    return keccak256(keccak256(concat([head, ...items].map((word) => toBeHex(word, 32)))));
  });
  while (level.length > 1) {
    const pairs = Array.from({ length: Math.ceil(level.length / 2) }, (_, i) =>
      level.slice(2 * i, 2 * i + 2),
    );
    level = pairs.map((pair) => (pair.length === 1 ? (pair[0] as string) : keccak256(concat(pair))));
  }
  return level[0] ?? "";
}

const uint = (name: string, bits: number): { name: string; type: string } => ({ name, type: `uint${bits}` });
const certificateType = {
  Certificate: [
    ...["ts", "te", "version"].map((name) => uint(name, 64)),
    uint("leader", 8),
    ...["failed", "payees"].map((name) => uint(name, 256)),
    uint("count", 32),
    { name: "groups", type: "bytes32" },
  ],
};

/** R27: the digest of what the document says, under the root of what was handed in. */
function digestOf(document: Document, round: Round, groups: readonly Handed[]): string {
  const { ts, te, leader, failed, payees } = round;
  const verifyingContract = document.committee.address;
  const domain = { name: "WhitePay", version: "2", chainId: document.chainId, verifyingContract };
  const value = { ts, te, version: 1, leader, failed: bitmap(failed), payees: bitmap(payees) };
  const scope = { count: groups.length, groups: rootOf(groups) };
  return TypedDataEncoder.hash(domain, certificateType, { ...value, ...scope });
}

/** The items of a group in the document, as signed. */
function itemsOf({ settlements }: Group, i: number): { provider: number; spaceTime: string }[] {
  return (settlements[i]?.items ?? []).map(({ provider, spaceTime }) => ({ provider, spaceTime }));
}

/** The words of a group's event: what was paid for, and what was credited. */
function expectSettled(group: Group, i: number, sent: readonly Sent[]): void {
  const { ts, te, tx, items, keeperCut, keeperFee } = group.settlements[i] as Group["settlements"][number];
  const receipt = sent.map((one) => one.receipt).find(({ hash }) => hash === tx);
  const log = receipt?.logs.find(({ address, topics }) => {
    return address === group.address && topics[0] === abi.getEvent("Settled")?.topicHash;
  });
  if (log === undefined) throw new Error(`${tx} settles nothing of ${group.address}`);
  const [interval, keepers, providers] = abi.decodeEventLog("Settled", log.data) as unknown as [
    bigint,
    bigint,
    bigint[],
  ];
  const field = (word: bigint, above: number, bits: number): bigint =>
    (word >> BigInt(above)) % (1n << BigInt(bits));
  expect([field(interval, 172, 40), field(interval, 132, 40)]).toEqual([BigInt(ts), BigInt(te)]);
  expect([field(keepers, 96, 96), field(keepers, 0, 96)]).toEqual([BigInt(keeperCut), BigInt(keeperFee)]);
  const parts = providers.map((word) => [field(word, 224, 32), field(word, 96, 128), field(word, 0, 96)]);
  expect(parts).toEqual(
    items.map(({ provider, spaceTime, toProvider }) => [provider, spaceTime, toProvider].map(BigInt)),
  );
}

async function expectTurn(document: Document, { ts, te, turn, leader, failed }: Round): Promise<void> {
  const { params, members } = document.committee;
  const operators = members.map(({ operator }) => operator);
  const numbers = ["--ts", ts, "--interval", params.interval, "--turn", params.turn].map(String);
  const seed = ["--committee-seed", params.committeeSeed, "--operators", operators.join()];
  const { turns } = (await json(["inspect", "turns", ...numbers, ...seed])).value as {
    turns: { leader: string; te: number; failed: string[] }[];
  };
  const lower = (address: string | undefined): string | undefined => address?.toLowerCase();
  const named = turns[turn - 1];
  expect({ te: named?.te, leader: lower(named?.leader), failed: named?.failed.map(lower) }).toEqual({
    te,
    leader: lower(operators[leader]),
    failed: failed.map((keeper) => lower(operators[keeper])),
  });
}

async function expectRound(chain: JsonRpcProvider, document: Document, i: number): Promise<void> {
  const round = document.rounds[i] as Round;
  const { ts, te, leader, block, tx, txs, gasUsed, failed, payees, signers } = round;
  const sent = await Promise.all(txs.map((one) => sentIn(chain, document, one)));
  expect(sent.reduce((sum, { receipt }) => sum + receipt.gasUsed, 0n)).toBe(BigInt(gasUsed));
  const groups = sent.flatMap((one) => one.groups).sort((a, b) => Number(a.number - b.number));
  expect(groups.map(({ group }) => group)).toEqual(round.groups);
  const receipt = (sent[0] as Sent).receipt;
  expect(receipt.blockNumber).toBe(block);
  const event = receipt.logs.map((log) => abi.parseLog(log)).find((log) => log?.name === "Certified");
  expect(event?.args.slice(0, 7)).toEqual(
    [ts, te, 1, leader].map(BigInt).concat([failed, payees, signers].map(bitmap)),
  );
  for (const group of document.groups) {
    const own = groups.find((one) => one.group === group.address);
    const words = itemsOf(group, i).map(
      ({ provider, spaceTime }) => (BigInt(provider) << 128n) + BigInt(spaceTime),
    );
    expect([...(own?.items ?? [])]).toEqual(words);
    expectSettled(group, i, sent);
  }
  await expectTurn(document, round);
  const verified = await json(["inspect", "certificate", "--rpc", document.rpc, "--tx", tx]);
  const first = (sent[0] as Sent).groups.map(({ group }) => group);
  expect(verified).toEqual({
    code: 0,
    value: {
      valid: true,
      committee: document.committee.address,
      ts,
      te,
      version: 1,
      digest: digestOf(document, round, groups),
      signers,
      quorum: (2 * (document.committee.members.length - 1)) / 3 + 1,
      groups: first.map((address) => {
        const group = document.groups.find((one) => one.address === address) as Group;
        return { group: address, items: itemsOf(group, i) };
      }),
    },
  });
}

/** What the contract of a group and its token say, as of the block of the last settlement. */
async function expectGroup(
  chain: JsonRpcProvider,
  document: Document,
  group: Group,
  block: number,
): Promise<void> {
  const { address, payer, token, params, providers, settlements, escrow } = group;
  const call = async (to: string, name: string, ...args: unknown[]): Promise<Result> =>
    (await new Contract(to, abi, chain).getFunction(name).staticCall(...args, { blockTag: block })) as Result;
  expect(await call(address, "payer")).toBe(payer);
  const { lockup, keeperShareBps, keeperFee } = params;
  expect([...(await call(address, "config"))]).toEqual([
    token,
    BigInt(lockup),
    BigInt(keeperShareBps),
    BigInt(keeperFee),
  ]);
  const { settledThrough, service: served } = await call(address, "state");
  expect(settledThrough).toBe(BigInt(settlements.at(-1)?.te ?? 0));
  // R30: the fee is for the providers reserved.
  expect([served.committee, served.ceiling]).toEqual([document.committee.address, BigInt(providers.length)]);
  expect(served.from).toBe(BigInt(document.rounds[0]?.ts ?? 0));
  for (const { index, bytes, price } of providers) {
    const [data] = await call(address, "dataOf", index);
    expect([data.size, data.price]).toEqual([BigInt(bytes), BigInt(price)]);
  }
  const held = await call(address, "escrow");
  expect(held.deposited - held.paidOut).toBe(BigInt(escrow.balance));
  expect(held.deposited - held.paidOut - held.available).toBe(BigInt(escrow.credited));
  const topics = [abi.getEvent("Transfer")?.topicHash ?? "", null, zeroPadValue(address, 32)];
  const paidIn = await chain.getLogs({ address: token, topics, fromBlock: 0, toBlock: block });
  expect(paidIn.reduce((sum, log) => sum + BigInt(log.data), 0n)).toBe(BigInt(escrow.deposited));
  expect(await call(token, "balanceOf", address)).toBe(BigInt(escrow.balance));
}

async function lastBlock(chain: JsonRpcProvider, { rounds }: Document): Promise<number> {
  const receipts = await Promise.all((rounds.at(-1)?.txs ?? []).map((tx) => chain.getTransactionReceipt(tx)));
  return Math.max(...receipts.map((receipt) => receipt?.blockNumber ?? 0));
}

/** The same facts, read from the chain that the demo left running. */
export async function expectChain(document: Document): Promise<void> {
  const network = Network.from(document.chainId);
  const chain = new JsonRpcProvider(document.rpc, network, { staticNetwork: network, cacheTimeout: -1 });
  try {
    expect(BigInt(await chain.send("eth_chainId", []))).toBe(BigInt(document.chainId));
    const { address, params, members } = document.committee;
    const contract = new Contract(address, abi, chain);
    expect(await contract.getFunction("originBlock")()).toBe(BigInt(params.originBlock));
    expect([...(await contract.getFunction("operatorsOf")(1))]).toEqual(
      members.map(({ operator }) => operator),
    );
    const before = await chain.getBlock(params.originBlock - 1);
    expect(params.committeeSeed).toBe(before?.hash); // R5
    await Promise.all(document.rounds.map((_, i) => expectRound(chain, document, i)));
    const block = await lastBlock(chain, document);
    await Promise.all(document.groups.map((group) => expectGroup(chain, document, group, block)));
  } finally {
    chain.destroy();
  }
}
