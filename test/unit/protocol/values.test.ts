/** R17, R18: values of a keeper, their root, and the pages that carry them. */
import { describe, expect, it } from "vitest";
import { revealedRoot } from "../../../protocol/messages.ts";
import { pageBytes } from "../../../protocol/pinned.ts";
import {
  decodeValues,
  encodeValues,
  maxValuesInMessage,
  pageCount,
  valueBytes,
  valuePageHash,
  valuePages,
  valuesPerPage,
  valuesRoot,
} from "../../../protocol/values.ts";

const largest = 2n ** 128n - 1n;
const some = (count: number): bigint[] => Array.from({ length: count }, (_, i) => BigInt(i) << 70n);

describe("values", () => {
  it("decode to what was encoded, 16 bytes each", () => {
    const values = [0n, 1n, 2n ** 64n - 1n, 2n ** 64n, largest];
    expect(encodeValues(values)).toHaveLength(values.length * valueBytes);
    expect(decodeValues(encodeValues(values))).toEqual(values);
    // Bytes inside a larger buffer, as a message has them.
    const shifted = new Uint8Array(5 * valueBytes + 3);
    shifted.set(encodeValues(values), 3);
    expect(decodeValues(shifted.subarray(3))).toEqual(values);
  });

  it("beyond 128 bits are a bug of the caller, and a torn page holds none", () => {
    expect(() => encodeValues([largest + 1n])).toThrow(RangeError);
    expect(() => encodeValues([-1n])).toThrow(RangeError);
    expect(decodeValues(new Uint8Array(17))).toBeUndefined();
  });

  it("fill every page but the last, and a page fits those of an exchange", () => {
    for (const [count, expected] of [
      [0, []],
      [1, [1]],
      [valuesPerPage, [valuesPerPage]],
      [valuesPerPage + 1, [valuesPerPage, 1]],
    ] as const) {
      const pages = valuePages(some(count));
      expect(pages.map(({ length }) => length / valueBytes)).toEqual(expected);
      expect(pageCount(count)).toBe(expected.length);
    }
    expect(valuesPerPage * valueBytes).toBeLessThanOrEqual(pageBytes);
    expect(maxValuesInMessage).toBeLessThan(valuesPerPage);
  });

  it("have one root, whether a message or pages carry them", () => {
    for (const count of [0, 3, maxValuesInMessage, valuesPerPage + 5]) {
      const values = some(count);
      const pages = valuePages(values).map(valuePageHash);
      expect(revealedRoot({ kind: "pages", count, pages })).toBe(valuesRoot(values));
      expect(revealedRoot({ kind: "inline", values })).toBe(valuesRoot(values));
    }
  });

  it("have another root if a value, their order or their number changes", () => {
    const roots = [[], [0n], [0n, 0n], [1n, 2n], [2n, 1n], [1n, 3n]].map(valuesRoot);
    expect(new Set(roots).size).toBe(roots.length);
  });
});
