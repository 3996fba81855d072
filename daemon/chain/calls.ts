/** Calls of contracts, and the decoding of keys in their outputs. */
import { bls12_381 } from "@noble/curves/bls12-381.js";
import type { Interface } from "ethers";
import { toHex } from "../../protocol/hash.ts";
import type { Hex } from "../../protocol/hash.ts";
import { blockTag } from "./rpc.ts";

/** Sends a JSON-RPC request to one endpoint or several. */
export type Ask = (method: string, params: readonly unknown[]) => Promise<unknown>;

/** A call of an address without code returns empty output. */
export class NoContract extends Error {
  override readonly name = "NoContract";

  constructor(address: Hex, asked: string) {
    super(
      `no contract at ${address} (asked for ${asked}): the address is wrong, or the chain was started anew without it`,
    );
  }
}

/** eth_call with decoded outputs. */
export async function call(
  ask: Ask,
  abi: Interface,
  to: Hex,
  name: string,
  args: readonly unknown[],
  block: number | "latest",
): Promise<ReturnType<Interface["decodeFunctionResult"]>> {
  const data = abi.encodeFunctionData(name, [...args]);
  const tag = block === "latest" ? block : blockTag(block);
  const output = (await ask("eth_call", [{ to, data }, tag])) as string;
  if (output === "0x") throw new NoContract(to, name);
  return abi.decodeFunctionResult(name, output);
}

/** Converts 256 bytes of EIP-2537 (64 bytes for each coordinate, the first 16 zero) to the compressed form of 96 bytes. */
export function compressG2(eip2537: Uint8Array): Hex {
  const coordinate = (i: number): bigint => BigInt(toHex(eip2537.subarray(i * 64, (i + 1) * 64)));
  const point = bls12_381.G2.Point.fromAffine({
    x: { c0: coordinate(0), c1: coordinate(1) },
    y: { c0: coordinate(2), c1: coordinate(3) },
  });
  return toHex(point.toBytes(true));
}
