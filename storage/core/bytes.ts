import { accept, reject } from "./result.ts";
import type { Result } from "./result.ts";

/** Why a byte string is not the canonical form of a message. */
export type DecodeCode = "too-large" | "truncated" | "trailing" | "version" | "range" | "order";

class DecodeFailure extends Error {
  readonly code: DecodeCode;
  constructor(code: DecodeCode, detail: string) {
    super(detail);
    this.code = code;
  }
}

/** Reads big-endian fields from the front; running out of bytes is a typed rejection of `decode`. */
export class ByteReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #offset = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
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

  u8(what: string): number {
    return this.#view.getUint8(this.#take(1, what));
  }

  u16(what: string): number {
    return this.#view.getUint16(this.#take(2, what));
  }

  u32(what: string): number {
    return this.#view.getUint32(this.#take(4, what));
  }

  /** An unsigned 64-bit field that must be a safe integer (block numbers, slots, sizes, leaf indices). */
  u64(what: string): number {
    const value = this.#view.getBigUint64(this.#take(8, what));
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) {
      this.fail("range", `${what}: expected at most ${Number.MAX_SAFE_INTEGER}, actual ${value}`);
    }
    return Number(value);
  }

  u64Big(what: string): bigint {
    return this.#view.getBigUint64(this.#take(8, what));
  }

  u128(what: string): bigint {
    const high = this.u64Big(what);
    return (high << 64n) | this.u64Big(what);
  }

  /** A copy, so that a decoded message does not keep the receive buffer alive. */
  bytes(count: number, what: string): Uint8Array {
    const start = this.#take(count, what);
    return this.#bytes.slice(start, start + count);
  }

  fail(code: DecodeCode, detail: string): never {
    throw new DecodeFailure(code, detail);
  }
}

/** Runs `read` over `bytes`; whatever is malformed, left over or too large comes back as a rejection. */
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

/** Appends big-endian fields. Out-of-range values are a bug of the caller and throw a RangeError. */
export class ByteWriter {
  readonly #parts: Uint8Array[] = [];

  #number(count: 1 | 2 | 4 | 8 | 16, value: number | bigint): this {
    const field = BigInt(value);
    if (field < 0n || field >= 1n << BigInt(count * 8)) {
      throw new RangeError(`expected an unsigned ${count * 8}-bit integer, actual ${value}`);
    }
    const out = new Uint8Array(count);
    let rest = field;
    for (let i = count - 1; i >= 0; i--) {
      out[i] = Number(rest & 0xffn);
      rest >>= 8n;
    }
    this.#parts.push(out);
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
    return this.#number(8, value);
  }

  u128(value: bigint): this {
    return this.#number(16, value);
  }

  bytes(value: Uint8Array, count = value.length): this {
    if (value.length !== count) throw new RangeError(`expected ${count} bytes, actual ${value.length}`);
    this.#parts.push(value);
    return this;
  }

  finish(): Uint8Array {
    return concatBytes(...this.#parts);
  }
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

export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

/** Lower-case `0x…` form. */
export function toHex(bytes: Uint8Array): `0x${string}` {
  let out: `0x${string}` = "0x";
  for (const byte of bytes) out += HEX[byte];
  return out;
}

/** Bytes of a `0x…` string of exactly `count` bytes; throws a RangeError on anything else. */
export function fromHex(hex: string, count?: number): Uint8Array {
  if (!/^0x(?:[0-9a-fA-F]{2})*$/.test(hex))
    throw new RangeError(`expected 0x and hex digits, actual "${hex}"`);
  const out = new Uint8Array(hex.length / 2 - 1);
  if (count !== undefined && out.length !== count) {
    throw new RangeError(`expected ${count} bytes of hex, actual ${out.length}`);
  }
  for (let i = 0; i < out.length; i++) out[i] = Number.parseInt(hex.slice(2 + i * 2, 4 + i * 2), 16);
  return out;
}
