/** Settlements as the chain's events and calldata tell them, to the last unit (R29, R30, R32). */
import { Interface } from "ethers";
import type { Hex } from "../../core/hash.ts";
import type { BookedItem, BookedSettlement, BookedShare, BookedTransaction } from "../../ports/ledger.ts";
import { groupAbi } from "./abi.ts";

export const booksAbi = new Interface([
  "event Settled(uint64 indexed ts, uint64 te, uint8 leader, uint256 failed, uint256 payees, uint256 signers, bytes32 digest)",
  "event Capped(uint64 indexed ts, uint32 indexed provider, uint256 signed, uint256 committed)",
  "event ArrearsChanged(uint32 indexed provider, uint256 before, uint256 afterwards)",
  "event LeaderReplaced(uint64 indexed ts, uint8 leader, uint8 sender, uint256 share)",
  "function committeeAt(uint64 version) view returns (tuple(uint64 version, uint64 proposedAt, uint64 readyAt, uint64 effectiveFrom, uint64 retiredAt, bytes32 seed, address keysBlob, uint256 accepted, address[] operators))",
  "function escrow() view returns (tuple(uint256 deposited, uint256 paidOut, uint256 balance, uint256 unallocated, uint256 credits, uint256 arrears, uint256 reserve, uint256 withdrawable))",
  "function fundedUntil() view returns (uint64)",
]);

export type RawLog = {
  readonly address: string;
  readonly topics: readonly string[];
  readonly data: string;
  readonly logIndex: string;
};

export type SettledFacts = {
  readonly group: Hex;
  readonly price: bigint;
  readonly keeperShareBps: bigint;
  readonly transaction: BookedTransaction;
  readonly input: string;
  /** All logs of the group in the transaction. */
  readonly logs: readonly RawLog[];
};

type Parsed = { readonly name: string; readonly args: Record<string, bigint>; readonly index: number };

function parse(log: RawLog): Parsed | undefined {
  const parsed = booksAbi.parseLog({ topics: [...log.topics], data: log.data });
  if (parsed === null) return undefined;
  const args = Object.fromEntries(
    parsed.fragment.inputs.map(({ name }, i) => [name, parsed.args[i] as bigint]),
  );
  return { name: parsed.name, args, index: Number(log.logIndex) };
}

type Calldata = {
  readonly committee: number;
  readonly items: readonly { provider: number; signed: bigint }[];
};

/** Undefined if the transaction called something else, which then called the group. */
function decodeCalldata(input: string, ts: number): Calldata | undefined {
  try {
    const [settlement] = groupAbi.decodeFunctionData("settle", input);
    if (Number(settlement.ts) !== ts) return undefined;
    const items = [...settlement.items].map((item) => ({
      provider: Number(item.provider),
      signed: item.spaceTime as bigint,
    }));
    return { committee: Number(settlement.committee), items };
  } catch {
    return undefined;
  }
}

function bits(bitmap: bigint): number[] {
  return [...bitmap.toString(2)].reverse().flatMap((bit, i) => (bit === "1" ? [i] : []));
}

/** The events between the settlement before this one in the transaction and this one are its own. */
function ownEvents(events: readonly Parsed[], settled: Parsed): Parsed[] {
  const earlier = events.filter((e) => e.name === "Settled" && e.index < settled.index).at(-1);
  return events.filter((e) => e.index < settled.index && e.index > (earlier?.index ?? -1));
}

function itemsOf(facts: SettledFacts, calldata: Calldata, events: readonly Parsed[]): BookedItem[] {
  return calldata.items.map(({ provider, signed }) => {
    const of = (name: string): Record<string, bigint> | undefined =>
      events.find((e) => e.name === name && Number(e.args["provider"]) === provider)?.args;
    const spaceTime = of("Capped")?.["committed"] ?? signed;
    const arrears = of("ArrearsChanged");
    // R32: what came from arrears is added, what went into them is left.
    const change = arrears === undefined ? 0n : (arrears["before"] ?? 0n) - (arrears["afterwards"] ?? 0n);
    const amount = ((spaceTime * facts.price) >> 30n) + change;
    const cut = (amount * facts.keeperShareBps) / 10_000n;
    return { provider, signed, spaceTime, amount, toProvider: amount - cut };
  });
}

function sharesOf(
  settled: Parsed,
  items: readonly BookedItem[],
  events: readonly Parsed[],
  operators: readonly Hex[],
): BookedShare[] {
  const [payees, failed] = [settled.args["payees"] ?? 0n, settled.args["failed"] ?? 0n];
  const cuts = items.reduce((sum, { amount, toProvider }) => sum + amount - toProvider, 0n);
  const share = cuts / BigInt(Math.max(1, operators.length - bits(failed).length));
  const amounts = new Map(bits(payees).map((keeper) => [keeper, share]));
  const replaced = events.find(({ name }) => name === "LeaderReplaced")?.args;
  if (replaced !== undefined) {
    const [leader, sender] = [Number(replaced["leader"]), Number(replaced["sender"])];
    amounts.delete(leader); // R25
    amounts.set(sender, (amounts.get(sender) ?? 0n) + (replaced["share"] ?? 0n));
  }
  return [...amounts]
    .sort(([a], [b]) => a - b)
    .map(([keeper, amount]) => ({ keeper, operator: operators[keeper] ?? "0x", amount }));
}

/** Every settlement of one transaction. `operatorsOf` gives a committee version's operators, in contract order. */
export async function settlementsOf(
  facts: SettledFacts,
  operatorsOf: (version: number) => Promise<readonly Hex[]>,
): Promise<BookedSettlement[]> {
  const events = facts.logs.map(parse).filter((event) => event !== undefined);
  const booked: BookedSettlement[] = [];
  for (const settled of events.filter(({ name }) => name === "Settled")) {
    const number = (name: string): number => Number(settled.args[name]);
    const value = (name: string): bigint => settled.args[name] ?? 0n;
    const calldata = decodeCalldata(facts.input, number("ts")) ?? { committee: 0, items: [] };
    const own = ownEvents(events, settled);
    const items = itemsOf(facts, calldata, own);
    const operators = calldata.committee === 0 ? [] : await operatorsOf(calldata.committee);
    booked.push({
      group: facts.group,
      ts: number("ts"),
      te: number("te"),
      committee: calldata.committee,
      leader: number("leader"),
      failed: value("failed"),
      payees: value("payees"),
      signers: value("signers"),
      digest: String(settled.args["digest"]) as Hex,
      transaction: facts.transaction,
      items,
      shares: operators.length === 0 ? [] : sharesOf(settled, items, own, operators),
    });
  }
  return booked;
}
