/**
 * Keccak-256. A keeper hashes more than it does anything else but BLS, and 64-bit rotations are dear in JavaScript, which
 * has none: the permutation is assembled here for WebAssembly, whose words are 64 bits. Ten times as fast as a pure one.
 */
import { toHex } from "../storage/core/bytes.ts";

const lanes = 25;
const rounds = 24;
/** Of SHA-3's parameters those with 256 bits out: bytes absorbed at a time. */
const rateBytes = 136;
const stateBytes = 8 * lanes;
const digestBytes = 32;

/** Memory: state, then the round constants, then what is hashed. */
const constantsAt = stateBytes;
const inputAt = constantsAt + 8 * rounds;
/** Blocks that are written at a time; with the rest they fit the 64 KiB of memory that the module has. */
const inputBlocks = 128;

// Instructions of the WebAssembly core specification, those needed.
const op = {
  loop: [0x03, 0x40],
  end: [0x0b],
  repeatIf: [0x0d, 0x00],
  get: (local: number) => [0x20, ...unsigned(local)],
  set: (local: number) => [0x21, ...unsigned(local)],
  tee: (local: number) => [0x22, ...unsigned(local)],
  load: (offset: number) => [0x29, 0x03, ...unsigned(offset)],
  store: (offset: number) => [0x37, 0x03, ...unsigned(offset)],
  address: (value: number) => [0x41, ...signed(value)],
  word: (value: number) => [0x42, ...signed(value)],
  lessThan: [0x49],
  add: [0x6a],
  and: [0x83],
  xor: [0x85],
  rotateLeft: [0x89],
} as const;

function unsigned(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...unsigned(value >>> 7)];
}

function signed(value: number): number[] {
  return value >= -0x40 && value < 0x40 ? [value & 0x7f] : [(value & 0x7f) | 0x80, ...signed(value >> 7)];
}

/** By lane x + 5y: how far rho turns it. */
function rotations(): number[] {
  const turns = Array<number>(lanes).fill(0);
  for (let t = 0, x = 1, y = 0; t < rounds; t++) {
    turns[x + 5 * y] = (((t + 1) * (t + 2)) / 2) % 64;
    [x, y] = [y, (2 * x + 3 * y) % 5];
  }
  return turns;
}

/** Iota's constants: bits 2^j − 1 from a linear feedback register. */
function roundConstants(): bigint[] {
  let register = 1;
  return Array.from({ length: rounds }, () => {
    let constant = 0n;
    for (let j = 0; j <= 6; j++) {
      if ((register & 1) === 1) constant |= 1n << BigInt(2 ** j - 1);
      register <<= 1;
      if (register > 0xff) register ^= 0x171;
    }
    return constant;
  });
}

// Locals: where the block begins, an offset into the round constants, the lanes before and after rho and pi, the columns'
// parities, one term.
const block = 0;
const offset = 1;
const before = (lane: number): number => 2 + lane;
const after = (lane: number): number => 2 + lanes + lane;
const parity = (column: number): number => 2 + 2 * lanes + column;
const term = 2 + 2 * lanes + 5;
const wordLocals = 2 * lanes + 5 + 1;

function theta(): number[] {
  const code: number[] = [];
  for (let x = 0; x < 5; x++) {
    code.push(...op.get(before(x)));
    for (let y = 1; y < 5; y++) code.push(...op.get(before(x + 5 * y)), ...op.xor);
    code.push(...op.set(parity(x)));
  }
  return code;
}

/** Theta's term is added on the way. */
function rhoAndPi(): number[] {
  const code: number[] = [];
  const turns = rotations();
  for (let x = 0; x < 5; x++) {
    code.push(...op.get(parity((x + 4) % 5)), ...op.get(parity((x + 1) % 5)));
    code.push(...op.word(1), ...op.rotateLeft, ...op.xor, ...op.set(term));
    for (let y = 0; y < 5; y++) {
      const lane = x + 5 * y;
      code.push(...op.get(before(lane)), ...op.get(term), ...op.xor);
      code.push(...op.word(turns[lane] as number), ...op.rotateLeft);
      code.push(...op.set(after(y + 5 * ((2 * x + 3 * y) % 5))));
    }
  }
  return code;
}

function chiAndIota(): number[] {
  const code: number[] = [];
  for (let lane = 0; lane < lanes; lane++) {
    const row = lane - (lane % 5);
    const next = after(row + ((lane + 1) % 5));
    const afterNext = after(row + ((lane + 2) % 5));
    code.push(...op.get(after(lane)), ...op.get(next), ...op.word(-1), ...op.xor);
    code.push(...op.get(afterNext), ...op.and, ...op.xor);
    if (lane === 0) code.push(...op.get(offset), ...op.load(constantsAt), ...op.xor);
    code.push(...op.set(before(lane)));
  }
  return code;
}

/** Absorbs a block in memory into the state in memory. */
function absorbCode(): number[] {
  const code: number[] = [];
  for (let lane = 0; lane < lanes; lane++) {
    code.push(...op.address(0), ...op.load(8 * lane));
    if (8 * lane < rateBytes) code.push(...op.get(block), ...op.load(8 * lane), ...op.xor);
    code.push(...op.set(before(lane)));
  }
  code.push(...op.address(0), ...op.set(offset), ...op.loop, ...theta(), ...rhoAndPi(), ...chiAndIota());
  code.push(...op.get(offset), ...op.address(8), ...op.add, ...op.tee(offset));
  code.push(...op.address(8 * rounds), ...op.lessThan, ...op.repeatIf, ...op.end);
  for (let lane = 0; lane < lanes; lane++) {
    code.push(...op.address(0), ...op.get(before(lane)), ...op.store(8 * lane));
  }
  return code;
}

/** "\0asm", version 1. */
const magic = [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00];

/** A module that exports its memory "m" and one function "f", which takes the address of a block. */
function assemble(): Uint8Array<ArrayBuffer> {
  const section = (id: number, content: readonly number[]): number[] => [
    id,
    ...unsigned(content.length),
    ...content,
  ];
  const [i32, i64] = [0x7f, 0x7e];
  const body = [2, 1, i32, ...unsigned(wordLocals), i64, ...absorbCode(), ...op.end];
  return Uint8Array.from([
    ...magic,
    ...section(1, [1, 0x60, 1, i32, 0]),
    ...section(3, [1, 0]),
    ...section(5, [1, 0, 1]),
    ...section(7, [2, 1, 0x6d, 2, 0, 1, 0x66, 0, 0]),
    ...section(10, [1, ...unsigned(body.length), ...body]),
  ]);
}

/** The part of the platform's type that is used here; the project's libraries have none of it. */
declare const WebAssembly: {
  readonly Module: new (code: Uint8Array<ArrayBuffer>) => object;
  readonly Instance: new (module: object) => {
    readonly exports: { readonly m: { readonly buffer: ArrayBuffer }; readonly f: (block: number) => void };
  };
};

const { m: memory, f: absorb } = new WebAssembly.Instance(new WebAssembly.Module(assemble())).exports;
new BigUint64Array(memory.buffer, constantsAt, rounds).set(roundConstants());
const state = new Uint8Array(memory.buffer, 0, stateBytes);
const digestView = state.subarray(0, digestBytes);

/** What is hashed is written here; who has little to hash and much to make it of may write it here at once. */
export const hashInput = new Uint8Array(memory.buffer, inputAt, inputBlocks * rateBytes);

/** keccak256, 32 bytes. */
export function keccak256(data: Uint8Array): Uint8Array {
  hash(data);
  return digest();
}

/** keccak256 as lower-case hex with 0x, the form in which nearly all hashes are wanted. */
export function keccak256Hex(data: Uint8Array): `0x${string}` {
  hash(data);
  return digestHex();
}

/** Hashes the first `length` bytes of `hashInput`, of which there has to be at least one more; the digest is asked for next. */
export function hashOfInput(length: number): void {
  state.fill(0);
  absorbLast(length);
}

/** Hashes `data`; the digest is asked for next. */
export function hash(data: Uint8Array): void {
  state.fill(0);
  let at = 0;
  for (; data.length - at >= hashInput.length; at += hashInput.length) {
    hashInput.set(data.subarray(at, at + hashInput.length));
    absorbBlocks(inputBlocks);
  }
  hashInput.set(at === 0 ? data : data.subarray(at));
  absorbLast(data.length - at);
}

/** With Keccak's padding, which always has room: what fills the input whole was absorbed before. */
function absorbLast(length: number): void {
  const blocks = Math.floor(length / rateBytes) + 1;
  const end = blocks * rateBytes;
  hashInput.fill(0, length, end);
  hashInput[length] = 0x01;
  hashInput[end - 1] = (hashInput[end - 1] as number) | 0x80;
  absorbBlocks(blocks);
}

function absorbBlocks(blocks: number): void {
  for (let i = 0; i < blocks; i++) absorb(inputAt + i * rateBytes);
}

/** Of what was hashed last. */
export function digest(): Uint8Array {
  return state.slice(0, digestBytes);
}

/** Of what was hashed last, written to `out` from byte `at` on. */
export function digestInto(out: Uint8Array, at: number): void {
  out.set(digestView, at);
}

/** Of what was hashed last. */
export function digestHex(): `0x${string}` {
  return toHex(digestView);
}
