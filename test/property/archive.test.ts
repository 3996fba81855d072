import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { canonicalText } from "../../archive/canonical.ts";
import { canonicalBytes, decodeManifest, readArchive } from "../../archive/manifest.ts";
import { fileNamed, manifestOf } from "../support/archive/manifests.ts";

/** The same value with the keys of all objects in another order. */
function shuffled(value: unknown, seed: number): unknown {
  if (Array.isArray(value)) return value.map((one) => shuffled(one, seed));
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).map(([key, field]) => [key, shuffled(field, seed + 1)] as const);
  const at = seed % Math.max(1, entries.length);
  return Object.fromEntries([...entries.slice(at), ...entries.slice(0, at)].reverse());
}

const words = fc.string({ minLength: 1, maxLength: 40 }).filter((text) => !/\p{Cc}/u.test(text));
const parts = fc.stringMatching(/^[a-zA-Z0-9_äß日.-]{1,30}$/).filter((part) => !/^\.{1,2}$/.test(part));
const names = fc.uniqueArray(
  fc.array(parts, { minLength: 1, maxLength: 3 }).map((path) => path.join("/")),
  { maxLength: 12 },
);

const manifests = fc
  .record({
    names,
    title: words,
    description: fc.string({ maxLength: 80 }),
    statement: words,
    url: fc.webUrl(),
  })
  .map(({ names: all, title, description, statement, url }) => {
    const free = all.filter(
      (name) => name !== "manifest" && !all.some((other) => other !== name && other.startsWith(`${name}/`)),
    );
    const files = free.map((name) => fileNamed(name, { sources: [{ url: `${url.split("#")[0]}` }] }));
    const attestations = free.slice(0, 1).map((about) => ({ about, by: title, statement }));
    return manifestOf(files, { title, description: description.replaceAll(/\p{Cc}/gu, " "), attestations });
  });

describe("a manifest", () => {
  it("is read back from its canonical bytes as it was", () => {
    fc.assert(
      fc.property(manifests, (manifest) => {
        expect(decodeManifest(canonicalBytes(manifest))).toEqual({ ok: true, value: manifest });
      }),
    );
  });

  it("has the same canonical bytes whatever the order of its keys", () => {
    fc.assert(
      fc.property(manifests, fc.nat(1_000), (manifest, seed) => {
        const text = JSON.stringify(
          { signatures: [], manifest: shuffled(manifest, seed) },
          undefined,
          seed % 3,
        );
        const read = readArchive(new TextEncoder().encode(text));
        expect(read.ok && canonicalBytes(read.value.manifest)).toEqual(canonicalBytes(manifest));
      }),
    );
  });
});

describe("the canonical text", () => {
  it("of any JSON value parses to that value, and depends on the value alone", () => {
    const json = fc.letrec((tie) => ({
      value: fc.oneof(
        { depthSize: "small" },
        fc.constant(null),
        fc.boolean(),
        fc.maxSafeInteger(),
        fc.string({ unit: "grapheme" }),
        fc.array(tie("value"), { maxLength: 4 }),
        fc.dictionary(fc.string({ unit: "grapheme" }), tie("value"), { maxKeys: 4, noNullPrototype: true }),
      ),
    })).value;
    fc.assert(
      fc.property(json, fc.nat(100), (value, seed) => {
        const text = canonicalText(value);
        expect(JSON.parse(text)).toEqual(value);
        expect(canonicalText(shuffled(value, seed))).toBe(text);
      }),
    );
  });

  it("sorts keys by their UTF-16 code units, as RFC 8785 demands", () => {
    const value = { "\u20ac": 1, "\r": 2, "\ufb33": 3, "1": 4, "\u{1f600}": 5, "\u0080": 6, "\u00f6": 7 };
    expect(Object.keys(JSON.parse(canonicalText(value)) as object)).toHaveLength(7);
    expect(canonicalText(value)).toBe(
      '{"\\r":2,"1":4,"\u0080":6,"\u00f6":7,"\u20ac":1,"\u{1f600}":5,"\ufb33":3}',
    );
  });

  it("does not exist for fractions, lone surrogates and what is no JSON", () => {
    for (const bad of [0.5, Number.NaN, 2 ** 53, "\ud800", { "\udfff": 1 }, () => 1, 1n]) {
      expect(() => canonicalText(bad)).toThrow(RangeError);
    }
  });
});
