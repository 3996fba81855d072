/** Checks a demo's document with its own arithmetic and its own calls to the chain, written from the rules. */
import {
  AbiCoder,
  Interface,
  keccak256,
  Network,
  JsonRpcProvider,
  zeroPadValue,
  type TransactionReceipt,
} from "ethers";
import { expect } from "vitest";
import type { DemoDocument } from "../../scripts/demo/document.ts";
import { whitepay } from "../support/whitepay.ts";

/** The document as JSON has it: amounts are decimal text. */
type Json<T> = T extends bigint ? string : T extends object ? { [K in keyof T]: Json<T[K]> } : T;
export type Document = Json<DemoDocument>;
type Settlement = Document["settlements"][number];

const abi = new Interface([
  "event Settled(uint64 indexed ts, uint64 te, uint8 leader, uint256 failed, uint256 payees, uint256 signers, bytes32 digest)",
  "event Transfer(address indexed from, address indexed to, uint256 value)",
  "function balanceOf(address) view returns (uint256)",
  "function settle((uint64 ts, uint64 te, uint64 committee, uint8 leader, uint256 failed, uint256 payees, (uint32 provider, uint128 spaceTime)[] items) settlement, uint256 signers, bytes signature)",
]);

const quorum = (document: Document): number => (2 * (document.committee.length - 1)) / 3 + 1;
const bitmap = (indices: readonly number[]): bigint =>
  indices.reduce((bits, index) => bits | (1n << BigInt(index)), 0n);

/** R30 from the document's own space-time and price; every unit is accounted for (S2). */
export function expectMoney(document: Document): void {
  const { params, committee, escrow } = document;
  let credited = 0n;
  for (const settlement of document.settlements) {
    let cut = 0n;
    for (const item of settlement.items) {
      const amount = (BigInt(item.spaceTime) * BigInt(params.price)) / 1_073_741_824n;
      const part = (amount * BigInt(params.keeperShareBps)) / 10_000n;
      cut += part;
      expect(item).toMatchObject({ amount: `${amount}`, toProvider: `${amount - part}` });
      credited += amount - part;
    }
    expect(settlement.keeperCut).toBe(`${cut}`);
    const share = cut / BigInt(committee.length - settlement.failed.length);
    const shares = Object.fromEntries(settlement.payees.map((keeper) => [String(keeper), `${share}`]));
    expect(settlement.shares).toEqual(shares);
    credited += share * BigInt(settlement.payees.length);
  }
  expect(escrow.credited).toBe(`${credited}`);
  expect(escrow.withdrawn).toBe("0");
  expect(escrow.deposited).toBe(escrow.balance);
}

/** R5, computed from the rule. */
function order(ts: number, { params, committee }: Document): number[] {
  const key = (operator: string): string =>
    keccak256(
      AbiCoder.defaultAbiCoder().encode(
        ["uint64", "bytes32", "address"],
        [ts, params.committeeSeed, operator],
      ),
    );
  return committee
    .map(({ index, operator }) => ({ index, key: key(operator) }))
    .sort((a, b) => (a.key < b.key ? -1 : 1))
    .map(({ index }) => index);
}

/** S1, S3, R5 to R7 and R29 from the document alone. */
export function expectTurns(document: Document): void {
  const { params, settlements, committee, providers } = document;
  const n = committee.length;
  let ts = params.originBlock;
  for (const settlement of settlements) {
    const { te, turn, block, leader, failed, payees, signers, items } = settlement;
    expect(settlement.ts).toBe(ts);
    expect(te).toBe(ts + params.interval + (turn - 1) * params.turn);
    expect(block).toBeGreaterThanOrEqual(te);
    expect(block).toBeLessThan(te + params.turn);
    const turns = order(ts, document);
    expect(leader).toBe(turns[(turn - 1) % n]);
    const lapsed = Array.from({ length: Math.min(turn - 1, (n - 1) / 3) }, (_, i) => turns[turn - 2 - i]);
    expect(new Set(failed)).toEqual(new Set(lapsed));
    expect(failed).toHaveLength(lapsed.length);
    expect(failed.filter((keeper) => payees.includes(keeper))).toEqual([]);
    expect(signers.length).toBeGreaterThanOrEqual(quorum(document));
    expect(new Set(signers).size).toBe(signers.length);
    expect(items.map(({ provider }) => provider)).toEqual(providers.map(({ index }) => index));
    for (const { provider, spaceTime } of items) {
      const whole = BigInt(providers[provider]?.bytes ?? 0) * BigInt(te - ts);
      expect(BigInt(spaceTime)).toBeLessThanOrEqual(whole);
    }
    ts = te;
  }
}

/** The document's plain fields. */
export function expectShape(
  document: Document,
  { keepers, providers }: { keepers: number; providers: number },
): void {
  const address = /^0x[0-9a-fA-F]{40}$/;
  expect(Object.keys(document)).toEqual([
    "rpc",
    "chainId",
    "group",
    "token",
    "params",
    "committee",
    "providers",
    "settlements",
    "escrow",
    "challenges",
    "ok",
  ]);
  expect(document.ok).toBe(true);
  expect(document.rpc).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
  for (const party of [document.group, document.token]) expect(party).toMatch(address);
  expect(document.params).toMatchObject({ interval: 40, turn: 30, confirmations: 1, keeperShareBps: 1000 });
  for (const [members, count] of [
    [document.committee, keepers],
    [document.providers, providers],
  ] as const) {
    expect(members.map(({ index }) => index)).toEqual(Array.from({ length: count }, (_, i) => i));
    for (const { operator, payee } of members)
      expect([operator, payee].join()).toMatch(/^0x\w{40},0x\w{40}$/);
    expect(new Set(members.map(({ operator }) => operator)).size).toBe(count);
  }
  const { asked, passed, whole, partial, failed } = document.challenges;
  expect(whole + partial).toBe(passed);
  expect(passed + failed).toBe(asked);
  expect(passed).toBeGreaterThan(0);
}

async function json(args: readonly string[]): Promise<{ code: number | null; value: unknown }> {
  const command = whitepay([...args, "--json"]);
  const code = await command.ended;
  return { code, value: JSON.parse(command.stdout()) };
}

function expectReceipt(document: Document, settlement: Settlement, receipt: TransactionReceipt): void {
  const { ts, te, leader, block, gasUsed, failed, payees, signers } = settlement;
  expect(receipt).toMatchObject({
    status: 1,
    blockNumber: block,
    gasUsed: BigInt(gasUsed),
    to: document.group,
  });
  const event = receipt.logs.map((log) => abi.parseLog(log)).find((log) => log?.name === "Settled");
  expect(event?.args.slice(0, 6)).toEqual(
    [ts, te, leader].map(BigInt).concat([failed, payees, signers].map(bitmap)),
  );
}

async function expectSettlement(
  document: Document,
  settlement: Settlement,
  chain: JsonRpcProvider,
): Promise<void> {
  const { ts, te, turn, leader, tx, signers, failed, items } = settlement;
  const { params, committee } = document;
  const receipt = await chain.getTransactionReceipt(tx);
  const transaction = await chain.getTransaction(tx);
  if (receipt === null || transaction === null) throw new Error(`the chain does not know ${tx}`);
  expectReceipt(document, settlement, receipt);
  const [input] = abi.decodeFunctionData("settle", transaction.data);
  expect(input.items.map((item: { provider: bigint; spaceTime: bigint }) => item.spaceTime)).toEqual(
    items.map(({ spaceTime }) => BigInt(spaceTime)),
  );
  const operators = committee.map(({ operator }) => operator);
  const numbers = ["--ts", ts, "--interval", params.interval, "--turn", params.turn].map(String);
  const seed = ["--committee-seed", params.committeeSeed, "--operators", operators.join()];
  const turns = (await json(["inspect", "turns", ...numbers, ...seed])).value as {
    turns: { leader: string; te: number; failed: string[] }[];
  };
  const lower = (address: string | undefined): string | undefined => address?.toLowerCase();
  const named = turns.turns[turn - 1];
  expect({ te: named?.te, leader: lower(named?.leader), failed: named?.failed.map(lower) }).toEqual({
    te,
    leader: lower(operators[leader]),
    failed: failed.map((keeper) => lower(operators[keeper])),
  });
  const certificate = await json(["inspect", "certificate", "--rpc", document.rpc, "--tx", tx]);
  expect(certificate).toMatchObject({
    code: 0,
    value: { valid: true, group: document.group, ts, te, committee: 1, signers, quorum: quorum(document) },
  });
}

/** The same facts, read from the chain that the demo left running. */
export async function expectChain(document: Document): Promise<void> {
  const network = Network.from(document.chainId);
  const chain = new JsonRpcProvider(document.rpc, network, { staticNetwork: network, cacheTimeout: -1 });
  try {
    expect(BigInt(await chain.send("eth_chainId", []))).toBe(BigInt(document.chainId));
    const { group, token, params, escrow, settlements } = document;
    const before = await chain.getBlock(params.originBlock - 1);
    expect(params.committeeSeed).toBe(before?.hash); // R5
    for (const settlement of settlements) await expectSettlement(document, settlement, chain);
    const last = settlements.at(-1)?.block ?? 0;
    const transfer = abi.getEvent("Transfer")?.topicHash ?? "";
    const topics = [transfer, null, zeroPadValue(group, 32)];
    const paidIn = await chain.getLogs({ address: token, topics, fromBlock: 0, toBlock: last });
    expect(paidIn.reduce((sum, log) => sum + BigInt(log.data), 0n)).toBe(BigInt(escrow.deposited));
    const data = abi.encodeFunctionData("balanceOf", [group]);
    expect(BigInt(await chain.call({ to: token, data, blockTag: last }))).toBe(BigInt(escrow.balance));
  } finally {
    chain.destroy();
  }
}
