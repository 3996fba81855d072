/** A piece from sources that lie, stall, refuse or vanish: every byte that is given out is the piece's, and each liar is named. */
import { createServer } from "node:http";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, expect, it, onTestFinished } from "vitest";
import { openPiece } from "../../../../client/reading/piece.ts";
import type { Piece, SourceFault } from "../../../../client/reading/piece.ts";
import { encodeProof } from "../../../../protocol/codec/piece-http.ts";
import { toHex } from "../../../../protocol/hash.ts";
import { segmentBytes } from "../../../../storage/core/geometry.ts";
import { nodeHash, pieceRoot, segmentRoot } from "../../../../storage/core/merkle.ts";
import { rangeBytes, rangeCount, rangeSegments, runSiblings } from "../../../../storage/core/range.ts";
import { seededBytes } from "../../../support/files.ts";

/** Three ranges; the last has one segment and a part of another. */
const data = seededBytes(2 * rangeBytes + segmentBytes + 99, 5);
const root = toHex(pieceRoot(data));
const path = `/piece/${root.slice(2)}`;

/** All levels of the padded tree, from the segment roots on. */
const levels: Uint8Array[][] = [[]];
for (let at = 0; at < data.length; at += segmentBytes)
  levels[0]!.push(segmentRoot(data.subarray(at, at + segmentBytes)));
while (!Number.isInteger(Math.log2(levels[0]!.length))) levels[0]!.push(new Uint8Array(32));
for (let level = levels[0]!; level.length > 1; level = levels.at(-1)!)
  levels.push(Array.from({ length: level.length / 2 }, (_, i) => nodeHash(level[2 * i]!, level[2 * i + 1]!)));

function proofOf(range: number): string {
  const positions = runSiblings({ size: data.length, first: range, count: 1 });
  return encodeProof(positions.map(({ level, index }) => levels[level]![index]!));
}

type Behave = (request: IncomingMessage, response: ServerResponse, range: number) => boolean | void;

/** A server of the piece; `behave` returns true if it has answered itself. */
async function source(
  behave: Behave = () => false,
): Promise<{ url: string; asked: number[]; server: Server }> {
  const asked: number[] = [];
  const server = createServer((request, response) => {
    const first = Number(/^bytes=(\d+)-/.exec(String(request.headers.range))?.[1]);
    const range = first / rangeBytes;
    asked.push(range);
    if (request.url !== path) return void response.writeHead(404).end("no such piece");
    if (behave(request, response, range) === true) return;
    const bytes = data.subarray(first, first + rangeBytes);
    response.writeHead(206, {
      "Content-Range": `bytes ${first}-${first + bytes.length - 1}/${data.length}`,
      "Content-Length": bytes.length,
      "WhitePay-Proof": proofOf(range),
    });
    response.end(bytes);
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked, server };
}

/** Sends these headers and bytes for every range. */
function sending(
  change: (bytes: Uint8Array, range: number) => Uint8Array,
  headers: (range: number, bytes: Uint8Array) => Record<string, string> = () => ({}),
): Behave {
  return (_, response, range) => {
    const first = range * rangeBytes;
    const bytes = change(Uint8Array.from(data.subarray(first, first + rangeBytes)), range);
    const end = Math.min(first + rangeBytes, data.length) - 1;
    response.writeHead(206, {
      "Content-Range": `bytes ${first}-${end}/${data.length}`,
      "WhitePay-Proof": proofOf(range),
      ...headers(range, bytes),
    });
    response.end(bytes);
    return true;
  };
}

const refusing =
  (status: number, text: string): Behave =>
  (_, response) => {
    response.writeHead(status).end(text);
    return true;
  };

const flipped = (bytes: Uint8Array): Uint8Array => {
  bytes[77] = (bytes[77] ?? 0) ^ 1;
  return bytes;
};
const same = (bytes: Uint8Array): Uint8Array => bytes;

async function partsOf(piece: Piece, start: number, end: number): Promise<Uint8Array[]> {
  const parts: Uint8Array[] = [];
  for await (const part of piece.bytes({ start, end })) parts.push(part);
  return parts;
}

async function all(
  sources: readonly string[],
  timeout_ms = 60_000,
): Promise<{ bytes: Buffer; faults: SourceFault[] }> {
  const faults: SourceFault[] = [];
  const piece = await openPiece(root, sources, { onFault: (fault) => faults.push(fault), timeout_ms });
  expect(piece.size).toBe(data.length);
  const parts: Uint8Array[] = [];
  for await (const part of piece.bytes()) {
    expect(part.length).toBeLessThanOrEqual(rangeBytes);
    parts.push(part);
  }
  expect(piece.faults).toEqual(faults);
  return { bytes: Buffer.concat(parts), faults };
}

describe("a piece", () => {
  it("is read whole and in parts from one source, each range asked for once", async () => {
    const { url, asked } = await source();
    const { bytes, faults } = await all([url]);
    expect(bytes.equals(data)).toBe(true);
    expect(faults).toEqual([]);
    expect(asked.toSorted((a, b) => a - b)).toEqual([0, 1, 2]);
    const piece = await openPiece(root.slice(2).toUpperCase(), [`${url}${path}`]);
    const parts = await partsOf(piece, rangeBytes - 2, rangeBytes + 3);
    expect(Buffer.concat(parts)).toEqual(Buffer.from(data.subarray(rangeBytes - 2, rangeBytes + 3)));
    expect(await partsOf(piece, 5, 5)).toEqual([]);
    await expect(piece.bytes({ end: data.length + 1 }).next()).rejects.toThrow(/not of this piece/);
  });

  it.each<[string, Behave]>([
    ["other bytes", sending(flipped)],
    ["other bytes in one range", sending((bytes, range) => (range === 1 ? flipped(bytes) : bytes))],
    ["another proof", sending(same, () => ({ "WhitePay-Proof": encodeProof([seededBytes(32, 1)]) }))],
    ["no form of a proof", sending(same, () => ({ "WhitePay-Proof": "nonsense" }))],
    [
      "another size",
      sending(same, (range, bytes) => ({
        "Content-Range": `bytes ${range * rangeBytes}-${range * rangeBytes + bytes.length - 1}/${data.length + (range === 2 ? 0 : 1)}`,
      })),
    ],
    ["another range", sending(same, () => ({ "Content-Range": `bytes 1-${rangeBytes}/${data.length}` }))],
    ["too much", sending((bytes) => new Uint8Array([...bytes, 0]))],
  ])("is whole although a source sends %s, and that source is named and given up", async (_, behave) => {
    const liar = await source(behave);
    const honest = await source();
    const { bytes, faults } = await all([liar.url, honest.url]);
    expect(bytes.equals(data)).toBe(true);
    expect(faults).toMatchObject([{ source: `${liar.url}/`, kind: "wrong" }]);
  });

  it.each<[string, Behave, string]>([
    ["does not have it", refusing(404, "none"), "refused"],
    ["serves no ranges", refusing(200, "all"), "refused"],
    [
      "proves nothing",
      (_, response) => {
        response.writeHead(206, { "Content-Range": `bytes 0-0/1` }).end("x");
        return true;
      },
      "refused",
    ],
    [
      "stops half-way",
      (_, response) => {
        response.writeHead(206, {
          "Content-Range": `bytes 0-${rangeBytes - 1}/${data.length}`,
          "WhitePay-Proof": proofOf(0),
          "Content-Length": rangeBytes,
        });
        response.write(data.subarray(0, 1000), () => response.destroy());
        return true;
      },
      "unreachable",
    ],
    ["says nothing", () => true, "unreachable"],
  ])("is whole although a source %s", async (_, behave, kind) => {
    const failing = await source(behave);
    const honest = await source();
    const { bytes, faults } = await all([failing.url, honest.url], 3_000);
    expect(bytes.equals(data)).toBe(true);
    expect(faults[0]).toMatchObject({ source: `${failing.url}/`, kind });
  });

  it("is waited for at a busy source, and asked for again", async () => {
    let refused = 0;
    const { url } = await source((_, response) => {
      if (refused++ > 0) return false;
      response.writeHead(503, { "Retry-After": "1" }).end("busy");
      return true;
    });
    const { bytes, faults } = await all([url]);
    expect(bytes.equals(data)).toBe(true);
    expect(faults).toEqual([]);
  });

  it("that no source has fails with the reason of each; a root or URL that is none is told at once", async () => {
    const [liar, empty] = [await source(sending(flipped)), await source(refusing(404, "gone"))];
    const failed = openPiece(root, [liar.url, empty.url, "http://127.0.0.1:1"]);
    await expect(failed).rejects.toMatchObject({
      code: "network",
      actual: expect.stringMatching(/do not match.*/),
    });
    await expect(failed).rejects.toMatchObject({ actual: expect.stringMatching(/404: gone/) });
    await expect(openPiece(root, [])).rejects.toMatchObject({ code: "network" });
    await expect(openPiece("0x12", [empty.url])).rejects.toMatchObject({ code: "input" });
    await expect(openPiece(root, ["ftp://x"])).rejects.toMatchObject({ code: "input" });
  });

  it("ends with the caller's signal", async () => {
    const { url } = await source((_, __, range) => range > 0);
    const stop = new AbortController();
    const piece = await openPiece(root, [url], { signal: stop.signal });
    const asked = piece.range(1);
    setTimeout(() => stop.abort(new Error("enough")), 100);
    await expect(asked).rejects.toThrow("enough");
    expect(rangeCount(piece.size)).toBe(3);
    expect(rangeSegments).toBe(16);
  });
});
