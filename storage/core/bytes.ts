import { textEngine } from "./primitives.ts";
import { accept, reject } from "./result.ts";
import type { Result } from "./result.ts";

/** Reasons why bytes are not the canonical form of a message. */
export type DecodeCode = "too-large" | "truncated" | "trailing" | "version" | "range" | "order";

class DecodeFailure extends Error {
  readonly code: DecodeCode;
  constructor(code: DecodeCode, detail: string) {
    super(detail);
    this.code = code;
  }
}

/** Reads big-endian fields in order. If bytes are missing, `decode` returns a typed rejection. */
export class ByteReader {
  readonly #bytes: Uint8Array;
  #offset = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get remaining(): number {
    return this.#bytes.length - this.#offset;
  }

  #take(count: number, what: string): number {
    if (this.remaining < count) {
      throw new DecodeFailure("truncated", `${what}: expected ${count} more bytes, actual ${this.remaining}`);
    }
    const start = this.#offset;
    this.#offset += count;
    return start;
  }

  #number(count: number, what: string): number {
    let value = 0;
    let at = this.#take(count, what);
    for (const end = at + count; at < end; at++) value = value * 256 + (this.#bytes[at] as number);
    return value;
  }

  u8(what: string): number {
    return this.#number(1, what);
  }

  u16(what: string): number {
    return this.#number(2, what);
  }

  u32(what: string): number {
    return this.#number(4, what);
  }

  /** An unsigned 64-bit field that must be a safe integer (block numbers, slots, sizes, leaf indices). */
  u64(what: string): number {
    const high = this.#number(4, what);
    const low = this.#number(4, what);
    if (high >= 2 ** 21) {
      const actual = (BigInt(high) << 32n) | BigInt(low);
      this.fail("range", `${what}: expected at most ${Number.MAX_SAFE_INTEGER}, actual ${actual}`);
    }
    return high * 2 ** 32 + low;
  }

  u128(what: string): bigint {
    const start = this.#take(16, what);
    const view = new DataView(this.#bytes.buffer, this.#bytes.byteOffset + start);
    return (view.getBigUint64(0) << 64n) | view.getBigUint64(8);
  }

  /** A copy, so that a decoded message does not keep the receive buffer alive. */
  bytes(count: number, what: string): Uint8Array {
    const start = this.#take(count, what);
    return copyOf(this.#bytes, start, start + count);
  }

  /** A view of the next bytes, for values that the caller does not keep. */
  view(count: number, what: string): Uint8Array {
    const start = this.#take(count, what);
    return this.#bytes.subarray(start, start + count);
  }

  /** The next `count` bytes in `0x…` form. */
  hex(count: number, what: string): `0x${string}` {
    const start = this.#take(count, what);
    return hexOf(this.#bytes, start, start + count);
  }

  fail(code: DecodeCode, detail: string): never {
    throw new DecodeFailure(code, detail);
  }
}

/** Runs `read` over `bytes`; returns a rejection for malformed, surplus or too many bytes. */
export function decode<T>(
  bytes: Uint8Array,
  maxBytes: number,
  read: (reader: ByteReader) => T,
): Result<T, DecodeCode> {
  if (bytes.length > maxBytes) {
    return reject("too-large", `expected at most ${maxBytes} bytes, actual ${bytes.length}`);
  }
  try {
    const reader = new ByteReader(bytes);
    const value = read(reader);
    if (reader.remaining > 0) {
      return reject("trailing", `expected the end, actual ${reader.remaining} more bytes`);
    }
    return accept(value);
  } catch (error) {
    if (error instanceof DecodeFailure) return reject(error.code, error.message);
    throw error;
  }
}

/** An ArrayBuffer for each small copy costs several times its bytes, so copies share pages; a page lives as long as its copies. */
const pageBytes = 16 * 1024;
const maxSharingBytes = pageBytes / 8;
/** The platform allocates smaller arrays without an ArrayBuffer of their own. */
const minSharingBytes = 65;
let page = new Uint8Array(0);
let pageTaken = 0;

function copyOf(bytes: Uint8Array, start: number, end: number): Uint8Array {
  const length = end - start;
  if (length < minSharingBytes || length > maxSharingBytes) {
    // Not `bytes.slice`: in Node `bytes` may be of a subclass whose slice is a view.
    return Uint8Array.prototype.slice.call(bytes, start, end);
  }
  if (pageTaken + length > page.length) [page, pageTaken] = [new Uint8Array(pageBytes), 0];
  const copy = page.subarray(pageTaken, (pageTaken += length));
  copy.set(bytes.subarray(start, end));
  return copy;
}

/** Buffers of finished writers for reuse; they hold the longest message, a proof. */
const spareBuffers: Uint8Array<ArrayBuffer>[] = [];
const spareBytes = 64 * 1024;
const maxSpareBuffers = 4;

/** Appends big-endian fields. A value out of range is a bug of the caller and throws a RangeError. */
export class ByteWriter {
  #buffer: Uint8Array<ArrayBuffer>;
  #length = 0;
  readonly #isExact: boolean;

  /** @param exactBytes length of a long message, if it is known: then nothing is copied when it ends. */
  constructor(exactBytes?: number) {
    this.#isExact = exactBytes !== undefined;
    this.#buffer =
      exactBytes === undefined
        ? (spareBuffers.pop() ?? new Uint8Array(spareBytes))
        : new Uint8Array(exactBytes);
  }

  /** Reserves `count` bytes; returns their offset. */
  #reserve(count: number): number {
    const start = this.#length;
    this.#length += count;
    if (this.#length > this.#buffer.length) {
      const grown = new Uint8Array(Math.max(this.#length, 2 * this.#buffer.length));
      grown.set(this.#buffer.subarray(0, start));
      this.#buffer = grown;
    }
    return start;
  }

  #number(count: 1 | 2 | 4 | 8, value: number): this {
    if (!Number.isSafeInteger(value) || value < 0 || value >= 2 ** (count * 8))
      throw outOfRange(count, value);
    const start = this.#reserve(count);
    let rest = value;
    for (let i = start + count - 1; i >= start; i--) {
      this.#buffer[i] = rest;
      rest = Math.floor(rest / 256);
    }
    return this;
  }

  #big(count: 8 | 16, value: bigint): this {
    if (value < 0n || value >> BigInt(count * 8) !== 0n) throw outOfRange(count, value);
    const start = this.#reserve(count);
    const view = new DataView(this.#buffer.buffer);
    let rest = value;
    for (let i = start + count - 8; i >= start; i -= 8) {
      view.setBigUint64(i, rest); // the lower 64 bits
      rest >>= 64n;
    }
    return this;
  }

  u8(value: number): this {
    return this.#number(1, value);
  }

  u16(value: number): this {
    return this.#number(2, value);
  }

  u32(value: number): this {
    return this.#number(4, value);
  }

  u64(value: number | bigint): this {
    return typeof value === "bigint" ? this.#big(8, value) : this.#number(8, value);
  }

  u128(value: bigint): this {
    return this.#big(16, value);
  }

  bytes(value: Uint8Array, count = value.length): this {
    if (value.length !== count) throw new RangeError(`expected ${count} bytes, actual ${value.length}`);
    const start = this.#reserve(count);
    this.#buffer.set(value, start);
    return this;
  }

  /** Appends the `count` bytes of a `0x…` string. */
  hex(value: string, count: number): this {
    if (value.length !== 2 + 2 * count || !value.startsWith("0x")) {
      throw new RangeError(`expected 0x and ${count} bytes of hex, actual "${value}"`);
    }
    const start = this.#reserve(count);
    readHex(value, 2, this.#buffer, start, count);
    return this;
  }

  /** Returns the written bytes. The writer cannot be used afterwards. */
  finish(): Uint8Array {
    const isFull = this.#isExact && this.#length === this.#buffer.length;
    const written = isFull ? this.#buffer : copyOf(this.#buffer, 0, this.#length);
    const spare = !isFull && this.#buffer.length === spareBytes && spareBuffers.length < maxSpareBuffers;
    if (spare) spareBuffers.push(this.#buffer);
    this.#buffer = nothing;
    this.#length = 0;
    return written;
  }
}

const nothing = new Uint8Array(0);

function outOfRange(count: number, value: number | bigint): RangeError {
  return new RangeError(`expected an unsigned ${count * 8}-bit integer, actual ${value}`);
}

export function concatBytes(...parts: Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    out.set(part, offset);
    offset += part.length;
  }
  return out;
}

/** Longer than the buffers that short values share. */
const leastReleased = 256 * 1024;

/**
 * Gives the memory of a long buffer back now: the garbage collector would find it late, and by a collection of the whole heap. Neither `bytes` nor
 * another view of its buffer can be used afterwards. A short buffer stays.
 */
export function release({ buffer }: Uint8Array): void {
  if (buffer instanceof ArrayBuffer && buffer.byteLength >= leastReleased) buffer.transfer(0);
}

export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** Lower-case `0x…` form. */
export function toHex(bytes: Uint8Array): `0x${string}` {
  return hexOf(bytes, 0, bytes.length);
}

/** The two hex digits of each byte, in memory order. */
const digitPairs = new Uint16Array(
  new TextEncoder().encode(
    Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0")).join(""),
  ).buffer,
);

const prefixPair = new Uint16Array(new TextEncoder().encode("0x").buffer)[0] as number;

/** Assembles the text in one buffer: a concatenated string is copied again at its first use. */
function hexOf(bytes: Uint8Array, start: number, end: number): `0x${string}` {
  const { pairs, text } = textEngine();
  const count = end - start;
  if (count >= pairs.length) {
    const middle = start + pairs.length - 1;
    return `${hexOf(bytes, start, middle)}${hexOf(bytes, middle, end).slice(2)}`;
  }
  pairs[0] = prefixPair;
  for (let i = 0; i < count; i++) pairs[i + 1] = digitPairs[bytes[start + i] as number] as number;
  return text(2 + 2 * count) as `0x${string}`;
}

/** Value of each hex digit by character code, −1 for other characters. */
const digitValues = new Int8Array(128).fill(-1);
for (const [value, digit] of [..."0123456789abcdef"].entries()) {
  digitValues[digit.charCodeAt(0)] = value;
  digitValues[digit.toUpperCase().charCodeAt(0)] = value;
}

/** Decodes `count` bytes of `hex` from character `from` on into `out`. @throws RangeError if a character is no hex digit */
export function readHex(hex: string, from: number, out: Uint8Array, at: number, count: number): void {
  for (let i = 0, c = from; i < count; i++, c += 2) {
    const high = digitValues[hex.charCodeAt(c)] ?? -1;
    const low = digitValues[hex.charCodeAt(c + 1)] ?? -1;
    if (high < 0 || low < 0) throw new RangeError(`expected hex digits, actual "${hex}"`);
    out[at + i] = (high << 4) | low;
  }
}

/** Decodes a `0x…` string. @throws RangeError if it is not 0x and an even number of hex digits, or not `count` bytes long */
export function fromHex(hex: string, count?: number): Uint8Array {
  if (!hex.startsWith("0x") || hex.length % 2 !== 0) {
    throw new RangeError(`expected 0x and hex digits, actual "${hex}"`);
  }
  const out = new Uint8Array(hex.length / 2 - 1);
  if (count !== undefined && out.length !== count) {
    throw new RangeError(`expected ${count} bytes of hex, actual ${out.length}`);
  }
  readHex(hex, 2, out, 0, out.length);
  return out;
}
