/**
 * Reads a file of an archive by its manifest's entry, from providers and plain URLs at once, in Node and in browsers (R44, R46). Nothing that is
 * not proven counts as read; a source that sends wrong bytes is named and given up. Memory: `atOnce` ranges of 2 MB, and 0.2 kB for each
 * range of the file.
 */
import { blake2b } from "@noble/hashes/blake2.js";
import type { Hex } from "../../protocol/hash.ts";
import { toHex } from "../../storage/core/bytes.ts";
import { rangeCount } from "../../storage/core/range.ts";
import { inputError } from "../errors.ts";
import { FileReading } from "./file-reading.ts";
import { openPiece, type Piece, type SourceFault } from "./piece.ts";
import type { RangeStore } from "./range-store.ts";
import type { PieceSource } from "./source.ts";
import { urlSource, type PlainSource } from "./url-source.ts";

/** What a manifest says of a file. */
export type WantedFile = {
  /** Root of the piece: 0x and 64 hex digits. */
  readonly root: string;
  readonly bytes: number;
  /** 0x and 128 hex digits; compared once all bytes are proven. Undefined: not compared. */
  readonly blake2b?: string | undefined;
};

export type FileSources = {
  /** Servers of providers for readers, or sources of your own: they send proofs. */
  readonly providers?: readonly (string | PieceSource)[];
  /** The piece, if it was opened already, instead of `providers`. */
  readonly piece?: Piece;
  /** URLs of the file itself, or sources of your own: they send bytes alone. */
  readonly urls?: readonly (string | PlainSource)[];
};

export type FileOptions = {
  readonly signal?: AbortSignal;
  /** Called when a source fails. The file may still be read from the others. */
  readonly onFault?: (fault: SourceFault) => void;
  /** Bytes of the file that are proven, and bytes that are there. */
  readonly onProgress?: (proven: number, held: number) => void;
  /** Ranges of 2 MB under way at once. Default: 8. */
  readonly atOnce?: number;
  /** A URL that fails so many times in a row is given up; between them it is left alone for 1, 2, 4 … 30 s. Default: 4. */
  readonly tries?: number;
  /** For providers, the longest time for a range. Default: 60 s. */
  readonly timeout_ms?: number;
};

export type FileRead = {
  /** The bytes that each source sent and that were kept, also if others replaced them later. */
  readonly sources: readonly { readonly source: string; readonly bytes: number }[];
  readonly faults: readonly SourceFault[];
};

/**
 * Reads the ranges that the store does not have. With a store that outlives it, the next call continues.
 * @throws WhitePayError `input` for a file or source that is not valid, `network` if the sources do not give the file, `input` if the
 * manifest's BLAKE2b-512 is of other bytes than its piece root
 */
export async function readArchiveFile(
  file: WantedFile,
  { providers = [], piece, urls = [] }: FileSources,
  store: RangeStore,
  options: FileOptions = {},
): Promise<FileRead> {
  const { bytes: size } = file;
  const root = file.root.toLowerCase() as Hex;
  if (!/^0x[0-9a-f]{64}$/.test(root) || !Number.isSafeInteger(size) || size < 1) {
    throw inputError("the file is not valid", {
      expected: "a root of 0x and 64 hex digits, and at least 1 byte",
      actual: `${root.slice(0, 80)}, ${size} bytes`,
    });
  }
  const faults: SourceFault[] = [];
  const onFault = (fault: SourceFault): void => {
    faults.push(fault);
    options.onFault?.(fault);
  };
  const { timeout_ms } = options;
  const opened = (signal: AbortSignal): Promise<Piece> =>
    piece !== undefined
      ? Promise.resolve(piece)
      : openPiece(root, providers, { signal, onFault, ...(timeout_ms !== undefined && { timeout_ms }) });
  const reading = new FileReading({
    root,
    size,
    open: piece === undefined && providers.length === 0 ? undefined : opened,
    plain: urls.map((source) => (typeof source === "string" ? urlSource(source, size) : source)),
    store,
    atOnce: Math.max(1, options.atOnce ?? 8),
    tries: Math.max(1, options.tries ?? 4),
    onFault,
    onProgress: options.onProgress ?? (() => undefined),
    signal: options.signal ?? new AbortController().signal,
  });
  await reading.run();
  if (file.blake2b !== undefined) await checkBlake2b(file.blake2b, size, store);
  return { sources: [...reading.used].map(([source, bytes]) => ({ source, bytes })), faults };
}

async function checkBlake2b(expected: string, size: number, store: RangeStore): Promise<void> {
  const hash = blake2b.create({ dkLen: 64 });
  for (let range = 0; range < rangeCount(size); range++) hash.update(await store.read(range));
  const actual = toHex(hash.digest());
  if (actual === expected.toLowerCase()) return;
  throw inputError("the manifest's piece root and its BLAKE2b-512 belong to different files", {
    expected,
    actual,
    hint: "the bytes are those of the piece root; ask the curator, or compare with the published hash",
  });
}
