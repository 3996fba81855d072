/** Serves a chain in this process as JSON-RPC on loopback, and counts the calls. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { Rpc } from "./contracts/chain.ts";

export type ChainEndpoint = {
  readonly url: string;
  /** Requests seen, by method. */
  readonly calls: Map<string, number>;
  close(): Promise<void>;
};

type Asked = { readonly id: number; readonly method: string; readonly params: readonly unknown[] };

async function answered(rpc: Rpc, { id, method, params }: Asked): Promise<object> {
  try {
    return { jsonrpc: "2.0", id, result: await rpc(method, params) };
  } catch (error) {
    const { code, message, data } = error as { code?: number; message: string; data?: unknown };
    return { jsonrpc: "2.0", id, error: { code: code ?? -32_000, message, data } };
  }
}

export async function startChainEndpoint(rpc: Rpc): Promise<ChainEndpoint> {
  const calls = new Map<string, number>();
  const server = createServer((request, response) => {
    let text = "";
    request.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
    request.on("end", () => {
      const asked = JSON.parse(text) as Asked;
      calls.set(asked.method, (calls.get(asked.method) ?? 0) + 1);
      void answered(rpc, asked).then((body) =>
        response.setHeader("content-type", "application/json").end(JSON.stringify(body)),
      );
    });
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    calls,
    async close() {
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    },
  };
}
