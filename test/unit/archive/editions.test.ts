import { describe, expect, it } from "vitest";
import { chainFaults, chainOf, diffEditions } from "../../../archive/editions.ts";
import { canonicalBytes, manifestRoot } from "../../../archive/manifest.ts";
import type { Manifest } from "../../../archive/schema.ts";
import type { Hex } from "../../../protocol/hash.ts";
import { fileNamed, manifestOf } from "../../support/archive/manifests.ts";

const rootOf = (manifest: Manifest) => manifestRoot(canonicalBytes(manifest));
const [a, b, c] = ["a", "b", "c"].map((name) => fileNamed(name)) as [
  ReturnType<typeof fileNamed>,
  ReturnType<typeof fileNamed>,
  ReturnType<typeof fileNamed>,
];
const first = manifestOf([a, b]);
const after = (before: Manifest, files: Parameters<typeof manifestOf>[0], changes: Partial<Manifest> = {}) =>
  manifestOf(files, { edition: before.edition + 1, previous: rootOf(before), ...changes });
const gone = (file: typeof a) => ({ name: file.name, root: file.root, reason: "the host closed" });

describe("the difference of two editions", () => {
  it("lists what was added, dropped with its reason, and changed", () => {
    const source = { url: "https://example.org/a" };
    const attestation = { about: "a", by: "Ada", statement: "I made it" };
    const second = after(first, [{ ...a, sources: [source], priority: 9 }, c], {
      dropped: [gone(b)],
      attestations: [attestation],
    });
    expect(diffEditions(first, second)).toEqual({
      added: [c],
      dropped: [gone(b)],
      changed: [{ name: "a", fields: ["sources", "priority"] }],
      attestationsAdded: [attestation],
      attestationsRemoved: [],
      faults: [],
    });
    const terms = { licence: "MIT", derivedFrom: { file: "b", by: "verify_transform" } };
    expect(diffEditions(first, after(first, [{ ...a, ...terms }, b])).changed).toEqual([
      { name: "a", fields: ["licence", "derivedFrom"] },
    ]);
    const moved = {
      ...second.collections[0],
      name: "other",
      files: [a, b],
    } as (typeof second.collections)[0];
    expect(diffEditions(first, after(first, [], { collections: [moved] })).changed).toEqual([
      { name: "a", fields: ["collection"] },
      { name: "b", fields: ["collection"] },
    ]);
  });

  it("refuses a file that is dropped silently, or whose bytes are others", () => {
    expect(diffEditions(first, after(first, [a])).faults).toEqual([
      `b is not in this edition: expected it in dropped with root ${b.root} and a reason`,
    ]);
    const other = { ...b, root: c.root };
    expect(diffEditions(first, after(first, [a, other])).faults[0]).toContain(
      "b has other bytes than before",
    );
    expect(diffEditions(first, after(first, [a, other], { dropped: [gone(b)] })).faults).toEqual([]);
    // The same root with another size or hash is no edition either.
    for (const change of [{ bytes: b.bytes + 1 }, { sha256: c.sha256 }, { blake2b: c.blake2b }]) {
      const changed = [a, { ...b, ...change }];
      expect(diffEditions(first, after(first, changed)).faults[0]).toContain("other bytes");
      expect(diffEditions(first, after(first, changed, { dropped: [gone(b)] })).faults).toHaveLength(1);
    }
    expect(diffEditions(first, after(first, [a, b], { dropped: [gone(c)] })).faults[0]).toContain(
      "dropped names c",
    );
    expect(
      diffEditions(first, after(first, [a], { dropped: [{ ...gone(b), root: c.root }] })).faults,
    ).toHaveLength(2);
  });

  it("refuses a wrong number and a wrong root of the edition before", () => {
    expect(diffEditions(first, after(first, [a, b], { edition: 3 })).faults).toEqual([
      "edition: expected 2, actual 3",
    ]);
    expect(diffEditions(first, after(first, [a, b], { previous: a.root })).faults).toEqual([
      `previous: expected ${rootOf(first)}, actual ${a.root}`,
    ]);
  });
});

describe("a chain of editions", () => {
  const second = after(first, [a, b, c]);
  const third = after(second, [a, c], { dropped: [gone(b)] });

  it("is whole in any order, and not with one missing, twice, or out of its place", () => {
    expect(chainFaults([third, first, second])).toEqual([]);
    expect(chainFaults([first, third])).toEqual(["edition 2 is missing: its root is named by edition 3"]);
    expect(chainFaults([first, second, { ...second, title: "Another" }])[0]).toBe("edition 2 is given twice");
    const other = manifestOf([a, b], { title: "Another archive" });
    expect(chainFaults([other, second])[0]).toContain("edition 2: previous: expected");
  });

  it("is followed from its last root to edition 1; a cycle, a gap and a wrong number are refused", () => {
    const known = new Map([first, second, third].map((one) => [rootOf(one), one]));
    expect(chainOf(rootOf(third), known)).toEqual({ chain: [first, second, third], fault: undefined });
    known.delete(rootOf(second));
    expect(chainOf(rootOf(third), known).fault).toBe(`the manifest with root ${rootOf(second)} is missing`);
    // Roots that an index claims, though no bytes have them.
    const [x, y] = [a.root, b.root] as [Hex, Hex];
    const cyclic = new Map<Hex, Manifest>([
      [x, { ...second, edition: 3, previous: y }],
      [y, { ...second, edition: 2, previous: x }],
    ]);
    expect(chainOf(x, cyclic).fault).toBe(`the editions form a cycle at root ${x}`);
    cyclic.set(y, { ...second, edition: 1, previous: null });
    expect(chainOf(x, cyclic).fault).toBe("edition 3 follows edition 1");
    expect(chainOf(x, new Map([[x, { ...second, previous: x }]])).fault).toBe(
      `the editions form a cycle at root ${x}`,
    );
  });
});
