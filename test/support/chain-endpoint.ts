/** A chain endpoint on loopback with one group: it answers the JSON-RPC calls of a provider with values that the test sets. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { bls12_381 } from "@noble/curves/bls12-381.js";
import { Interface, keccak256, toBeHex } from "ethers";

type Hex = `0x${string}`;

const config =
  "tuple(address token,uint96 price,uint32 interval,uint32 turn,uint32 slot,uint32 answer,uint32 confirmations,uint32 lockup,uint16 keeperShareBps,uint16 toleranceBps,bool merkle)";
const abi = new Interface([
  `function parameters() view returns (tuple(address payer,address registry,uint64 originBlock,${config} config))`,
  "function state() view returns (tuple(uint64 settledThrough,uint64 committee,uint64 pendingCommittee,uint64 rotatedCommittee,uint32 listedProviders,uint32 providerCount,uint64 terminatedAt,uint64 endBlock,bool ended,uint32 abandonments))",
  "function committee() view returns (tuple(uint64 version,uint64 proposedAt,uint64 readyAt,uint64 effectiveFrom,uint64 retiredAt,bytes32 seed,address keysBlob,uint256 accepted,address[] operators))",
  "function members(uint64 version,uint256 from,uint256 count) view returns (tuple(address operator,address payee,bytes blsKey)[])",
  "function providers(uint256 from,uint256 count) view returns (tuple(uint32 index,address operator,address payee,uint64 activeFrom,uint64 removedAt,bool closed,uint64 bytesNow,uint32 firstCheckpoint,uint32 checkpointCount,uint64 sequence,uint256 credited,uint256 withdrawn,uint256 arrears)[])",
  "function dataHistory(uint32 provider,uint256 from,uint256 count) view returns (tuple(uint64 fromBlock,uint64 size,bytes32 root,address receiptKey,uint64 sequence)[])",
  "function consentSequence(address operator) view returns (uint64)",
  "function keeper(address operator) view returns (tuple(address payee,address pendingPayee,uint32 keySequence,uint64 registeredAt,uint64 registrationSequence,bytes blsKey,bytes peerId,string[] multiaddrs))",
]);

const zeroAddress: Hex = `0x${"00".repeat(20)}`;

export type EndpointState = {
  chainId: number;
  head: number;
  originBlock: number;
  slot: number;
  confirmations: number;
  /** Members of committee version 1. */
  members: { operator: Hex; blsKey: Hex; peerId: Hex }[];
  providers: { operator: Hex; data: { fromBlock: number; size: bigint; root: Hex; receiptKey: Hex }[] }[];
  consentSequence: number;
};

export type ChainEndpoint = {
  readonly url: string;
  readonly state: EndpointState;
  /** Requests seen, by method. */
  readonly calls: Map<string, number>;
  hashOf(block: number): Hex;
  close(): Promise<void>;
};

/** G2 public key of a secret in the form of EIP-2537: four coordinates of 64 bytes. */
export function eip2537Key(secretKey: Uint8Array): Hex {
  const { x, y } = bls12_381.shortSignatures.getPublicKey(secretKey).toAffine();
  const field = (value: bigint): string => toBeHex(value, 64).slice(2);
  return `0x${[x.c0, x.c1, y.c0, y.c1].map(field).join("")}`;
}

/** A block's hash: a fixed function of chain and number. */
const blockHash = (chainId: number, block: number): Hex =>
  keccak256(toBeHex(BigInt(chainId) * 10n ** 12n + BigInt(block), 32)) as Hex;

function call(state: EndpointState, data: string): string {
  const parsed = abi.parseTransaction({ data });
  if (parsed === null) throw new Error(`unknown selector ${data.slice(0, 10)}`);
  const { name, args } = parsed;
  const config = [zeroAddress, 1, 30, 20, state.slot, 2, state.confirmations, 100, 1000, 0, false];
  switch (name) {
    case "parameters":
      return abi.encodeFunctionResult(name, [[zeroAddress, zeroAddress, state.originBlock, config]]);
    case "state":
      return abi.encodeFunctionResult(name, [[0, 1, 0, 0, 0, state.providers.length, 0, 0, false, 0]]);
    case "committee": {
      const operators = state.members.map(({ operator }) => operator);
      return abi.encodeFunctionResult(name, [
        [1, 0, 0, 0, 0, `0x${"5e".repeat(32)}`, zeroAddress, 0, operators],
      ]);
    }
    case "members":
      return abi.encodeFunctionResult(name, [
        state.members.map(({ operator, blsKey }) => [operator, operator, blsKey]),
      ]);
    case "providers": {
      const from = Number(args[0]);
      const listed = state.providers.slice(from, from + Number(args[1])).map(({ operator, data }, i) => {
        const bytesNow = data.at(-1)?.size ?? 0n;
        return [from + i, operator, operator, 0, 0, false, bytesNow, 0, data.length, 1, 0, 0, 0];
      });
      return abi.encodeFunctionResult(name, [listed]);
    }
    case "dataHistory": {
      const history = state.providers[Number(args[0])]?.data ?? [];
      return abi.encodeFunctionResult(name, [
        history.map(({ fromBlock, size, root, receiptKey }) => [fromBlock, size, root, receiptKey, 1]),
      ]);
    }
    case "consentSequence":
      return abi.encodeFunctionResult(name, [state.consentSequence]);
    case "keeper": {
      const operator = String(args[0]).toLowerCase();
      const member = state.members.find((each) => each.operator === operator);
      return abi.encodeFunctionResult(name, [
        [zeroAddress, zeroAddress, 1, 1, 1, member?.blsKey ?? "0x", member?.peerId ?? "0x", []],
      ]);
    }
    default:
      throw new Error(`${name} is not served`);
  }
}

function block(state: EndpointState, number: number): object | null {
  if (number > state.head) return null;
  return {
    number: `0x${number.toString(16)}`,
    hash: blockHash(state.chainId, number),
    parentHash: blockHash(state.chainId, number - 1),
    timestamp: "0x1",
    nonce: "0x0000000000000000",
    difficulty: "0x0",
    gasLimit: "0x0",
    gasUsed: "0x0",
    miner: zeroAddress,
    extraData: "0x",
    baseFeePerGas: "0x1",
    transactions: [],
  };
}

function answer(state: EndpointState, method: string, params: unknown[]): unknown {
  switch (method) {
    case "eth_chainId":
      return `0x${state.chainId.toString(16)}`;
    case "eth_blockNumber":
      return `0x${state.head.toString(16)}`;
    case "eth_getBlockByNumber":
      return block(state, params[0] === "latest" ? state.head : Number(params[0]));
    case "eth_call":
      return call(state, (params[0] as { data: string }).data);
    default:
      throw new Error(`${method} is not served`);
  }
}

export async function startChainEndpoint(state: EndpointState): Promise<ChainEndpoint> {
  const calls = new Map<string, number>();
  const server = createServer((request, response) => {
    let text = "";
    request.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
    request.on("end", () => {
      const { id, method, params } = JSON.parse(text) as { id: number; method: string; params: unknown[] };
      calls.set(method, (calls.get(method) ?? 0) + 1);
      let body: object;
      try {
        body = { jsonrpc: "2.0", id, result: answer(state, method, params) };
      } catch (error) {
        body = { jsonrpc: "2.0", id, error: { code: -32000, message: (error as Error).message } };
      }
      response.setHeader("content-type", "application/json").end(JSON.stringify(body));
    });
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    state,
    calls,
    hashOf: (number) => blockHash(state.chainId, number),
    async close() {
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    },
  };
}
