/** What stands between keepers and the chain's RPC: it can lie to one of them, and keep all waiting while the chain changes. */
import { once } from "node:events";
import { Agent, createServer, request } from "node:http";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

type Call = { readonly id: unknown; readonly method: string; readonly params?: readonly unknown[] };
type Answer = { readonly id: unknown; readonly result?: unknown; readonly error?: unknown };

/** Changes the result of one call; the call and the truth come in. */
export type RpcLie = (method: string, params: readonly unknown[], result: unknown) => unknown;

export class RpcFront {
  readonly #upstream: URL;
  readonly #agent = new Agent({ keepAlive: true });
  readonly #server: Server;
  readonly #lies = new Map<string, RpcLie>();
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
    const body = await textOf(incoming);
    await this.#gate;
    const answer = await this.#forward(body);
    const lie = this.#lies.get((incoming.url ?? "/").slice(1));
    const text = lie === undefined ? answer : retold(body, answer, lie);
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

/** Answers with the lie applied to every result; one call or a batch. */
function retold(body: string, answer: string, lie: RpcLie): string {
  const asked = JSON.parse(body) as Call | Call[];
  const answered = JSON.parse(answer) as Answer | Answer[];
  const calls = Array.isArray(asked) ? asked : [asked];
  const tell = (one: Answer): Answer => {
    const call = calls.find(({ id }) => id === one.id);
    if (call === undefined || one.error !== undefined) return one;
    return { ...one, result: lie(call.method, call.params ?? [], one.result) };
  };
  return JSON.stringify(Array.isArray(answered) ? answered.map(tell) : tell(answered));
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

/** A head that stands still where it was when the lie began. */
export function headStuck(): RpcLie {
  let first: RawBlock | undefined;
  return (method, params, result) => {
    if (isHead(method, params)) return (first ??= result as RawBlock);
    if (method === "eth_blockNumber") return first?.number ?? result;
    return result;
  };
}
