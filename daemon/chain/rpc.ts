/** Several endpoints as one. The next one is used when one is down, throttles, fails or serves another chain (D7). */
import type { Hex } from "../../protocol/hash.ts";
import type { ReasonCode } from "../../protocol/reasons.ts";
import { ChainPace } from "./pace.ts";
import { JsonRpcEndpoint, RpcError } from "./endpoint.ts";
import { HeadAgreement } from "./heads.ts";
import type { HeadBlock, HeadOf } from "./heads.ts";
import { counted } from "../../protocol/counted.ts";

export type Trouble = (code: ReasonCode, detail: string) => void;

type Endpoint = {
  readonly rpc: JsonRpcEndpoint;
  /** For messages and logs: the URL may contain a secret. */
  readonly name: string;
  checked: boolean;
  restUntil_ms: number;
  restsFor: ReasonCode | undefined;
  restDetail: string;
  /** Number of consecutive calls without an answer. */
  failures: number;
};

export type PoolOptions = {
  readonly chainId: number;
  readonly urls: readonly string[];
  /** For one call of one endpoint. */
  readonly timeout_ms?: number;
};

/** The answer of one endpoint to a call that several endpoints get. */
type Vote = { readonly endpoint: Endpoint; readonly key: string; readonly tell: () => unknown };

const rest_ms = 3_000;
/** An endpoint that hangs delays every caller, so its pauses get longer up to this limit. */
const longestRest_ms = 60_000;

/** No endpoint answered. */
export class RpcUnavailable extends Error {}

/** Endpoints returned different answers without a majority (D7). */
export class RpcDisagreement extends Error {}

type RawBlock = {
  readonly number: string;
  readonly hash: Hex;
  readonly parentHash: Hex;
  readonly timestamp?: unknown;
};

export class RpcPool {
  readonly #chainId: number;
  /** Endpoints that agreed on the last head come first. */
  #endpoints: Endpoint[];
  readonly #agreement = new HeadAgreement<Endpoint>();
  readonly #now_ms: () => number;
  /** Collects the timestamps of all blocks that this pool reads. */
  readonly pace = new ChainPace();
  #trouble: Trouble = () => undefined;

  constructor(options: PoolOptions, now_ms: () => number) {
    this.#chainId = options.chainId;
    this.#now_ms = now_ms;
    this.#endpoints = options.urls.map((url, i) => {
      const rpc = new JsonRpcEndpoint(url, options.timeout_ms);
      const name = `endpoint ${i + 1} (${rpc.origin})`;
      return { rpc, name, checked: false, restUntil_ms: 0, restsFor: undefined, restDetail: "", failures: 0 };
    });
  }

  onTrouble(trouble: Trouble): void {
    this.#trouble = trouble;
  }

  /**
   * Sends one call to the first endpoint that answers. A revert is thrown at once, because every endpoint would return it. After any
   * other error the next endpoint is tried.
   * @throws RpcError with the revert data, or the first error if every answer is an error
   * @throws RpcUnavailable if every endpoint is down
   */
  async send(method: string, params: readonly unknown[]): Promise<unknown> {
    let stated: RpcError | undefined;
    let last: string | undefined;
    for (const endpoint of this.#awake()) {
      try {
        return await this.#ask(endpoint, method, params);
      } catch (error) {
        if (error instanceof RpcError && error.revert !== undefined) throw error;
        if (error instanceof RpcError) stated ??= error;
        else last = this.#failed(endpoint, error);
      }
    }
    throw stated ?? new RpcUnavailable(last ?? this.#noneInUse());
  }

  /**
   * Sends the same call to every endpoint, because a single endpoint could drop a transaction (D7).
   * @throws RpcError if an endpoint returns an error and none accepts the call
   * @throws RpcUnavailable if every endpoint is down
   */
  async sendToAll(method: string, params: readonly unknown[]): Promise<unknown> {
    let last: string | undefined;
    const results = await Promise.all(
      this.#awake().map(async (endpoint) => {
        try {
          return { result: await this.#ask(endpoint, method, params) };
        } catch (error) {
          if (error instanceof RpcError) return { error };
          last = this.#failed(endpoint, error);
          return {};
        }
      }),
    );
    const accepted = results.find((answer) => "result" in answer);
    if (accepted !== undefined) return accepted.result;
    throw (
      results.find(({ error }) => error !== undefined)?.error ?? new RpcUnavailable(last ?? this.#noneInUse())
    );
  }

  /**
   * Sends the same call to two endpoints, and to all if their answers differ: data that decides about money needs two sources (D7).
   * Two answers are equal if `keyOf` returns the same key.
   * @throws RpcDisagreement if no answer has more votes than every other
   */
  async sendAgreed(
    method: string,
    params: readonly unknown[],
    keyOf: (result: unknown) => string = (result) => JSON.stringify(result),
  ): Promise<unknown> {
    const awake = this.#awake();
    const votes: Vote[] = [];
    const errors: Error[] = [];
    const ask = async (endpoint: Endpoint): Promise<void> => {
      const said = await this.#voteOf(endpoint, method, params, keyOf);
      if (said instanceof Error) errors.push(said);
      else votes.push(said);
    };
    await Promise.all(awake.slice(0, 2).map(ask));
    for (const endpoint of awake.slice(2)) {
      if (votes.length >= 2 && isUnanimous(votes)) break;
      await ask(endpoint);
    }
    if (votes.length === 0) {
      throw errors.find((e) => e instanceof RpcError) ?? errors[0] ?? new RpcUnavailable(this.#noneInUse());
    }
    return this.#decide(method, votes)();
  }

  async #voteOf(
    endpoint: Endpoint,
    method: string,
    params: readonly unknown[],
    keyOf: (result: unknown) => string,
  ): Promise<Vote | Error> {
    try {
      const result = await this.#ask(endpoint, method, params);
      if (result === null) return new RpcError(0, `${method}: ${endpoint.name} has none`);
      return { endpoint, key: keyOf(result), tell: () => result };
    } catch (error) {
      if (error instanceof RpcError) {
        if (error.revert === undefined) return error;
        const tell = (): never => {
          throw error;
        };
        return { endpoint, key: `revert ${error.revert}`, tell };
      }
      return new RpcUnavailable(this.#failed(endpoint, error));
    }
  }

  #decide(method: string, votes: readonly Vote[]): () => unknown {
    const count = (key: string): number => votes.filter((vote) => vote.key === key).length;
    const [first, second] = [...new Map(votes.map((vote) => [vote.key, vote])).values()].sort(
      (a, b) => count(b.key) - count(a.key),
    );
    if (first === undefined) throw new RangeError("votes: expected at least one, actual none");
    if (second === undefined) return first.tell;
    if (count(first.key) === count(second.key)) {
      const detail = `${counted(votes.length, "endpoint")} answer ${method} differently: ${votes.map(({ endpoint }) => endpoint.name).join(", ")}`;
      this.#trouble("rpc-disagrees", detail);
      throw new RpcDisagreement(detail);
    }
    for (const { endpoint, key } of votes) {
      if (key !== first.key)
        this.#rest(endpoint, "rpc-disagrees", `its answer to ${method} differs from the majority`);
    }
    return first.tell;
  }

  /** States for each endpoint why it is paused. */
  #noneInUse(): string {
    const now_ms = this.#now_ms();
    const resting = this.#endpoints.map(({ name, restUntil_ms, restDetail }) => {
      const left_s = Math.max(0, Math.ceil((restUntil_ms - now_ms) / 1000));
      return `${name}: ${restDetail}, retried in ${left_s} s`;
    });
    return `all ${resting.length} configured endpoints are paused: ${resting.join("; ")}`;
  }

  /** Endpoints that are not paused; if all are, those that were down, because they may have recovered. */
  #awake(): Endpoint[] {
    const awake = this.#endpoints.filter(({ restUntil_ms }) => restUntil_ms <= this.#now_ms());
    return awake.length > 0 ? awake : this.#endpoints.filter(({ restsFor }) => restsFor === "rpc-down");
  }

  async #ask(endpoint: Endpoint, method: string, params: readonly unknown[]): Promise<unknown> {
    await this.#checkChain(endpoint);
    const result = await endpoint.rpc.send(method, params);
    endpoint.failures = 0;
    return result;
  }

  /**
   * The head that two endpoints confirm, or the head of the only endpoint.
   * @throws RpcUnavailable if none answers, or if they show different chains without a majority
   */
  async head(): Promise<HeadBlock> {
    const heads = await this.#heads();
    if (heads.length === 0) throw new RpcUnavailable("no endpoint returned a head");
    const agreement = await this.#agreement.decide(
      heads,
      async (endpoint, number) => this.#blockOf(endpoint, blockTag(number)),
      this.#now_ms(),
    );
    for (const endpoint of agreement.lagging)
      this.#rest(endpoint, "rpc-lagging", "its head does not advance");
    if (agreement.kind === "divided") {
      const detail = `${counted(heads.length, "endpoint")}, without a majority at block ${agreement.height}`;
      this.#trouble("rpc-disagrees", detail);
      throw new RpcUnavailable(detail);
    }
    for (const endpoint of agreement.lying) {
      this.#rest(endpoint, "rpc-disagrees", `its block ${agreement.head.number} differs from the majority`);
    }
    const { agreeing } = agreement;
    this.#endpoints = [...agreeing, ...this.#endpoints.filter((e) => !agreeing.includes(e))];
    return this.#noted(agreement.head);
  }

  /**
   * A block below the head. A lagging endpoint may not have it, so the next one is tried. Undefined if no endpoint has it.
   * @throws RpcUnavailable if no endpoint answers
   */
  async block(number: number): Promise<HeadBlock | undefined> {
    let last: string | undefined;
    let answered = false;
    for (const endpoint of this.#awake()) {
      try {
        const block = await this.#blockOf(endpoint, blockTag(number));
        if (block?.number === number) return this.#noted(block);
        answered = true;
      } catch (error) {
        if (!answered) last = this.#failed(endpoint, error);
      }
    }
    if (answered) return undefined;
    throw new RpcUnavailable(last ?? this.#noneInUse());
  }

  /** Hash of a block without a link to known blocks; two endpoints must agree if two answer (D7). */
  async blockHash(number: number): Promise<Hex> {
    const hashIn = (block: unknown): unknown => (block as RawBlock).hash;
    const params = [blockTag(number), false];
    const block = await this.sendAgreed("eth_getBlockByNumber", params, (found) => String(hashIn(found)));
    const hash = hashIn(block);
    if (!isHash(hash))
      throw new Error(`block ${number}: expected a hash of 32 bytes, actual ${String(hash)}`);
    this.#noted({ number, timestamp_s: timestampOf(block as RawBlock) });
    return hash;
  }

  async #heads(): Promise<HeadOf<Endpoint>[]> {
    const heads = await Promise.all(
      this.#awake().map(async (endpoint) => {
        try {
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
    const raw = (await this.#ask(endpoint, "eth_getBlockByNumber", [tag, false])) as RawBlock | null;
    if (raw === null) return undefined;
    const { hash, parentHash } = raw;
    const block = { number: Number(raw.number), hash, parentHash, timestamp_s: timestampOf(raw) };
    const whole = Number.isSafeInteger(block.number) && block.number >= 0 && isHash(raw.hash);
    if (!whole || !isHash(raw.parentHash)) throw new Error(`block ${tag}: not a block`);
    return block;
  }

  #noted<T extends Pick<HeadBlock, "number" | "timestamp_s">>(block: T): T {
    if (block.timestamp_s !== undefined) this.pace.note(block.number, block.timestamp_s);
    return block;
  }

  /** Reports an error of an endpoint; an endpoint without an answer is also paused. */
  #failed(endpoint: Endpoint, error: unknown): string {
    if (error instanceof RpcError) {
      const text = `${endpoint.name}: ${error.message}`;
      this.#trouble("rpc-down", text);
      return text;
    }
    const code = error instanceof WrongChain ? "rpc-wrong-chain" : "rpc-down";
    endpoint.checked = false;
    return this.#rest(
      endpoint,
      code,
      (error as Error).message,
      rest_ms * 2 ** Math.min(endpoint.failures++, 10),
    );
  }

  /** Pauses an endpoint and reports the begin of the pause. */
  #rest(endpoint: Endpoint, code: ReasonCode, detail: string, wished_ms = rest_ms): string {
    const text = `${endpoint.name}: ${detail}`;
    const now_ms = this.#now_ms();
    if (endpoint.restUntil_ms > now_ms && endpoint.restsFor === code) return text;
    endpoint.restUntil_ms = now_ms + Math.min(wished_ms, longestRest_ms);
    endpoint.restsFor = code;
    endpoint.restDetail = detail;
    this.#trouble(code, text);
    return text;
  }

  async #checkChain(endpoint: Endpoint): Promise<void> {
    if (endpoint.checked) return;
    const actual = Number(await endpoint.rpc.send("eth_chainId", []));
    if (actual !== this.#chainId) throw new WrongChain(`expected chain ${this.#chainId}, actual ${actual}`);
    endpoint.checked = true;
  }

  close(): void {
    for (const { rpc } of this.#endpoints) rpc.close();
  }
}

function isUnanimous(votes: readonly Vote[]): boolean {
  return votes.every(({ key }) => key === votes[0]?.key);
}

export function blockTag(block: number): Hex {
  return `0x${block.toString(16)}`;
}

function timestampOf({ timestamp }: RawBlock): number | undefined {
  const time_s = typeof timestamp === "string" ? Number(timestamp) : Number.NaN;
  return Number.isSafeInteger(time_s) ? time_s : undefined;
}

function isHash(value: unknown): value is Hex {
  return typeof value === "string" && /^0x[0-9a-f]{64}$/i.test(value);
}

class WrongChain extends Error {}
