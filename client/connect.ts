/** Connects to a chain with a timeout: ethers alone retries a dead endpoint without end. */
import { FetchRequest, JsonRpcProvider, Network } from "ethers";
import { inputError, WhitePayError } from "./errors.ts";

const requestTimeout_ms = 15_000;
const maxQuoted = 80;

async function chainIdOf(url: string): Promise<bigint> {
  const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "eth_chainId", params: [] });
  const headers = { "content-type": "application/json" };
  const signal = AbortSignal.timeout(requestTimeout_ms);
  const response = await fetch(url, { method: "POST", headers, body, signal });
  const answer = (await response.json()) as { result?: unknown };
  if (typeof answer.result !== "string" || !/^0x[0-9a-fA-F]{1,16}$/.test(answer.result)) {
    throw new Error(`eth_chainId returned HTTP ${response.status} without a chain id`);
  }
  return BigInt(answer.result);
}

/**
 * Connects, and reads the chain id once. Close the connection with `destroy()`.
 * @throws WhitePayError `input` if the URL is not valid, `network` if no chain answers
 */
export async function connectRpc(url: string): Promise<JsonRpcProvider> {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (parsed === undefined || !["http:", "https:"].includes(parsed.protocol)) {
    const actual = JSON.stringify(url.slice(0, maxQuoted));
    throw inputError("the URL of the chain's endpoint is not valid", {
      expected: "an http:// or https:// URL",
      actual,
    });
  }
  let chainId: bigint;
  try {
    chainId = await chainIdOf(url);
  } catch (error) {
    const reason =
      error instanceof Error && error.cause instanceof Error ? error.cause.message : (error as Error).message;
    throw new WhitePayError({
      code: "network",
      message: `no chain answers at ${parsed.origin}: ${reason}`,
      hint: "check the address, and that the node runs",
      cause: error,
    });
  }
  const request = new FetchRequest(url);
  request.timeout = requestTimeout_ms;
  const network = Network.from(chainId);
  // No cache, because every block matters; no batches.
  return new JsonRpcProvider(request, network, {
    staticNetwork: network,
    cacheTimeout: -1,
    batchMaxCount: 1,
  });
}

/**
 * Connects to the first endpoint that answers.
 * @param chain with an `id`, the endpoint must serve that chain
 * @throws WhitePayError `network` if none answers, or one of another chain does
 */
export async function connectChain(chain: {
  readonly id?: number | undefined;
  readonly rpc: readonly string[];
}): Promise<JsonRpcProvider> {
  let last: unknown;
  for (const url of chain.rpc) {
    let provider: JsonRpcProvider;
    try {
      provider = await connectRpc(url);
    } catch (error) {
      last = error;
      continue;
    }
    const { chainId } = await provider.getNetwork();
    if (chain.id === undefined || chainId === BigInt(chain.id)) return provider;
    provider.destroy();
    throw new WhitePayError({
      code: "network",
      message: `${new URL(url).origin} serves another chain`,
      expected: `chain ${chain.id}`,
      actual: `chain ${chainId}`,
      hint: "correct chain.id or chain.rpc",
    });
  }
  throw last;
}
