/**
 * The deterministic deployment proxy (https://github.com/Arachnid/deterministic-deployment-proxy): code at the same address on every
 * chain that creates a contract by CREATE2 from what it is sent. Its own creation is a transaction that was signed once, without a
 * chain id and by a key that nobody has, so that anybody can send it on any chain that accepts such transactions.
 */
import { keccak256, type JsonRpcProvider } from "ethers";
import { CliError, exitCodes } from "../console/exit.ts";

export const proxyAddress = "0x4e59b44847b379578588920cA78FbF26c0B4956C";
/** The account of that transaction. */
export const proxySigner = "0x3fAB184622Dc19b6109349B94811493BF2a45362";
/** What the transaction costs, in wei: 100,000 gas at 100 gwei. */
export const proxyCost = 10n ** 16n;
/** wei; fixed in the transaction, so a chain with a higher base fee does not take it. */
export const proxyGasPrice = 10n ** 11n;
export const proxyTransaction =
  "0xf8a58085174876e800830186a08080b853604580600e600039806000f350fe7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffe03601600081602082378035828234f58015156039578182fd5b8082525050506014600cf31ba02222222222222222222222222222222222222222222222222222222222222222a02222222222222222222222222222222222222222222222222222222222222222";
export const proxyRuntime =
  "0x7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffe03601600081602082378035828234f58015156039578182fd5b8082525050506014600cf3";
/** Of every deployment: what tells two of them apart is their code. */
export const salt = `0x${"00".repeat(32)}`;

/** @throws CliError exit 6 if other code is at its address */
export async function hasProxy(provider: JsonRpcProvider): Promise<boolean> {
  const code = await provider.getCode(proxyAddress);
  if (code === "0x") return false;
  if (code.toLowerCase() === proxyRuntime) return true;
  throw new CliError({
    code: exitCodes.unsafe,
    message: `there is other code at the address of the deployment proxy, ${proxyAddress}`,
    expected: proxyRuntime,
    actual: code.length > 200 ? `${code.slice(0, 200)}… (${(code.length - 2) / 2} bytes)` : code,
    hint: "nothing was sent; deploy without the proxy, at addresses of this chain alone: --by-nonce",
  });
}

/** What a node answers to the transaction: it is in the pool or a block, its account lacks coin, or the node refuses it. */
export type Broadcast =
  | { readonly kind: "sent"; readonly hash: string }
  | { readonly kind: "unfunded" }
  | { readonly kind: "refused"; readonly why: string };

function textOf(error: unknown): string {
  const {
    error: inner,
    info,
    shortMessage,
    message,
  } = error as {
    readonly error?: { readonly message?: string };
    readonly info?: { readonly error?: { readonly message?: string } };
    readonly shortMessage?: string;
    readonly message?: string;
  };
  return inner?.message ?? info?.error?.message ?? shortMessage ?? message ?? String(error);
}

const isUnfunded = /insufficient (?:funds|balance)|enough funds|balance too low/i;
const isKnown = /already known|already imported|known transaction/i;

/** Sends the proxy's transaction. Without coin on its account no node takes it, but its answer shows whether it would. */
export async function broadcastProxy(provider: JsonRpcProvider): Promise<Broadcast> {
  const hash = keccak256(proxyTransaction);
  try {
    await provider.send("eth_sendRawTransaction", [proxyTransaction]);
    return { kind: "sent", hash };
  } catch (error) {
    if ((error as { code?: unknown }).code === "TIMEOUT") throw error;
    const why = textOf(error);
    if (isKnown.test(why)) return { kind: "sent", hash };
    if (isUnfunded.test(why) || (error as { code?: unknown }).code === "INSUFFICIENT_FUNDS") {
      return { kind: "unfunded" };
    }
    return { kind: "refused", why };
  }
}
