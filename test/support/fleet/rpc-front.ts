/**
 * A proxy between keepers and the chain's RPC. It can give false answers to one keeper, refuse or cut its requests, and hold all
 * requests while the chain changes.
 */
import { once } from "node:events";
import { Agent, createServer, request } from "node:http";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

type Call = { readonly id: unknown; readonly method: string; readonly params?: readonly unknown[] };
type Answer = { readonly id: unknown; readonly result?: unknown; readonly error?: unknown };

/** Changes the result of one call; the call and the truth come in. */
export type RpcLie = (method: string, params: readonly unknown[], result: unknown) => unknown;

/** The answer in place of the chain's: a JSON-RPC error, an invented result, an HTTP status, or a closed connection. */
export type RpcFault =
  | { readonly result: unknown }
  | { readonly code: number; readonly message: string; readonly data?: unknown }
  | { readonly status: number }
  | "cut";

/** Decides about one call before the chain sees it; undefined: the chain answers. */
export type RpcFaultOf = (method: string, params: readonly unknown[]) => RpcFault | undefined;

type Traffic = {
  readonly calls: { method: string; params: readonly unknown[] }[];
  now: number;
  most: number;
};

export class RpcFront {
  #upstream: URL;
  readonly #agent = new Agent({ keepAlive: true });
  readonly #server: Server;
  readonly #lies = new Map<string, RpcLie>();
  readonly #faults = new Map<string, RpcFaultOf>();
  readonly #delays_ms = new Map<string, number>();
  readonly #traffic = new Map<string, Traffic>();
  #gate: Promise<void> = Promise.resolve();
  #open: () => void = () => undefined;

  private constructor(upstream: string) {
    this.#upstream = new URL(upstream);
    this.#server = createServer((incoming, outgoing) => {
      this.#serve(incoming, outgoing).catch(() => outgoing.destroy());
    });
  }

  static async open(upstream: string): Promise<RpcFront> {
    const front = new RpcFront(upstream);
    await new Promise<void>((done) => front.#server.listen(0, "127.0.0.1", done));
    return front;
  }

  /** The endpoint that client `name` is given. */
  url(name: string): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/${name}`;
  }

  lie(name: string, lie: RpcLie): void {
    this.#lies.set(name, lie);
  }

  tellTruth(name: string): void {
    this.#lies.delete(name);
  }

  /** From now on `faultOf` decides about each call of client `name`. */
  fail(name: string, faultOf: RpcFaultOf): void {
    this.#faults.set(name, faultOf);
  }

  /** From now on client `name` gets each answer so much later. */
  slow(name: string, delay_ms: number): void {
    this.#delays_ms.set(name, delay_ms);
  }

  recover(name: string): void {
    this.#faults.delete(name);
  }

  /** The requests of client `name` so far, and the most that were open at once. */
  traffic(name: string): Traffic {
    let traffic = this.#traffic.get(name);
    if (traffic === undefined) this.#traffic.set(name, (traffic = { calls: [], now: 0, most: 0 }));
    return traffic;
  }

  /** From now on another chain is behind all endpoints. */
  leadTo(upstream: string): void {
    this.#upstream = new URL(upstream);
  }

  /** Calls wait until `release`: a client sees the chain before or after, never in between. */
  hold(): void {
    this.#gate = new Promise((done) => {
      this.#open = done;
    });
  }

  release(): void {
    this.#open();
  }

  async close(): Promise<void> {
    this.release();
    this.#server.closeAllConnections();
    await new Promise((done) => this.#server.close(done));
    this.#agent.destroy();
  }

  async #serve(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const name = (incoming.url ?? "/").slice(1);
    const traffic = this.traffic(name);
    traffic.most = Math.max(traffic.most, ++traffic.now);
    try {
      await this.#answer(name, await textOf(incoming), outgoing);
    } finally {
      traffic.now--;
    }
  }

  async #answer(name: string, body: string, outgoing: ServerResponse): Promise<void> {
    await this.#gate;
    const delay_ms = this.#delays_ms.get(name) ?? 0;
    if (delay_ms > 0) await sleep(delay_ms);
    const asked = JSON.parse(body) as Call | Call[];
    const calls = Array.isArray(asked) ? asked : [asked];
    for (const { method, params = [] } of calls) this.traffic(name).calls.push({ method, params });
    const faultOf = this.#faults.get(name);
    const faults = calls.map(({ method, params = [] }) => faultOf?.(method, params));
    if (faults.includes("cut")) return void outgoing.destroy();
    const status = faults.find((fault) => typeof fault === "object" && "status" in fault);
    if (typeof status === "object" && "status" in status) return void outgoing.writeHead(status.status).end();
    const lie = this.#lies.get(name);
    const answers = await Promise.all(
      calls.map(async (call, i): Promise<Answer> => {
        const fault = faults[i];
        if (typeof fault === "object" && "result" in fault) return { id: call.id, ...fault };
        if (fault !== undefined) return { id: call.id, error: fault };
        const answer = JSON.parse(await this.#forward(JSON.stringify(call))) as Answer;
        if (lie === undefined || answer.error !== undefined) return answer;
        return { ...answer, result: lie(call.method, call.params ?? [], answer.result) };
      }),
    );
    const version = (answer: Answer | undefined): object => ({ jsonrpc: "2.0", ...answer });
    const text = JSON.stringify(Array.isArray(asked) ? answers.map(version) : version(answers[0]));
    outgoing.writeHead(200, { "content-type": "application/json" }).end(text);
  }

  async #forward(body: string): Promise<string> {
    const { hostname, port, pathname: path } = this.#upstream;
    const headers = { "content-type": "application/json", "content-length": Buffer.byteLength(body) };
    const call = request({ hostname, port, path, method: "POST", headers, agent: this.#agent });
    const answered = once(call, "response") as Promise<[IncomingMessage]>;
    call.end(body);
    const [response] = await answered;
    return textOf(response);
  }
}

async function textOf(stream: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString("utf8");
}

type RawBlock = { readonly number: string; readonly hash: string; readonly parentHash: string };

const isHead = (method: string, params: readonly unknown[]): boolean =>
  method === "eth_getBlockByNumber" && params[0] === "latest";

/** A head that is `blocks` ahead of the chain, with a parent that nobody has. */
export function headAhead(blocks: number): RpcLie {
  return (method, params, result) => {
    if (method === "eth_blockNumber") return `0x${(Number(result) + blocks).toString(16)}`;
    if (!isHead(method, params)) return result;
    const block = result as RawBlock;
    const number = Number(block.number) + blocks;
    const made = (tag: number): string => `0x${tag.toString(16).padStart(2, "0")}${block.hash.slice(4)}`;
    return { ...block, number: `0x${number.toString(16)}`, hash: made(0xaa), parentHash: made(0xbb) };
  };
}

/** The head stays at the block that it had when the lie began. */
export function headStuck(): RpcLie {
  let first: RawBlock | undefined;
  return (method, params, result) => {
    if (isHead(method, params)) return (first ??= result as RawBlock);
    if (method === "eth_blockNumber") return first?.number ?? result;
    return result;
  };
}
