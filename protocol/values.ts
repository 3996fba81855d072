/**
 * The values of a keeper in a turn: space-time of each (group, provider), in the order of the scope (R17, R18). The root covers pages
 * of values, so that values which do not fit a message travel as pages that are named by their hashes.
 */
import { keccak, keccakTagged } from "./hash.ts";
import type { Hex } from "./hash.ts";

/** 16 bytes, big-endian. */
export const valueBytes = 16;
/** Values on a page of 512 KiB. */
export const valuesPerPage = 32_768;
/** Most values that a message carries itself: 64 KiB. */
export const maxValuesInMessage = 4_096;

const half = 64n;
const mask = (1n << half) - 1n;

/** The bytes of values, 16 each. @throws RangeError if one does not fit */
export function encodeValues(values: readonly bigint[]): Uint8Array {
  const out = new Uint8Array(values.length * valueBytes);
  const view = new DataView(out.buffer);
  values.forEach((value, i) => {
    if (value < 0n || value >> (2n * half) !== 0n)
      throw new RangeError(`value: expected a uint128, actual ${value}`);
    view.setBigUint64(i * valueBytes, value >> half);
    view.setBigUint64(i * valueBytes + 8, value & mask);
  });
  return out;
}

/** Values of a page; undefined if its length is no multiple of 16. */
export function decodeValues(bytes: Uint8Array): bigint[] | undefined {
  if (bytes.length % valueBytes !== 0) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return Array.from({ length: bytes.length / valueBytes }, (_, i) => {
    return (view.getBigUint64(i * valueBytes) << half) | view.getBigUint64(i * valueBytes + 8);
  });
}

/** Pages of values: every page but the last is full; no page without values. */
export function valuePages(values: readonly bigint[]): Uint8Array[] {
  const pages: Uint8Array[] = [];
  for (let at = 0; at < values.length; at += valuesPerPage) {
    pages.push(encodeValues(values.slice(at, at + valuesPerPage)));
  }
  return pages;
}

export function pageCount(values: number): number {
  return Math.ceil(values / valuesPerPage);
}

/** keccak256(0x03 ‖ abi.encode(count, page hashes…)) */
export function rootOfPages(count: number, pages: readonly Hex[]): Hex {
  return keccakTagged([3], [count, ...pages]);
}

/** R18: the root of a keeper's values. */
export function valuesRoot(values: readonly bigint[]): Hex {
  return rootOfPages(values.length, valuePages(values).map(valuePageHash));
}

export function valuePageHash(page: Uint8Array): Hex {
  return keccak(page);
}
