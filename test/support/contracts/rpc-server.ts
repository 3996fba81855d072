/** The chain of a test behind JSON-RPC on loopback, for commands that run in a process of their own. */
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import type { Rpc } from "./chain.ts";

export type RpcServer = { readonly url: string; close(): Promise<void> };

type Request = { readonly id: unknown; readonly method: string; readonly params?: unknown[] };

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString("utf8");
}

/** A refusal of a contract keeps its data, as nodes send it. */
function errorOf(error: unknown): { code: number; message: string; data?: unknown } {
  const { code, message, data } = error as { code?: number; message?: string; data?: unknown };
  return { code: code ?? -32_000, message: message ?? "failed", ...(data === undefined ? {} : { data }) };
}

export async function serveRpc(rpc: Rpc): Promise<RpcServer> {
  const answer = async ({ id, method, params = [] }: Request): Promise<object> => {
    try {
      return { jsonrpc: "2.0", id, result: await rpc(method, params) };
    } catch (error) {
      return { jsonrpc: "2.0", id, error: errorOf(error) };
    }
  };
  const server = createServer((request, response) => {
    void bodyOf(request).then(async (text) => {
      const asked = JSON.parse(text) as Request | Request[];
      const answers = Array.isArray(asked) ? await Promise.all(asked.map(answer)) : await answer(asked);
      response.setHeader("content-type", "application/json").end(JSON.stringify(answers));
    });
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    close: () => new Promise((closed) => server.close(() => closed())),
  };
}
