/** Decodes settlements: the `Settled` event and the input of its transaction. */
import {
  AbiCoder,
  keccak256,
  TypedDataEncoder,
  type Provider,
  type Log,
  type TransactionReceipt,
} from "ethers";
import { groupAbi } from "./abi.ts";

export type SettledItem = { provider: number; spaceTime: bigint };

export type SettlementInput = {
  ts: number;
  te: number;
  committee: number;
  leader: number;
  failed: bigint;
  payees: bigint;
  items: SettledItem[];
  signers: bigint;
  /** G1 point, 128 bytes. */
  signature: string;
};

export type SettledEvent = {
  group: string;
  ts: number;
  te: number;
  leader: number;
  failed: bigint;
  payees: bigint;
  signers: bigint;
  digest: string;
};

export type Member = { operator: string; payee: string; blsKey: string };

export const settledTopic = (groupAbi.getEvent("Settled") as { topicHash: string }).topicHash;

/** The input of a call of `settle`; undefined for other calls. */
export function decodeSettleInput(data: string): SettlementInput | undefined {
  const fragment = groupAbi.getFunction("settle");
  if (fragment === null || !data.startsWith(fragment.selector)) return undefined;
  try {
    const [settlement, signers, signature] = groupAbi.decodeFunctionData(fragment, data);
    return {
      ts: Number(settlement.ts),
      te: Number(settlement.te),
      committee: Number(settlement.committee),
      leader: Number(settlement.leader),
      failed: settlement.failed,
      payees: settlement.payees,
      items: [...settlement.items].map((item) => ({
        provider: Number(item.provider),
        spaceTime: item.spaceTime,
      })),
      signers,
      signature,
    };
  } catch {
    return undefined;
  }
}

/** The `Settled` events of a receipt, from any contract. */
export function settledEvents(receipt: TransactionReceipt): SettledEvent[] {
  return receipt.logs.filter((log) => log.topics[0] === settledTopic).map(decodeSettledLog);
}

export function decodeSettledLog(log: Pick<Log, "address" | "topics" | "data">): SettledEvent {
  const { ts, te, leader, failed, payees, signers, digest } = groupAbi.decodeEventLog(
    "Settled",
    log.data,
    log.topics,
  );
  return {
    group: log.address,
    ts: Number(ts),
    te: Number(te),
    leader: Number(leader),
    failed,
    payees,
    signers,
    digest,
  };
}

/** The EIP-712 digest that the committee signs (R27). */
export function settlementDigest(chainId: bigint, group: string, input: SettlementInput): string {
  const domain = { name: "WhitePay", version: "1", chainId, verifyingContract: group };
  // `items` is signed as keccak256(abi.encode(Item[])), a plain bytes32.
  const items = AbiCoder.defaultAbiCoder().encode(
    ["tuple(uint32 provider, uint128 spaceTime)[]"],
    [input.items],
  );
  const { ts, te, committee, leader, failed, payees } = input;
  return TypedDataEncoder.hash(domain, settlementTypes, {
    ts,
    te,
    committee,
    leader,
    failed,
    payees,
    items: keccak256(items),
  });
}

const settlementTypes = {
  Settlement: [
    { name: "ts", type: "uint64" },
    { name: "te", type: "uint64" },
    { name: "committee", type: "uint64" },
    { name: "leader", type: "uint8" },
    { name: "failed", type: "uint256" },
    { name: "payees", type: "uint256" },
    { name: "items", type: "bytes32" },
  ],
};

const largestCommittee = 124;

/** Members of a committee version with their keys in it. */
export async function membersOf(provider: Provider, group: string, version: number): Promise<Member[]> {
  const data = groupAbi.encodeFunctionData("members", [version, 0, largestCommittee]);
  const answer = await provider.call({ to: group, data });
  const [members] = groupAbi.decodeFunctionResult("members", answer);
  return [...members].map((member) => ({
    operator: member.operator,
    payee: member.payee,
    blsKey: member.blsKey,
  }));
}
