/** Pieces over HTTP as a provider serves them (R44): ranges with proofs. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { encodeProof, pieceOfPath, proofHeader } from "../../../protocol/codec/piece-http.ts";
import type { Hex } from "../../../protocol/hash.ts";
import { rangeBytes } from "../../../storage/core/range.ts";
import { serve } from "./http-server.ts";
import type { SparsePiece } from "./sparse-bytes.ts";

export type PieceAnswer = {
  readonly piece: SparsePiece;
  readonly range: number;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
};

/**
 * @param behave returns true if it answered itself
 * @returns the server's URL, and how many bytes of bodies it sent
 */
export async function servePieces(
  pieces: readonly SparsePiece[],
  behave: (answer: PieceAnswer) => boolean = () => false,
): Promise<{ readonly url: string; readonly sent: () => number }> {
  const byRoot = new Map<Hex, SparsePiece>(pieces.map((piece) => [piece.root, piece]));
  let sent = 0;
  const url = await serve((request, response) => {
    const piece = byRoot.get(pieceOfPath(request.url ?? "") ?? "0x");
    const first = Number(/^bytes=(\d+)-/.exec(String(request.headers.range))?.[1]);
    if (piece === undefined || first % rangeBytes !== 0) return void response.writeHead(404).end();
    const range = first / rangeBytes;
    if (behave({ piece, range, request, response })) return;
    sendRange(piece, range, response, (bytes) => bytes);
    sent += piece.range(range).bytes.length;
  });
  return { url, sent: () => sent };
}

/** Answers with a range, after a change of its bytes. */
export function sendRange(
  piece: SparsePiece,
  range: number,
  response: ServerResponse,
  change: (bytes: Uint8Array) => Uint8Array,
): void {
  const { start, bytes, proof } = piece.range(range);
  response.writeHead(206, {
    "Content-Range": `bytes ${start}-${start + bytes.length - 1}/${piece.file.size}`,
    [proofHeader]: encodeProof(proof),
  });
  response.end(change(bytes));
}
