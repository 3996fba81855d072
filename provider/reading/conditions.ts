/** R44: what the header fields of a request for fixed bytes decide before any byte is sent (RFC 9110): pieces, files and lists never change. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { dueDocument } from "../../protocol/codec/paid-reading.ts";
import type { PaymentDue } from "../../protocol/codec/paid-reading.ts";
import { namesTag, rangeCounts, wantedBytes } from "./byte-range.ts";
import type { ByteRange } from "./byte-range.ts";

export type Exchange = { readonly request: IncomingMessage; readonly response: ServerResponse };

/** A response without a body, or with a short reason for people. */
export function refuse(
  { request, response }: Exchange,
  status: number,
  reason: string,
  headers: Readonly<Record<string, string>> = {},
): void {
  answer({ request, response }, status, `${reason}\n`, {
    "Content-Type": "text/plain; charset=utf-8",
    ...headers,
  });
}

/** R47: says what is owed, for programs. */
export function refuseUnpaid(exchange: Exchange, due: PaymentDue): void {
  const text = `${JSON.stringify(dueDocument(due))}\n`;
  answer(exchange, 402, text, { "Content-Type": "application/json" });
}

function answer(
  { request, response }: Exchange,
  status: number,
  text: string,
  headers: Readonly<Record<string, string>>,
): void {
  const body = Buffer.from(text);
  response.writeHead(status, {
    "Content-Length": String(body.length),
    "Cache-Control": "no-store",
    ...headers,
  });
  response.end(request.method === "HEAD" ? undefined : body);
}

export type FixedBytes = {
  /** The strong entity tag. */
  readonly tag: string;
  readonly size: number;
  readonly type: string;
  readonly isPublic: boolean;
};

export type WantedPart = {
  readonly bytes: ByteRange & { readonly kind: "all" | "part" };
  readonly status: 200 | 206;
  readonly headers: Readonly<Record<string, string>>;
};

/** The bytes that the request wants; undefined: it is answered, without them. */
export function wantedPart(exchange: Exchange, fixed: FixedBytes): WantedPart | undefined {
  const { request, response } = exchange;
  const { tag, size, type, isPublic } = fixed;
  const { "if-match": ifMatch, "if-none-match": ifNoneMatch, "if-range": ifRange } = request.headers;
  const isSame = rangeCounts(ifRange === undefined ? undefined : String(ifRange), tag);
  const cache = isPublic ? "public, max-age=3600" : "private, max-age=3600";
  const headers = { ETag: tag, "Cache-Control": cache, "Accept-Ranges": "bytes" };
  if (ifMatch !== undefined && !namesTag(ifMatch, tag, false)) {
    refuse(exchange, 412, `If-Match: expected ${tag}, actual another tag`, headers);
    return undefined;
  }
  if (ifNoneMatch !== undefined && namesTag(ifNoneMatch, tag, true)) {
    response.writeHead(304, headers).end();
    return undefined;
  }
  // RFC 9110: Range has a meaning for GET alone.
  const isGet = request.method === "GET";
  const bytes = wantedBytes(isGet && isSame ? request.headers.range : undefined, size);
  if (bytes.kind === "unsatisfiable") {
    refuse(exchange, 416, `Range: ${bytes.reason}`, { "Content-Range": `bytes */${size}` });
    return undefined;
  }
  const part = { "Content-Range": `bytes ${bytes.start}-${bytes.end - 1}/${size}` };
  const all = {
    ...headers,
    "Content-Type": type,
    "Content-Length": String(bytes.end - bytes.start),
    ...(bytes.kind === "part" ? part : {}),
  };
  if (!isGet) {
    response.writeHead(200, all).end();
    return undefined;
  }
  return { bytes, status: bytes.kind === "part" ? 206 : 200, headers: all };
}
