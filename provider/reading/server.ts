/**
 * R44: the HTTP server for readers, on an address of its own: it serves pieces that anybody may read, such pieces by their names in an
 * archive, and piece lists; nothing else of the provider.
 */
import { createServer } from "node:http";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { fileOfPath } from "../../archive/http-path.ts";
import { chargedHeader, voucherHeader } from "../../protocol/codec/paid-reading.ts";
import { listOfPath, permissionHeader, pieceOfPath, proofHeader } from "../../protocol/codec/piece-http.ts";
import { answerFile } from "./answer-file.ts";
import type { FileAnswers } from "./answer-file.ts";
import { answerList } from "./answer-list.ts";
import type { ListAnswers } from "./answer-list.ts";
import { answerPiece } from "./answer-piece.ts";
import type { PieceRequest } from "./answer-piece.ts";
import { refuse } from "./conditions.ts";
import { limitedAddress, readerLimits } from "./limits.ts";

export type ReadingServerOptions = {
  readonly host: string;
  readonly port: number;
  /** Addresses of reverse proxies, whose X-Forwarded-For names the reader. */
  readonly proxies: readonly string[];
};

export type ReadingAnswers = FileAnswers & ListAnswers;

export type ReadingServer = { readonly url: string; stop(): Promise<void> };

/** Pages of every origin may read, and what a piece holds must not run as a page of this one. */
const commonHeaders = {
  "Access-Control-Allow-Origin": "*",
  "Access-Control-Expose-Headers": `${proofHeader}, ${chargedHeader}, Accept-Ranges, Content-Length, Content-Range, ETag, Retry-After`,
  "Cross-Origin-Resource-Policy": "cross-origin",
  "X-Content-Type-Options": "nosniff",
  "Content-Security-Policy": "default-src 'none'; sandbox",
} as const;

const preflightHeaders = {
  "Access-Control-Allow-Methods": "GET, HEAD",
  "Access-Control-Allow-Headers": `${permissionHeader}, ${voucherHeader}, If-Match, If-None-Match, If-Range, Range`,
  "Access-Control-Max-Age": "86400",
} as const;

/** Starts the server. Rejects when the address cannot be listened on. */
export async function startReadingServer(
  options: ReadingServerOptions,
  answers: ReadingAnswers,
): Promise<ReadingServer> {
  const { request_ms, keepAlive_ms, headerBytes, connections } = readerLimits;
  const server = createServer({
    requestTimeout: request_ms,
    headersTimeout: request_ms,
    keepAliveTimeout: keepAlive_ms,
    connectionsCheckingInterval: request_ms / 2,
    maxHeaderSize: headerBytes,
  });
  server.maxConnections = connections.all;
  server.on("connection", limitConnections(options.proxies));
  server.on("request", (request, response) => {
    for (const [name, value] of Object.entries(commonHeaders)) response.setHeader(name, value);
    answer(options, answers, request, response).catch(() => {
      if (response.headersSent) return void response.destroy();
      const reason = "the provider cannot reach its chain endpoint or its disk";
      refuse({ request, response }, 503, reason, { "Retry-After": "5" });
    });
  });
  await listen(server, options);
  const { port } = server.address() as AddressInfo;
  const host = options.host.includes(":") ? `[${options.host}]` : options.host;
  return {
    url: `http://${host}:${port}`,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function listen(server: Server, { host, port }: ReadingServerOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => {
      server.off("error", reject);
      resolve();
    });
  });
}

/** A proxy has the connections of many readers. */
function limitConnections(proxies: readonly string[]): (socket: Socket) => void {
  const open = new Map<string, number>();
  return (socket) => {
    const address = limitedAddress(socket.remoteAddress ?? "");
    if (proxies.includes(address)) return;
    const count = (open.get(address) ?? 0) + 1;
    open.set(address, count);
    socket.once("close", () => {
      const left = (open.get(address) ?? 1) - 1;
      if (left === 0) open.delete(address);
      else open.set(address, left);
    });
    if (count > readerLimits.connections.ofAddress) socket.destroy();
  };
}

/** The reader's address. Proxies append it to the field, so its last part is not the reader's own invention. */
function addressOf(request: IncomingMessage, proxies: readonly string[]): string {
  const direct = limitedAddress(request.socket.remoteAddress ?? "");
  const forwarded = request.headers["x-forwarded-for"];
  if (forwarded === undefined || !proxies.includes(direct)) return direct;
  const last = String(forwarded).split(",").at(-1)?.trim() ?? "";
  return limitedAddress(last.slice(0, 64));
}

async function answer(
  { proxies }: ReadingServerOptions,
  answers: ReadingAnswers,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const address = addressOf(request, proxies);
  if (!answers.limits.request(address)) {
    return refuse({ request, response }, 429, "too many requests; ask again later", { "Retry-After": "5" });
  }
  const [path = "", query] = (request.url ?? "").split("?", 2);
  const wanted = { request, response, query: new URLSearchParams(query), address };
  const work = workOf(answers, path, wanted);
  if ("fault" in work) return refuse(wanted, ...work.fault);
  if (request.method === "OPTIONS") {
    response.writeHead(204, preflightHeaders).end();
    return;
  }
  if (request.method !== "GET" && request.method !== "HEAD") {
    return refuse(wanted, 405, "expected GET or HEAD", { Allow: "GET, HEAD, OPTIONS" });
  }
  await work.run();
}

type Work = { readonly run: () => Promise<void> } | { readonly fault: [number, string] };

/** What the path asks for. */
function workOf(answers: ReadingAnswers, path: string, wanted: Omit<PieceRequest, "root">): Work {
  const root = pieceOfPath(path);
  if (root !== undefined) return { run: () => answerPiece(answers, { ...wanted, root }) };
  const listRoot = listOfPath(path);
  if (listRoot !== undefined) return { run: () => answerList(answers, wanted, listRoot) };
  const file = fileOfPath(path);
  if (file === undefined) {
    return { fault: [404, "expected /piece/ or /list/ and a root of 64 hex digits, or /archive/…"] };
  }
  if ("fault" in file) return { fault: [400, file.fault] };
  return { run: () => answerFile(answers, wanted, file) };
}
