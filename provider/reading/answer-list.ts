/**
 * R10, R44: answers `GET /list/<list root>` and HEAD: the entries of a piece list, to anybody, as libp2p does (`provider/pieces.ts`): the root is
 * on chain and proves the list, and a list is useless without the data.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { tagOfPiece } from "../../protocol/codec/piece-http.ts";
import { fromHex } from "../../protocol/hash.ts";
import type { Hex } from "../../protocol/hash.ts";
import { pageQueue } from "../../protocol/limits/derived.ts";
import { listMemory } from "../../storage/core/piece-list.ts";
import type { PieceList } from "../../storage/core/piece-list.ts";
import { BoundedQueue } from "../bounded-queue.ts";
import { write } from "./answer-piece.ts";
import type { PieceRequest } from "./answer-piece.ts";
import { refuse, wantedPart } from "./conditions.ts";
import type { ReaderLimits } from "./limits.ts";

/** Reads a list for an address; undefined: too many wait. */
export type ListReader = (address: string, root: Hex) => Promise<PieceList | undefined> | undefined;

export type ListAnswers = { readonly lists: ListReader; readonly limits: ReaderLimits };

/** One list at a time is read from the disk, and a bounded number of requests waits. */
export function listReader(list: (root: Uint8Array) => Promise<PieceList | undefined>): ListReader {
  const queue = new BoundedQueue(() => pageQueue);
  return (address, root) => queue.run(address, () => list(fromHex(root)));
}

/** Rejects if the disk does not answer. */
export async function answerList(
  { lists, limits }: ListAnswers,
  wanted: Omit<PieceRequest, "root">,
  root: Hex,
): Promise<void> {
  const { response, address } = wanted;
  const end = limits.begin(address);
  const reading = end === undefined ? undefined : lists(address, root);
  if (end === undefined || reading === undefined) {
    end?.();
    return refuse(wanted, 503, "too many readers; ask again later", { "Retry-After": "1" });
  }
  const gone = new AbortController();
  response.once("close", () => gone.abort());
  try {
    const list = await reading;
    if (list === undefined) return refuse(wanted, 404, `list ${root}: the provider never had it`);
    // It was read and hashed whole, even if one byte of it is sent.
    await sleep(limits.bytes(address, listMemory(list)), undefined, { signal: gone.signal });
    const { bytes } = list.pieces;
    const fixed = { tag: tagOfPiece(root), size: bytes.length, type: "application/octet-stream" };
    const part = wantedPart(wanted, { ...fixed, isPublic: true });
    if (part === undefined) return;
    response.writeHead(part.status, part.headers);
    await write(response, bytes.subarray(part.bytes.start, part.bytes.end), gone.signal);
    response.end();
  } catch (error) {
    if (!gone.signal.aborted && !response.headersSent) throw error;
    response.destroy();
  } finally {
    end();
  }
}
