/** HTTP servers of one file: with proofs as a provider's server for readers, or plain; each can lie, break, stall or send without end. */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { encodeProof } from "../../protocol/codec/piece-http.ts";
import { toHex, type Hex } from "../../protocol/hash.ts";
import { segmentBytes } from "../../storage/core/geometry.ts";
import { nodeHash, pieceRoot, segmentRoot } from "../../storage/core/merkle.ts";
import { rangeBytes, runSiblings } from "../../storage/core/range.ts";

export type ServedFile = {
  readonly data: Uint8Array;
  readonly root: Hex;
  /** The proof of a range, as in the header. */
  readonly proof: (range: number) => string;
};

export function servedFile(data: Uint8Array): ServedFile {
  const levels: Uint8Array[][] = [[]];
  for (let at = 0; at < data.length; at += segmentBytes)
    levels[0]?.push(segmentRoot(data.subarray(at, at + segmentBytes)));
  while (!Number.isInteger(Math.log2(levels[0]?.length ?? 1))) levels[0]?.push(new Uint8Array(32));
  for (let level = levels[0] ?? []; level.length > 1; level = levels.at(-1) ?? []) {
    levels.push(
      Array.from({ length: level.length / 2 }, (_, i) =>
        nodeHash(level[2 * i] as Uint8Array, level[2 * i + 1] as Uint8Array),
      ),
    );
  }
  return {
    data,
    root: toHex(pieceRoot(data)),
    proof(range) {
      const positions = runSiblings({ size: data.length, first: range, count: 1 });
      return encodeProof(positions.map(({ level, index }) => levels[level]?.[index] as Uint8Array));
    },
  };
}

export type FileServer = {
  /** Without a path. */
  readonly url: string;
  /** First bytes that were asked for. */
  readonly asked: number[];
  close(): void;
};

/** Answers a request for the bytes [first, end) of a file; `isRange` is false if the request names none. */
export type FileAnswer = (
  request: IncomingMessage,
  response: ServerResponse,
  wanted: { readonly first: number; readonly end: number; readonly isRange: boolean },
) => void;

export async function fileServer(size: number, answer: FileAnswer): Promise<FileServer> {
  const asked: number[] = [];
  const server = createServer((request, response) => {
    response.on("error", () => undefined);
    const found = /^bytes=(\d+)-(\d+)$/.exec(String(request.headers.range));
    const first = Number(found?.[1] ?? 0);
    asked.push(first);
    const end = Math.min(size, Number(found?.[2] ?? size - 1) + 1);
    answer(request, response, { first, end, isRange: found !== null });
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

/** A plain server with ranges; `change` may replace bytes of the answer. */
export function plain(
  data: Uint8Array,
  change: (bytes: Uint8Array, first: number) => Uint8Array = (bytes) => bytes,
): FileAnswer {
  return (_, response, { first, end, isRange }) => {
    const bytes = change(Uint8Array.from(data.subarray(first, end)), first);
    response.writeHead(isRange ? 206 : 200, {
      ...(isRange && { "Content-Range": `bytes ${first}-${end - 1}/${data.length}` }),
      "Content-Length": bytes.length,
    });
    response.end(bytes);
  };
}

/** A server with proofs. */
export function proving(
  { data, proof }: ServedFile,
  change: (bytes: Uint8Array, range: number) => Uint8Array = (bytes) => bytes,
): FileAnswer {
  return (_, response, { first, end }) => {
    const bytes = change(Uint8Array.from(data.subarray(first, end)), first / rangeBytes);
    response.writeHead(206, {
      "Content-Range": `bytes ${first}-${end - 1}/${data.length}`,
      "Content-Length": bytes.length,
      ...(first % rangeBytes === 0 && { "WhitePay-Proof": proof(first / rangeBytes) }),
    });
    response.end(bytes);
  };
}

/** Sends at most `most` bytes of each answer, then breaks the connection. */
export function breaking(data: Uint8Array, most: number): FileAnswer {
  return (_, response, { first, end, isRange }) => {
    response.writeHead(isRange ? 206 : 200, {
      ...(isRange && { "Content-Range": `bytes ${first}-${end - 1}/${data.length}` }),
      "Content-Length": end - first,
    });
    response.write(data.subarray(first, Math.min(end, first + most)), () => response.destroy());
  };
}

/** Ignores Range. */
export function whole(data: Uint8Array): FileAnswer {
  return (_, response) => {
    response.writeHead(200, { "Content-Length": data.length });
    response.end(data);
  };
}

/** Changes one bit at `place` of the file. */
export function flippedAt(place: number): (bytes: Uint8Array, first: number) => Uint8Array {
  return (bytes, first) => {
    const at = place - first;
    if (at >= 0 && at < bytes.length) bytes[at] = (bytes[at] ?? 0) ^ 1;
    return bytes;
  };
}
