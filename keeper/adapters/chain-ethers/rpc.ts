/** Several endpoints as one: the next takes over when one is down, throttles or serves another chain (D7). */
import { FetchRequest, JsonRpcProvider, Network } from "ethers";
import type { ReasonCode } from "../../core/reasons.ts";
import { HeadAgreement } from "./heads.ts";
import type { HeadBlock, HeadOf } from "./heads.ts";

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

type RawBlock = {
  readonly number: string;
  readonly hash: HeadBlock["hash"];
  readonly parentHash: HeadBlock["hash"];
};

export class RpcPool {
  readonly #chainId: number;
  /** Those that agreed on the head last come first. */
  #endpoints: Endpoint[];
  readonly #agreement = new HeadAgreement<Endpoint>();
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
        last = this.#failed(endpoint, error);
      }
    }
    throw new RpcUnavailable(last);
  }

  /**
   * The head that two endpoints vouch for, or the only one's that there is.
   * @throws RpcUnavailable if none answers, or if they show different chains and no majority decides
   */
  async head(): Promise<HeadBlock> {
    const heads = await this.#heads();
    if (heads.length === 0) throw new RpcUnavailable("no endpoint tells a head");
    const agreement = await this.#agreement.decide(
      heads,
      async (endpoint, number) => this.#blockOf(endpoint, `0x${number.toString(16)}`),
      this.#now_ms(),
    );
    for (const endpoint of agreement.lagging) this.#rest(endpoint, "rpc-lagging", "its head stands still");
    if (agreement.kind === "divided") {
      const detail = `${heads.length} endpoints, no majority at block ${agreement.height}`;
      this.#trouble("rpc-disagrees", detail);
      throw new RpcUnavailable(detail);
    }
    for (const endpoint of agreement.lying) {
      this.#rest(endpoint, "rpc-disagrees", `another block ${agreement.head.number}`);
    }
    const { agreeing } = agreement;
    this.#endpoints = [...agreeing, ...this.#endpoints.filter((e) => !agreeing.includes(e))];
    return agreement.head;
  }

  async #heads(): Promise<HeadOf<Endpoint>[]> {
    const awake = this.#endpoints.filter(({ restUntil_ms }) => restUntil_ms <= this.#now_ms());
    const heads = await Promise.all(
      awake.map(async (endpoint) => {
        try {
          await this.#checkChain(endpoint);
          const latest = await this.#blockOf(endpoint, "latest");
          if (latest === undefined) throw new Error("expected a latest block, actual none");
          return { endpoint, latest };
        } catch (error) {
          this.#failed(endpoint, error);
          return undefined;
        }
      }),
    );
    return heads.filter((head) => head !== undefined);
  }

  async #blockOf(endpoint: Endpoint, tag: string): Promise<HeadBlock | undefined> {
    const raw = (await withTimeout(
      endpoint.provider.send("eth_getBlockByNumber", [tag, false]),
    )) as RawBlock | null;
    if (raw === null) return undefined;
    const block = { number: Number(raw.number), hash: raw.hash, parentHash: raw.parentHash };
    const whole = Number.isSafeInteger(block.number) && block.number >= 0 && isHash(raw.hash);
    if (!whole || !isHash(raw.parentHash)) throw new Error(`block ${tag}: not a block`);
    return block;
  }

  #failed(endpoint: Endpoint, error: unknown): string {
    const code = error instanceof WrongChain ? "rpc-wrong-chain" : "rpc-down";
    endpoint.checked = false;
    return this.#rest(endpoint, code, (error as Error).message);
  }

  /** Leaves an endpoint alone for a while. */
  #rest(endpoint: Endpoint, code: ReasonCode, detail: string): string {
    endpoint.restUntil_ms = this.#now_ms() + rest_ms;
    const text = `${endpoint.url}: ${detail}`;
    this.#trouble(code, text);
    return text;
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

function isHash(value: unknown): boolean {
  return typeof value === "string" && /^0x[0-9a-f]{64}$/i.test(value);
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
