/** Small manifests for tests. */
import { toHex } from "../../../protocol/hash.ts";
import type { ArchiveFile, Manifest } from "../../../archive/schema.ts";

/** A file with hashes that depend on its name alone. */
export function fileNamed(name: string, changes: Partial<ArchiveFile> = {}): ArchiveFile {
  const seed = [...new TextEncoder().encode(name)].reduce((sum, byte) => (sum * 31 + byte) >>> 0, 7);
  // None is a part of another one.
  const hex = (bytes: number, step: number) =>
    toHex(Uint8Array.from({ length: bytes }, (_, i) => ((seed >>> (i % 24)) + step * i) & 0xff));
  const hashes = { blake2b: hex(64, 1), sha256: hex(32, 3), root: hex(32, 5) };
  return { name, bytes: 1 + (seed % 1000), ...hashes, sources: [], priority: 50, ...changes };
}

export function manifestOf(files: readonly ArchiveFile[], changes: Partial<Manifest> = {}): Manifest {
  return {
    format: "whitepay-archive/1",
    title: "A ceremony",
    description: "Its transcript",
    edition: 1,
    previous: null,
    created: "2026-01-31T12:00:00Z",
    curator: { name: "Ada" },
    collections: [{ name: "files", title: "Files", licence: "CC0-1.0", files: [...files] }],
    attestations: [],
    dropped: [],
    ...changes,
  };
}
