/** Settlements with exact amounts, from the chain's events and calldata (R29, R30, R32). */
import type { Hex } from "../../../protocol/hash.ts";
import { eventsOfSettlement, itemsPaid, sharesPaid } from "../../../protocol/payments.ts";
import type { PaymentEvent, SignedItem } from "../../../protocol/payments.ts";
import type { BookedSettlement, BookedTransaction } from "../../ports/ledger.ts";
import { groupAbi } from "./abi.ts";

export type RawLog = {
  readonly address: string;
  readonly topics: readonly string[];
  readonly data: string;
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

function parse(log: RawLog): PaymentEvent | undefined {
  const parsed = groupAbi.parseLog({ topics: [...log.topics], data: log.data });
  if (parsed === null) return undefined;
  const args = Object.fromEntries(
    parsed.fragment.inputs.map(({ name }, i) => [name, parsed.args[i] as bigint]),
  );
  return { name: parsed.name, args };
}

type Calldata = {
  readonly committee: number;
  readonly items: readonly SignedItem[];
};

/** Undefined if the transaction called another contract, which then called the group. */
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

/** Every settlement of one transaction. `operatorsOf` gives a committee version's operators, in contract order. */
export async function settlementsOf(
  facts: SettledFacts,
  operatorsOf: (version: number) => Promise<readonly Hex[]>,
): Promise<BookedSettlement[]> {
  const events = facts.logs.map(parse).filter((event) => event !== undefined);
  const booked: BookedSettlement[] = [];
  for (const [at, settled] of events.entries()) {
    if (settled.name !== "Settled") continue;
    const number = (name: string): number => Number(settled.args[name]);
    const value = (name: string): bigint => settled.args[name] ?? 0n;
    const calldata = decodeCalldata(facts.input, number("ts")) ?? { committee: 0, items: [] };
    const own = eventsOfSettlement(events, at);
    const items = itemsPaid(facts, calldata.items, own);
    const operators = calldata.committee === 0 ? [] : await operatorsOf(calldata.committee);
    const shares = operators.length === 0 ? [] : sharesPaid(settled.args, items, own, operators.length);
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
      shares: shares.map((share) => ({ ...share, operator: operators[share.keeper] ?? "0x" })),
    });
  }
  return booked;
}
