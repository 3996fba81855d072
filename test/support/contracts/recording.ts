/** What a chain did, so that another EVM can do it again: every transaction with its block, and what came of it. */
import { Transaction } from "ethers";
import type { Chain } from "./chain.ts";

type Hex = `0x${string}`;
export type Log = { address: Hex; topics: Hex[]; data: Hex };
export type Outcome = { status: number; gasUsed: bigint; contract: Hex | undefined; logs: Log[] };
export type BlockContext = {
  number: bigint;
  timestamp: bigint;
  gasLimit: bigint;
  baseFeePerGas: bigint;
  coinbase: Hex;
  mixHash: Hex;
};
export type RecordedTransaction = {
  /** Signed, as on the wire. */
  raw: Hex;
  from: Hex;
  block: BlockContext;
  outcome: Outcome;
};
export type Recording = {
  chainId: number;
  transactions: RecordedTransaction[];
  /** By block number. */
  hashes: Hex[];
};

type RpcLog = { address: Hex; topics: Hex[]; data: Hex };
export type RpcReceipt = {
  status: Hex;
  gasUsed: Hex;
  contractAddress: Hex | null;
  logs: RpcLog[];
};
type RpcTransaction = Record<string, Hex> & { hash: Hex; from: Hex; to: Hex | null; accessList?: [] };
type RpcBlock = Record<string, Hex> & { hash: Hex; transactions: RpcTransaction[] };

export function outcomeOf({ status, gasUsed, contractAddress, logs }: RpcReceipt): Outcome {
  return {
    status: Number(status),
    gasUsed: BigInt(gasUsed),
    contract: contractAddress ?? undefined,
    logs: logs.map(({ address, topics, data }) => ({ address, topics, data })),
  };
}

/** Everything from the first block on. */
export async function record(chain: Chain): Promise<Recording> {
  const { rpc, chainId } = chain;
  const recording: Recording = { chainId: Number(chainId), transactions: [], hashes: [] };
  const head = await chain.block();
  for (let number = 0; number <= head; number += 1) {
    const found = (await rpc("eth_getBlockByNumber", [`0x${number.toString(16)}`, true])) as RpcBlock;
    recording.hashes.push(found.hash);
    for (const sent of found.transactions) {
      const receipt = (await rpc("eth_getTransactionReceipt", [sent.hash])) as RpcReceipt;
      recording.transactions.push({
        raw: rawOf(sent),
        from: sent.from,
        block: {
          number: BigInt(number),
          timestamp: BigInt(found["timestamp"] as Hex),
          gasLimit: BigInt(found["gasLimit"] as Hex),
          baseFeePerGas: BigInt(found["baseFeePerGas"] as Hex),
          coinbase: found["miner"] as Hex,
          mixHash: found["mixHash"] as Hex,
        },
        outcome: outcomeOf(receipt),
      });
    }
  }
  return recording;
}

/** @throws if the fields that the chain gives are not those that were signed */
function rawOf(sent: RpcTransaction): Hex {
  const { type, to, nonce, gas, input, value, chainId, accessList, hash } = sent;
  const { maxFeePerGas, maxPriorityFeePerGas, r, s, v } = sent;
  const transaction = Transaction.from({
    type: Number(type),
    to,
    nonce: Number(nonce),
    gasLimit: BigInt(gas as Hex),
    data: input as Hex,
    value: BigInt(value as Hex),
    chainId: BigInt(chainId as Hex),
    maxFeePerGas: BigInt(maxFeePerGas as Hex),
    maxPriorityFeePerGas: BigInt(maxPriorityFeePerGas as Hex),
    accessList: accessList ?? [],
    signature: { r: r as Hex, s: s as Hex, v: Number(v) },
  });
  if (transaction.hash !== hash)
    throw new Error(`transaction: expected hash ${hash}, actual ${transaction.hash}`);
  return transaction.serialized as Hex;
}
