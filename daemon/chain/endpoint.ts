/** One JSON-RPC endpoint over HTTP: it returns a result or an error, or times out. */
import type { Hex } from "../../protocol/hash.ts";

const usualTimeout_ms = 5_000;
/** Limit of an answer, so that an endpoint cannot fill the memory (D7). The largest honest answer is a range of logs. */
const maxAnswer_bytes = 32 * 2 ** 20;
/** Error codes of endpoints for too many requests. */
const limitCodes: ReadonlySet<unknown> = new Set([-32_005, 429]);

/** The endpoint returned a JSON-RPC error. */
export class RpcError extends Error {
  override readonly name = "RpcError";
  readonly code: number;
  /** Revert data of the contract. Undefined if the endpoint failed; then the call may be valid. */
  readonly revert: Hex | undefined;

  constructor(code: number, message: string, data?: unknown) {
    super(message);
    this.code = code;
    this.revert = revertData(data);
  }
}

type Answer = {
  readonly result?: unknown;
  readonly error?: { readonly code?: unknown; readonly message?: unknown; readonly data?: unknown } | null;
};

/** Nodes return the data in different forms: plain, in an object, or after the word "Reverted". */
function revertData(data: unknown): Hex | undefined {
  const inner = typeof data === "object" && data !== null ? (data as { data?: unknown }).data : data;
  const found = typeof inner === "string" ? /^(?:Reverted )?(0x(?:[0-9a-f]{2}){4,})$/i.exec(inner) : null;
  return found?.[1]?.toLowerCase() as Hex | undefined;
}

export class JsonRpcEndpoint {
  readonly url: string;
  readonly #target: URL;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #closed = new AbortController();
  readonly #timeout_ms: number;
  #calls = 0;

  constructor(url: string, timeout_ms = usualTimeout_ms) {
    this.#timeout_ms = timeout_ms;
    this.url = url;
    this.#target = new URL(url);
    const { username, password } = this.#target;
    // A request carries credentials in a header, not in the URL.
    this.#target.username = this.#target.password = "";
    const secret = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
    const authorization = username === "" ? {} : { authorization: `Basic ${btoa(secret)}` };
    this.#headers = { "content-type": "application/json", ...authorization };
  }

  /** The part of the URL that may be shown: path and user may contain secrets. */
  get origin(): string {
    return this.#target.origin;
  }

  /**
   * @throws RpcError if the endpoint returns an error
   * @throws Error if it times out, refuses for too many requests, or does not return JSON-RPC
   */
  async send(method: string, params: readonly unknown[]): Promise<unknown> {
    const body = JSON.stringify({ jsonrpc: "2.0", id: ++this.#calls, method, params });
    const signal = AbortSignal.any([this.#closed.signal, AbortSignal.timeout(this.#timeout_ms)]);
    let response: Response;
    let text: string;
    try {
      response = await fetch(this.#target, { method: "POST", headers: this.#headers, body, signal });
      text = await textOf(response);
    } catch (error) {
      throw new Error(`${method}: ${this.#whyNot(error)}`, { cause: error });
    }
    const answer = parsed(text);
    if (answer?.error !== undefined && answer.error !== null) {
      const { code, message, data } = answer.error;
      const words = `${method}: ${String(message).slice(0, 300)}`;
      if (response.status === 429 || limitCodes.has(code)) throw new Error(words);
      throw new RpcError(Number(code), words, data);
    }
    if (!response.ok) throw new Error(`${method}: HTTP status ${response.status}`);
    if (answer === undefined || !("result" in answer)) throw new Error(`${method}: no answer of JSON-RPC`);
    return answer.result;
  }

  #whyNot(error: unknown): string {
    const { name, message, cause } = error as Error;
    if (name === "TimeoutError") return `no answer in ${this.#timeout_ms} ms`;
    // The platform's message is "fetch failed"; the reason is in `cause`.
    return cause instanceof Error ? cause.message : message;
  }

  close(): void {
    this.#closed.abort();
  }
}

async function textOf(response: Response): Promise<string> {
  const decoder = new TextDecoder();
  let [text, bytes] = ["", 0];
  for await (const chunk of response.body ?? []) {
    bytes += chunk.byteLength;
    if (bytes > maxAnswer_bytes) throw new Error(`expected at most ${maxAnswer_bytes} bytes, actual more`);
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}

function parsed(text: string): Answer | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}
