import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { canonicalText } from "../../../archive/canonical.ts";
import { archiveJsonSchema } from "../../../archive/json-schema.ts";
import {
  canonicalBytes,
  decodeManifest,
  manifestRoot,
  readArchive,
  readManifest,
} from "../../../archive/manifest.ts";
import { maxFiles, maxManifestBytes } from "../../../archive/schema.ts";
import { installFastHashes } from "../../../daemon/hashing/install.ts";
import { projectRoot } from "../../../scripts/paths.ts";
import { fileNamed, manifestOf } from "../../support/archive/manifests.ts";

installFastHashes();

const file = fileNamed("a/response_0001");
const root = `0x${"22".repeat(32)}` as const;

/** The refusal of a manifest, as one text. */
function refusal(value: unknown): string {
  const result = readManifest(value);
  return result.ok ? "accepted" : `${result.code}: ${result.detail}`;
}

const withName = (name: string) => manifestOf([{ ...file, name }]);

describe("names of files", () => {
  it.each([
    ["", "Too small"],
    ["../a", 'no part ".."'],
    ["a/../../b", 'no part ".."'],
    ["./a", 'no part "."'],
    ["a//b", "empty part"],
    ["a/", "empty part"],
    ["/etc/passwd", "relative path"],
    ["a\\b", "no backslash"],
    ["a\u0000b", "no control character"],
    ["a\u0085b", "no control character"],
    ["manifest", "the manifest itself"],
    ["e\u0301", "NFC"],
    ["\ud800", "valid Unicode"],
    ["x".repeat(256), "parts of at most 255 bytes, actual 256"],
    ["é".repeat(128), "parts of at most 255 bytes, actual 256"],
    [`${"x/".repeat(512)}y`, "Too big"],
    [`${"é/".repeat(341)}ée`, "at most 1024 bytes, actual 1026"],
  ])("%j is refused", (name, reason) => {
    expect(refusal(withName(name))).toContain(`form: collections[0].files[0].name: `);
    expect(refusal(withName(name))).toContain(reason);
  });

  it.each(["a", "..a", "a..", "...", "x".repeat(255), "é".repeat(127), "a b/ü/日本", `${"é/".repeat(341)}y`])(
    "%j is accepted",
    (name) => {
      expect(refusal(withName(name))).toBe("accepted");
    },
  );

  it("are unique over all collections, and none is the folder of another", () => {
    expect(refusal(manifestOf([file, file]))).toContain('"a/response_0001" appears twice');
    const collections = ["one", "two"].map((name) => ({ name, title: name, licence: "MIT", files: [file] }));
    expect(refusal(manifestOf([], { collections }))).toContain("appears twice");
    expect(refusal(manifestOf([fileNamed("a"), file]))).toContain('"a" is a file, and the folder of');
    expect(refusal(manifestOf([fileNamed("a/b/c/d"), fileNamed("a/b/c")]))).toContain('"a/b/c" is a file');
  });
});

describe("a manifest", () => {
  it("is refused with the place of the fault", () => {
    const good = manifestOf([file]);
    for (const [value, text] of [
      [null, "expected object"],
      [{ ...good, format: "whitepay-archive/2" }, 'format: Invalid input: expected "whitepay-archive/1"'],
      [{ ...good, surplus: 1 }, 'Unrecognized key: "surplus"'],
      [manifestOf([{ ...file, extra: 1 } as never]), 'Unrecognized key: "extra"'],
      [manifestOf([{ ...file, bytes: 0 }]), "files[0].bytes"],
      [manifestOf([{ ...file, bytes: 1.5 }]), "files[0].bytes"],
      [manifestOf([{ ...file, bytes: 2 ** 53 }]), "files[0].bytes"],
      [
        manifestOf([{ ...file, root: file.root.toUpperCase() as never }]),
        "files[0].root: expected 0x and 64",
      ],
      [manifestOf([{ ...file, blake2b: file.sha256 }]), "files[0].blake2b: expected 0x and 128"],
      [manifestOf([{ ...file, priority: 101 }]), "files[0].priority"],
      [{ ...good, created: "yesterday" }, "created: expected a time"],
      [{ ...good, created: "2026-02-30T00:00:00Z" }, "created: expected a time"],
      [{ ...good, title: "a\u001b[2J" }, "title: expected text without control characters"],
      [{ ...good, description: "a\u001b[2J" }, "description: expected text without control characters"],
      [{ ...good, collections: [{ ...good.collections[0], files: 3 }] }, "collections[0].files"],
      [{ ...good, edition: 2 }, "content: edition 2: expected the root of the edition before, actual null"],
      [{ ...good, previous: root }, "content: edition 1: expected previous null"],
      [
        { ...good, dropped: [{ name: "x", root, reason: "lost" }] },
        "content: edition 1: expected nothing in dropped",
      ],
      [
        {
          ...good,
          edition: 2,
          previous: root,
          dropped: [{ name: file.name, root: file.root, reason: "lost" }],
        },
        "is in the manifest",
      ],
      [
        {
          ...good,
          edition: 2,
          previous: root,
          dropped: ["lost", "closed"].map((reason) => ({ name: "x", root, reason })),
        },
        'content: dropped: "x" appears twice',
      ],
      [
        {
          ...good,
          collections: ["a", "b"].map((title) => ({ name: "one", title, licence: "MIT", files: [] })),
        },
        'content: collection "one" appears twice',
      ],
      [
        { ...good, attestations: [{ about: "nobody", by: "Ada", statement: "I made it" }] },
        'content: attestation about "nobody"',
      ],
    ] as const) {
      expect(refusal(value)).toContain(text);
    }
  });

  it("may have attestations about files that it drops", () => {
    const dropped = [{ name: "x", root, reason: "lost" }];
    const attestations = [{ about: "x", by: "Ada", statement: "I made it" }];
    const second = manifestOf([file], { edition: 2, previous: root, dropped, attestations });
    expect(refusal(second)).toBe("accepted");
  });

  it.each([
    "ftp://example.org/a",
    "http://user:secret@example.org/a",
    "http://user@example.org/a",
    "http://:secret@example.org/a",
    "https://example.org/a#part",
    "https://example.org/a b",
    "https://",
    `https://example.org/${"a".repeat(2_048)}`,
  ])("is refused with the source %s", (url) => {
    expect(refusal(manifestOf([{ ...file, sources: [{ url }] }]))).toContain("files[0].sources[0]");
  });

  it.each(["../a", "/etc/passwd", "a//b"])("is refused with a source in another archive named %s", (name) => {
    for (const source of [
      { manifest: root, name },
      { torrent: "12".repeat(20), path: name },
    ]) {
      expect(refusal(manifestOf([{ ...file, sources: [source] }]))).toContain("files[0].sources[0]");
    }
  });

  it("is refused if a file is derived from itself, from a chain that closes, or from no file", () => {
    const derived = (name: string, from: string) =>
      fileNamed(name, { priority: 0, derivedFrom: { file: from, by: "verify_transform" } });
    expect(refusal(manifestOf([derived("a", "a")]))).toContain("a is derived from itself");
    expect(refusal(manifestOf([derived("a", "b"), derived("b", "c"), derived("c", "b")]))).toMatch(
      /derived from itself/,
    );
    expect(refusal(manifestOf([derived("a", "b")]))).toContain(
      "derived from b, which is not in the manifest",
    );
    expect(refusal(manifestOf([{ ...derived("a", "b"), priority: 3 }, fileNamed("b")]))).toContain(
      "priority 0",
    );
    expect(refusal(manifestOf([derived("a", "b"), derived("b", "c"), fileNamed("c")]))).toBe("accepted");
  });

  it("with more than the most files is refused before anything else of it is looked at", () => {
    const many = Array.from({ length: maxFiles + 1 }, () => ({}));
    expect(refusal(manifestOf(many as never))).toBe(
      `form: files: expected at most ${maxFiles}, actual ${maxFiles + 1}`,
    );
  });

  it("with a fault in every file is refused at the first one", () => {
    const many = Array.from({ length: maxFiles }, () => ({}));
    expect(refusal(manifestOf(many as never))).toMatch(/^form: collections\[0\]\.files\[0\]/);
    const sources = Array.from({ length: 1_000_000 }, () => 0);
    expect(refusal(manifestOf([{ ...file, sources } as never]))).toContain("sources: expected at most 16");
  });
});

describe("the bytes of a manifest", () => {
  const good = manifestOf([file]);

  it("have sorted keys and no white space, and their piece root names the manifest", () => {
    const bytes = canonicalBytes(good);
    const text = new TextDecoder().decode(bytes);
    expect(text).toMatch(/^\{"attestations":\[\],"collections":\[\{"files":\[\{"blake2b":/);
    expect(decodeManifest(bytes)).toEqual({ ok: true, value: good });
    expect(manifestRoot(bytes)).toMatch(/^0x[0-9a-f]{64}$/);
    expect(canonicalText({ b: 1, a: undefined })).toBe('{"b":1}');
    expect(manifestRoot(canonicalBytes({ ...good, title: "Another" }))).not.toBe(manifestRoot(bytes));
  });

  it("are refused in any other form", () => {
    const encode = (text: string) => new TextEncoder().encode(text);
    expect(decodeManifest(encode(JSON.stringify(good, undefined, 1)))).toMatchObject({
      code: "not-canonical",
    });
    expect(decodeManifest(encode("{"))).toMatchObject({ code: "syntax" });
    expect(decodeManifest(Uint8Array.of(0xff, 0xfe))).toMatchObject({ code: "syntax" });
    expect(decodeManifest(new Uint8Array(maxManifestBytes + 1))).toMatchObject({ code: "too-large" });
  });
});

describe("archive.json", () => {
  const read = (value: unknown) => readArchive(new TextEncoder().encode(JSON.stringify(value)));

  it("holds a manifest and signatures, and nothing else", () => {
    const manifest = manifestOf([file]);
    expect(read({ manifest, signatures: [] })).toEqual({ ok: true, value: { manifest, signatures: [] } });
    for (const bad of [
      [],
      { signatures: [] },
      { manifest },
      { manifest, signatures: [], more: 1 },
      { manifest, signatures: [{ kind: "x509", signature: "a" }] },
      { manifest, signatures: [{ kind: "eip712", signature: "0x12" }] },
      { manifest, signatures: Array.from({ length: 17 }, () => ({ kind: "ssh", signature: "a" })) },
      { manifest: { ...manifest, edition: 0 }, signatures: [] },
    ]) {
      expect(read(bad)).toMatchObject({ ok: false, code: "form" });
    }
  });

  it("is refused if its text is not UTF-8", () => {
    const bytes = new TextEncoder().encode(JSON.stringify({ manifest: manifestOf([file]), signatures: [] }));
    bytes[new TextDecoder("latin1").decode(bytes).indexOf("A ceremony")] = 0xff;
    expect(readArchive(bytes)).toMatchObject({ ok: false, code: "syntax" });
  });

  it("has the form of docs/archive.schema.json", async () => {
    const path = join(projectRoot, "docs/archive.schema.json");
    const text = `${JSON.stringify(archiveJsonSchema(), undefined, 2)}\n`;
    if (process.env["WHITEPAY_WRITE_DOCS"] === "1") await writeFile(path, text);
    expect(JSON.parse(await readFile(path, "utf8"))).toEqual(JSON.parse(text));
  });
});
