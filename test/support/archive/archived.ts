/** Manifest entries of files that a test made. */
import { createHash } from "node:crypto";
import { toHex } from "../../../protocol/hash.ts";
import type { Hex } from "../../../protocol/hash.ts";
import type { ArchiveFile } from "../../../archive/schema.ts";
import { bytesAt, SparsePiece } from "./sparse-bytes.ts";
import type { SparseBytes } from "./sparse-bytes.ts";

const digest = (algorithm: string, bytes: Uint8Array): Hex =>
  `0x${createHash(algorithm).update(bytes).digest("hex")}`;

/** The entry of a small file, and its piece. */
export function archived(
  name: string,
  file: SparseBytes,
  changes: Partial<ArchiveFile> = {},
): { readonly entry: ArchiveFile; readonly piece: SparsePiece } {
  const bytes = bytesAt(file, 0, file.size);
  const piece = new SparsePiece(file);
  const entry = {
    name,
    bytes: file.size,
    blake2b: digest("blake2b512", bytes),
    sha256: digest("sha256", bytes),
    root: piece.root,
    sources: [],
    priority: 50,
    ...changes,
  };
  return { entry, piece };
}

/** The entry of a file whose BLAKE2b-512 is given: too large to be hashed in a test. Its SHA-256 is made up. */
export function archivedAs(
  name: string,
  file: SparseBytes,
  blake2b: Uint8Array,
  changes: Partial<ArchiveFile> = {},
): { readonly entry: ArchiveFile; readonly piece: SparsePiece } {
  const piece = new SparsePiece(file);
  const sha256 = digest("sha256", blake2b);
  const common = { name, bytes: file.size, sha256, root: piece.root, sources: [], priority: 50 };
  return { entry: { ...common, blake2b: toHex(blake2b), ...changes }, piece };
}
