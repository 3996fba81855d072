/** A manifest by its root, from sources that nobody needs to trust. */
import { decodeManifest } from "../../archive/manifest.ts";
import { maxManifestBytes, type Manifest } from "../../archive/schema.ts";
import { openPiece, type SourceFault } from "../../client/reading/piece.ts";
import type { PieceSource } from "../../client/reading/source.ts";
import type { Hex } from "../../protocol/hash.ts";

/** @throws WhitePayError `network` if no source gives it; Error if the piece is no manifest */
export async function manifestByRoot(
  root: Hex,
  sources: readonly (string | PieceSource)[],
  options: { readonly signal?: AbortSignal; readonly onFault?: (fault: SourceFault) => void } = {},
): Promise<Manifest> {
  const piece = await openPiece(root, sources, options);
  if (piece.size > maxManifestBytes) {
    throw new Error(`no manifest: expected at most ${maxManifestBytes} bytes, actual ${piece.size}`);
  }
  const bytes = new Uint8Array(piece.size);
  let at = 0;
  for await (const part of piece.bytes()) {
    bytes.set(part, at);
    at += part.length;
  }
  const decoded = decodeManifest(bytes);
  if (decoded.ok) return decoded.value;
  throw new Error(`the piece ${root} is no manifest: ${decoded.detail}`);
}
