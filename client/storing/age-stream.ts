/**
 * The payload of an age file (STREAM): chunks of 64 KiB, each sealed with ChaCha20-Poly1305 under a counter. Every chunk depends on its
 * place and its bytes alone, so any range of the file can be made again without the ranges before it, in constant memory.
 */
import { concatBytes } from "../../storage/core/bytes.ts";
import type { Envelope } from "./age-envelope.ts";

export const chunkBytes = 64 * 1024;
export const tagBytes = 16;
const sealedChunkBytes = chunkBytes + tagBytes;

/** Bytes that can be read from any place; a read gives exactly what was asked, or throws. */
export type ByteSource = {
  readonly size: number;
  read(start: number, bytes: number): Promise<Uint8Array>;
};

/** ChaCha20-Poly1305 of the platform: `node:crypto`, or a library in a browser. */
export type ChunkCipher = {
  /** Writes the chunk and then its tag to `out`. `out` has the length of both together. */
  seal(key: Uint8Array, nonce: Uint8Array, plain: Uint8Array, out: Uint8Array): void;
  /** Undefined if the tag does not match. */
  open(key: Uint8Array, nonce: Uint8Array, sealed: Uint8Array): Uint8Array | undefined;
};

/** Nonce of a chunk: a counter of 11 bytes, and a byte that is 1 in the last chunk. */
export function chunkNonce(chunk: number, isLast: boolean): Uint8Array {
  const nonce = new Uint8Array(12);
  const view = new DataView(nonce.buffer);
  view.setUint32(3, Math.floor(chunk / 2 ** 32));
  view.setUint32(7, chunk % 2 ** 32);
  nonce[11] = isLast ? 1 : 0;
  return nonce;
}

/** Chunks of a payload; empty data is one empty chunk. */
export function chunkCount(plainBytes: number): number {
  return Math.max(1, Math.ceil(plainBytes / chunkBytes));
}

export function payloadBytes(plainBytes: number): number {
  return plainBytes + tagBytes * chunkCount(plainBytes);
}

/** Plain bytes of a payload; undefined if no payload has this length. */
export function plainBytesOf(payload: number): number | undefined {
  if (!Number.isSafeInteger(payload) || payload < tagBytes) return undefined;
  const chunks = Math.ceil(payload / sealedChunkBytes);
  const plain = payload - chunks * tagBytes;
  return plain >= 0 && chunkCount(plain) === chunks ? plain : undefined;
}

export type SealedRange = {
  readonly bytes: Uint8Array;
  /** The tags of all chunks that the range touches: equal tags mean equal plain bytes. */
  readonly tags: Uint8Array;
};

/** An age file that exists only as its source, its envelope and this computation. */
export class SealedSource {
  readonly size: number;
  readonly #source: ByteSource;
  readonly #envelope: Envelope;
  readonly #cipher: ChunkCipher;

  constructor(source: ByteSource, envelope: Envelope, cipher: ChunkCipher) {
    this.#source = source;
    this.#envelope = envelope;
    this.#cipher = cipher;
    this.size = envelope.head.length + payloadBytes(source.size);
  }

  /** The plain bytes that `read` takes from the source. */
  plainSpan(start: number, bytes: number): { readonly start: number; readonly bytes: number } {
    const { length } = this.#envelope.head;
    const end = start + bytes;
    if (end <= length) return { start: 0, bytes: 0 };
    const first = Math.floor(Math.max(0, start - length) / sealedChunkBytes);
    const last = Math.floor((end - length - 1) / sealedChunkBytes);
    const from = first * chunkBytes;
    return { start: from, bytes: Math.min((last + 1) * chunkBytes, this.#source.size) - from };
  }

  async read(start: number, bytes: number): Promise<SealedRange> {
    if (start < 0 || bytes < 0 || start + bytes > this.size) {
      throw new RangeError(`range: expected within ${this.size} bytes, actual ${start} + ${bytes}`);
    }
    const { head } = this.#envelope;
    const end = start + bytes;
    const out = new Uint8Array(bytes);
    if (start < head.length) out.set(head.subarray(start, end));
    if (end <= head.length) return { bytes: out, tags: new Uint8Array(0) };
    const first = Math.floor(Math.max(0, start - head.length) / sealedChunkBytes);
    const last = Math.floor((end - head.length - 1) / sealedChunkBytes);
    const tags = new Uint8Array((last - first + 1) * tagBytes);
    const span = this.plainSpan(start, bytes);
    const plain = await this.#source.read(span.start, span.bytes);
    for (let chunk = first; chunk <= last; chunk++) {
      const part = plain.subarray((chunk - first) * chunkBytes, (chunk - first + 1) * chunkBytes);
      const at = head.length + chunk * sealedChunkBytes - start;
      const length = part.length + tagBytes;
      // A chunk that is only partly in this range is encrypted into a buffer of its own, and the part is copied.
      const isWhole = at >= 0 && at + length <= bytes;
      const sealed = isWhole ? out.subarray(at, at + length) : new Uint8Array(length);
      this.#seal(chunk, part, sealed);
      if (!isWhole) out.set(sealed.subarray(Math.max(0, -at), bytes - at), Math.max(0, at));
      tags.set(sealed.subarray(-tagBytes), (chunk - first) * tagBytes);
    }
    return { bytes: out, tags };
  }

  #seal(chunk: number, plain: Uint8Array, out: Uint8Array): void {
    const isLast = chunk === chunkCount(this.#source.size) - 1;
    const { payloadKey } = this.#envelope;
    this.#cipher.seal(payloadKey, chunkNonce(chunk, isLast), plain, out);
  }
}

/** A chunk's tag does not match, or the file has a length that no age file has: damaged, or not this key's. */
export class SealError extends Error {
  override readonly name = "SealError";
}

/** The plain bytes of an age file, readable from any place. */
export class OpenedSource implements ByteSource {
  readonly size: number;
  readonly #file: ByteSource;
  readonly #envelope: Envelope;
  readonly #cipher: ChunkCipher;

  /** @throws SealError if no age file has this length */
  constructor(file: ByteSource, envelope: Envelope, cipher: ChunkCipher) {
    const plain = plainBytesOf(file.size - envelope.head.length);
    if (plain === undefined) throw new SealError(`no age file has ${file.size} bytes behind this header`);
    this.#file = file;
    this.#envelope = envelope;
    this.#cipher = cipher;
    this.size = plain;
  }

  async read(start: number, bytes: number): Promise<Uint8Array> {
    if (start < 0 || bytes < 0 || start + bytes > this.size) {
      throw new RangeError(`range: expected within ${this.size} bytes, actual ${start} + ${bytes}`);
    }
    // Empty data has one chunk, too: its tag is what proves that nothing was cut off.
    const first = Math.floor(start / chunkBytes);
    const last = Math.max(first, Math.ceil((start + bytes) / chunkBytes) - 1);
    const { head, payloadKey } = this.#envelope;
    const from = head.length + first * sealedChunkBytes;
    const to = Math.min(head.length + (last + 1) * sealedChunkBytes, this.#file.size);
    const sealed = await this.#file.read(from, to - from);
    const chunks = chunkCount(this.size);
    const parts: Uint8Array[] = [];
    for (let chunk = first; chunk <= last && chunk < chunks; chunk++) {
      const at = (chunk - first) * sealedChunkBytes;
      const nonce = chunkNonce(chunk, chunk === chunks - 1);
      const plain = this.#cipher.open(payloadKey, nonce, sealed.subarray(at, at + sealedChunkBytes));
      if (plain === undefined) throw new SealError(`chunk ${chunk}: its tag does not match`);
      const begins = chunk * chunkBytes;
      parts.push(plain.subarray(Math.max(0, start - begins), Math.max(0, start + bytes - begins)));
    }
    return concatBytes(...parts);
  }
}
