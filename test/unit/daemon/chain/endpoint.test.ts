import { createServer } from "node:http";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, it, onTestFinished } from "vitest";
import { JsonRpcEndpoint, RpcError } from "../../../../daemon/chain/endpoint.ts";

async function serve(
  answer: (request: IncomingMessage, response: ServerResponse) => void,
  user = "",
): Promise<JsonRpcEndpoint> {
  const server = createServer((request, response) => {
    request.resume().on("end", () => answer(request, response));
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const { port } = server.address() as AddressInfo;
  const endpoint = new JsonRpcEndpoint(`http://${user}127.0.0.1:${port}/key`);
  onTestFinished(() => {
    endpoint.close();
    server.closeAllConnections();
    server.close();
  });
  return endpoint;
}

const stating = (error: object, status = 200): Promise<JsonRpcEndpoint> =>
  serve((_request, response) =>
    response.writeHead(status).end(JSON.stringify({ jsonrpc: "2.0", id: 1, error })),
  );

const errorOf = (endpoint: JsonRpcEndpoint): Promise<unknown> =>
  endpoint.send("eth_call", []).then(
    () => undefined,
    (error: unknown) => error,
  );

it("returns the result, including null", async () => {
  const results = [{ result: "0x1" }, { result: null }];
  const endpoint = await serve((_request, response) => response.end(JSON.stringify(results.shift())));
  expect(await endpoint.send("eth_chainId", [])).toBe("0x1");
  expect(await endpoint.send("eth_getBlockByNumber", [])).toBeNull();
});

const data = "0x08c379a0aabb";
it.each([
  ["plainly", { code: 3, message: "execution reverted", data }],
  ["in an object", { code: -32_603, message: "reverted", data: { message: "x", data } }],
  ["behind a word", { code: -32_015, message: "VM execution error.", data: `Reverted ${data}` }],
])("finds what the contract reverted with %s", async (_how, error) => {
  expect(await errorOf(await stating(error))).toMatchObject({ name: "RpcError", revert: data });
});

it.each([
  ["no data", { code: -32_603, message: "internal error" }],
  ["empty data", { code: 3, message: "execution reverted", data: "0x" }],
  ["words as data", { code: -32_000, message: "header not found", data: "no such block" }],
])("says nothing about the call from an error with %s", async (_what, error) => {
  const said = await errorOf(await stating(error));
  expect(said).toBeInstanceOf(RpcError);
  expect(said).toMatchObject({ revert: undefined, message: `eth_call: ${error.message}` });
});

it("recognises a JSON-RPC error with an HTTP status other than 200", async () => {
  expect(await errorOf(await stating({ code: -32_602, message: "too wide" }, 400))).toBeInstanceOf(RpcError);
});

it.each([
  ["a rate limit by code", () => stating({ code: -32_005, message: "limit exceeded" })],
  ["a rate limit by status", () => stating({ code: -32_000, message: "slow down" }, 429)],
  ["a page", () => serve((_request, response) => response.writeHead(502).end("<html>bad gateway"))],
  ["something else", () => serve((_request, response) => response.end("[]"))],
  ["nothing", () => serve((request) => request.socket.destroy())],
])("counts as no answer: %s", async (_what, make) => {
  const said = await errorOf(await make());
  expect(said).toBeInstanceOf(Error);
  expect(said).not.toBeInstanceOf(RpcError);
});

it("stops reading an endless answer", async () => {
  let sent = 0;
  const endpoint = await serve((_request, response) => {
    const chunk = Buffer.alloc(2 ** 20, 0x20);
    const more = (): void => {
      while (!response.destroyed && sent < 512 * 2 ** 20) {
        sent += chunk.length;
        if (!response.write(chunk)) return void response.once("drain", more);
      }
    };
    more();
  });
  expect(String(await errorOf(endpoint))).toMatch(/at most 33554432 bytes/);
  expect(sent).toBeLessThan(128 * 2 ** 20);
});

it("hides secrets of its URL in its name, and sends the URL's credentials", async () => {
  let authorization: string | undefined;
  const endpoint = await serve((request, response) => {
    ({ authorization } = request.headers);
    response.end(JSON.stringify({ result: "0x1" }));
  }, "me:p%40ss@");
  await endpoint.send("eth_chainId", []);
  expect(authorization).toBe(`Basic ${btoa("me:p@ss")}`);
  expect(endpoint.origin).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
});
