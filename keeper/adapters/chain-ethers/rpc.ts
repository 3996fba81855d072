/** Several endpoints as one: the next takes over when one is down, throttles or serves another chain (D7). */
import { FetchRequest, JsonRpcProvider, Network } from "ethers";
import type { ReasonCode } from "../../core/reasons.ts";

export type Trouble = (code: ReasonCode, detail: string) => void;

type Endpoint = {
  readonly url: string;
  readonly provider: JsonRpcProvider;
  checked: boolean;
  restUntil_ms: number;
};

const callTimeout_ms = 5_000;
const rest_ms = 3_000;

export class RpcUnavailable extends Error {}

export class RpcPool {
  readonly #chainId: number;
  readonly #endpoints: Endpoint[];
  readonly #now_ms: () => number;
  #trouble: Trouble = () => undefined;

  constructor(options: { readonly chainId: number; readonly urls: readonly string[] }, now_ms: () => number) {
    this.#chainId = options.chainId;
    this.#now_ms = now_ms;
    const network = Network.from(options.chainId);
    this.#endpoints = options.urls.map((url) => ({
      url,
      provider: new JsonRpcProvider(requestTo(url), network, { staticNetwork: network, cacheTimeout: -1 }),
      checked: false,
      restUntil_ms: 0,
    }));
  }

  onTrouble(trouble: Trouble): void {
    this.#trouble = trouble;
  }

  /**
   * One JSON-RPC call on the first endpoint that answers. An answer that is an error of the call itself (a revert, a
   * refused transaction) is thrown as it is: another endpoint would say the same.
   * @throws RpcUnavailable if every endpoint is down
   */
  async send(method: string, params: readonly unknown[]): Promise<unknown> {
    let last = "no endpoint configured";
    for (const endpoint of this.#endpoints) {
      if (endpoint.restUntil_ms > this.#now_ms()) continue;
      try {
        await this.#checkChain(endpoint);
        return await withTimeout(endpoint.provider.send(method, [...params]));
      } catch (error) {
        if (isAnswer(error)) throw error;
        last = `${endpoint.url}: ${(error as Error).message}`;
        endpoint.restUntil_ms = this.#now_ms() + rest_ms;
        endpoint.checked = false;
        this.#trouble(error instanceof WrongChain ? "rpc-wrong-chain" : "rpc-down", last);
      }
    }
    throw new RpcUnavailable(last);
  }

  async #checkChain(endpoint: Endpoint): Promise<void> {
    if (endpoint.checked) return;
    const actual = Number(await withTimeout(endpoint.provider.send("eth_chainId", [])));
    if (actual !== this.#chainId) throw new WrongChain(`expected chain ${this.#chainId}, actual ${actual}`);
    endpoint.checked = true;
  }

  close(): void {
    for (const endpoint of this.#endpoints) endpoint.provider.destroy();
  }
}

/** The library would wait and repeat by itself when it is throttled: the next endpoint is the better answer. */
function requestTo(url: string): FetchRequest {
  const request = new FetchRequest(url);
  request.timeout = callTimeout_ms;
  request.setThrottleParams({ maxAttempts: 1 });
  return request;
}

class WrongChain extends Error {}

async function withTimeout<T>(call: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer in ${callTimeout_ms} ms`)), callTimeout_ms);
  });
  try {
    return await Promise.race([call, limit]);
  } finally {
    clearTimeout(timer);
  }
}

/** True if the endpoint did answer: the call itself is at fault. */
function isAnswer(error: unknown): boolean {
  const code = (error as { code?: string }).code;
  if (code === "CALL_EXCEPTION" || code === "INSUFFICIENT_FUNDS" || code === "NONCE_EXPIRED") return true;
  if (code === "REPLACEMENT_UNDERPRICED") return true;
  const inner = (error as { error?: { code?: number } }).error;
  // -32005 is a rate limit; every other JSON-RPC error object is an answer to the call.
  return code === "UNKNOWN_ERROR" && inner?.code !== undefined && inner.code !== -32005;
}
