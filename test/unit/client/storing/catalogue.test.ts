import { computeAddress } from "ethers";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  changedCatalogue,
  decodeCatalogue,
  emptyCatalogue,
  encodeCatalogue,
  maxCatalogueBytes,
  nameFault,
  newestCatalogue,
  type Catalogue,
  type CatalogueItem,
} from "../../../../client/storing/catalogue.ts";

const addresses = Array.from({ length: 41 }, (_, i) =>
  computeAddress(`0x${(i + 1).toString(16).padStart(64, "0")}`),
);
const provider = (i: number): string => addresses[i] as string;
const hash = (i: number) => `0x${i.toString(16).padStart(64, "0")}`;

const item = (name: string, change: Partial<CatalogueItem> = {}): CatalogueItem => ({
  name,
  kind: "file",
  bytes: 5,
  modified_us: 1_700_000_000_123,
  fingerprint: hash(7),
  isPublic: false,
  wanted: 1,
  copies: [{ provider: provider(0), root: hash(1), bytes: 205 }],
  ...change,
});

const names = fc
  .string({ unit: "grapheme", minLength: 1, maxLength: 20 })
  .filter((name) => nameFault(name) === undefined);
const items = fc.record({
  name: names,
  kind: fc.constantFrom("file" as const, "folder" as const),
  bytes: fc.maxSafeNat(),
  modified_us: fc.integer({ min: -(2 ** 50), max: 2 ** 50 }),
  fingerprint: fc.nat().map(hash),
  isPublic: fc.boolean(),
  wanted: fc.integer({ min: 1, max: 256 }),
  copies: fc.uniqueArray(
    fc.record({
      provider: fc.nat(40).map(provider),
      root: fc.nat().map(hash),
      bytes: fc.integer({ min: 1 }),
    }),
    { selector: (copy) => copy.provider, maxLength: 6 },
  ),
});
const catalogues: fc.Arbitrary<Catalogue> = fc.record({
  sequence: fc.maxSafeNat(),
  items: fc.uniqueArray(items, { selector: ({ name }) => name, maxLength: 8 }),
});

/** The reader's document with one change. */
function forged(change: (document: Record<string, unknown>) => void): Uint8Array {
  const document = JSON.parse(new TextDecoder().decode(encodeCatalogue({ sequence: 3, items: [item("a")] })));
  change(document);
  return new TextEncoder().encode(JSON.stringify(document));
}
const firstOf = (document: Record<string, unknown>) =>
  (document["items"] as Record<string, unknown>[])[0] ?? {};

describe("the catalogue", () => {
  it("is read back, and has one form for the same content in any order", () => {
    fc.assert(
      fc.property(catalogues, (catalogue) => {
        const bytes = encodeCatalogue(catalogue);
        const reversed = {
          ...catalogue,
          items: [...catalogue.items].reverse().map((one) => ({ ...one, copies: [...one.copies].reverse() })),
        };
        expect(encodeCatalogue(reversed)).toEqual(bytes);
        const read = decodeCatalogue(bytes);
        if (!read.ok) throw new Error(read.detail);
        expect(encodeCatalogue(read.value)).toEqual(bytes);
        expect(new Set(read.value.items)).toEqual(new Set(read.value.items.map((one) => one)));
        expect(read.value.items.map(({ name }) => name).toSorted()).toEqual(
          catalogue.items.map(({ name }) => name).toSorted(),
        );
      }),
      { numRuns: 200 },
    );
  });

  it("never throws on any bytes", () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.uint8Array(),
          fc.json().map((text) => new TextEncoder().encode(text)),
        ),
        (bytes) => {
          expect(decodeCatalogue(bytes).ok).toBe(false);
        },
      ),
      { numRuns: 300 },
    );
  });

  it.each<[string, (document: Record<string, unknown>) => void, RegExp]>([
    ["another version", (d) => (d["version"] = 2), /version: expected 1, actual 2/],
    ["an unknown field", (d) => (d["extra"] = 1), /expected version, sequence and items/],
    ["a sequence below 0", (d) => (d["sequence"] = -1), /sequence/],
    ["a name with a path", (d) => (firstOf(d)["name"] = "../a"), /no slash/],
    ["two dots as name", (d) => (firstOf(d)["name"] = ".."), /name of a file/],
    ["the catalogue's own name", (d) => (firstOf(d)["name"] = "catalogue"), /the catalogue itself/],
    ["half a character", (d) => (firstOf(d)["name"] = "\ud800"), /Unicode/],
    [
      "a name that is too long",
      (d) => (firstOf(d)["name"] = "é".repeat(128)),
      /at most 255 bytes, actual 256/,
    ],
    ["an item twice", (d) => (d["items"] as unknown[]).push(firstOf(d)), /twice/],
    ["a negative size", (d) => (firstOf(d)["bytes"] = -5), /bytes/],
    ["another kind", (d) => (firstOf(d)["kind"] = "link"), /kind/],
    ["no copies wanted", (d) => (firstOf(d)["wanted"] = 0), /wanted/],
    [
      "a copy of 0 bytes",
      (d) => (firstOf(d)["copies"] = [{ provider: provider(1), root: hash(1), bytes: 0 }]),
      /its bytes/,
    ],
    [
      "a copy without a provider",
      (d) => (firstOf(d)["copies"] = [{ provider: "x", root: hash(1), bytes: 1 }]),
      /address/,
    ],
  ])("refuses %s", (_, change, why) => {
    const read = decodeCatalogue(forged(change));
    expect(read).toMatchObject({ ok: false, code: "malformed" });
    expect((read as { detail: string }).detail).toMatch(why);
  });

  it("refuses another spacing, another order, and an address in lower case: one content, one form", () => {
    const document = JSON.parse(new TextDecoder().decode(forged(() => {})));
    const encode = (value: unknown, space?: number) =>
      new TextEncoder().encode(JSON.stringify(value, undefined, space));
    for (const bytes of [
      encode(document, 1),
      encode({ items: document.items, sequence: 3, version: 1 }),
      forged(
        (d) => (firstOf(d)["copies"] = [{ provider: provider(1).toLowerCase(), root: hash(1), bytes: 1 }]),
      ),
    ]) {
      expect(decodeCatalogue(bytes)).toMatchObject({ ok: false, code: "not-canonical" });
    }
  });

  it("is refused before it is parsed when it is too large", () => {
    expect(decodeCatalogue(new Uint8Array(maxCatalogueBytes + 1))).toMatchObject({
      ok: false,
      code: "too-large",
    });
  });
});

describe("changes and the newest", () => {
  it("put, replace and remove items under the next sequence", () => {
    const one = changedCatalogue(emptyCatalogue, { put: [item("b"), item("a")] });
    expect(one).toEqual({ sequence: 1, items: [item("a"), item("b")] });
    const two = changedCatalogue(one, { put: [item("b", { bytes: 9 })], remove: ["a"] });
    expect(two).toEqual({ sequence: 2, items: [item("b", { bytes: 9 })] });
  });

  it("has the highest sequence, and every machine takes the same of two equal ones", () => {
    fc.assert(
      fc.property(fc.array(catalogues, { minLength: 1, maxLength: 5 }), fc.boolean(), (found, equal) => {
        const all = equal ? found.map((one) => ({ ...one, sequence: 4 })) : found;
        const best = newestCatalogue(all);
        const again = newestCatalogue([...all].reverse());
        if (best === undefined || again === undefined) throw new Error("nothing found");
        expect(best.sequence).toBe(Math.max(...all.map(({ sequence }) => sequence)));
        expect(encodeCatalogue(best)).toEqual(encodeCatalogue(again));
      }),
    );
    expect(newestCatalogue([])).toBeUndefined();
  });
});
