/** Symbol and decimals of a token. */
import { Interface } from "ethers";
import * as abi from "../../protocol/abi.ts";
import type { Hex } from "../../protocol/hash.ts";
import { call } from "./calls.ts";
import type { Ask } from "./calls.ts";
import { RpcUnavailable } from "./rpc.ts";

const tokenAbi = new Interface(abi.tokenAbi);
const maxSymbol = 16;

export type Token = {
  /** Undefined: the chain's own coin. */
  readonly address: Hex | undefined;
  readonly symbol: string;
  /** Undefined if the token does not state it; amounts are then shown in its smallest units. */
  readonly decimals: number | undefined;
};

/** Symbol and decimals are optional in ERC-20, and a token may return any text. @param address zero: the chain's coin */
export async function askToken(ask: Ask, address: Hex): Promise<Token> {
  if (/^0x0+$/.test(address)) return { address: undefined, symbol: "coin", decimals: 18 };
  const view = async (name: string): Promise<unknown> => {
    try {
      return (await call(ask, tokenAbi, address, name, [], "latest"))[0];
    } catch (error) {
      const { cause } = error as Error;
      if (error instanceof RpcUnavailable || cause instanceof RpcUnavailable) throw error;
      return undefined;
    }
  };
  const [symbol, decimals] = [await view("symbol"), await view("decimals")];
  const clean = typeof symbol === "string" ? symbol.replaceAll(/[^\p{L}\p{N}.$-]/gu, "") : "";
  return {
    address,
    symbol: clean === "" ? "token" : clean.slice(0, maxSymbol),
    decimals: decimals === undefined ? undefined : Number(decimals),
  };
}
