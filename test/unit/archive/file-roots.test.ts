/** Files are found by name in a manifest that arrives in parts of any length, and nothing else is taken for one. */
import { describe, expect, it } from "vitest";
import { FileScan } from "../../../archive/file-roots.ts";
import { canonicalBytes, filesOf } from "../../../archive/manifest.ts";
import type { Manifest } from "../../../archive/schema.ts";
import { maxFileTextBytes } from "../../../archive/schema.ts";
import { installFastHashes } from "../../../daemon/hashing/install.ts";
import { fileNamed, manifestOf } from "../../support/archive/manifests.ts";

installFastHashes();

const encoder = new TextEncoder();

function scanned(bytes: Uint8Array, partBytes = bytes.length): ReturnType<FileScan["finish"]> {
  const scan = new FileScan();
  for (let at = 0; at < bytes.length && scan.fault === undefined; at += partBytes) {
    // A server's parts are gone when the next one arrives.
    const part = bytes.slice(at, at + partBytes);
    scan.add(part);
    part.fill(0);
  }
  return scan.finish();
}

function refusal(text: string): string {
  const found = scanned(encoder.encode(text));
  return found.ok ? "accepted" : found.detail;
}

/** Text in which a careless reader sees keys, brackets and ends of strings. */
const trap = '","collections":[{"files":[{"name":"trap","root":"0x00"}]}]}\\';
const names = [
  "a",
  "b/ü 漢.txt",
  'quote " and [{',
  "}]}",
  '"files":[{',
  "files",
  "collections",
  "x".repeat(255),
];
const tricky: Manifest = manifestOf([], {
  title: trap,
  description: `${trap}\n\\"`,
  collections: [
    { name: "files", title: "collections", licence: "files", files: names.map((name) => fileNamed(name)) },
    { name: "none", title: "files", licence: trap, files: [] },
    {
      name: trap,
      title: "t",
      licence: "l",
      files: [
        fileNamed("derived", {
          priority: 0,
          derivedFrom: { file: "a", by: trap },
          sources: [{ url: "https://host.example/%7B%22" }, { manifest: `0x${"ab".repeat(32)}`, name: "z" }],
        }),
      ],
    },
  ],
  attestations: [{ about: "a", by: "files", statement: trap }],
});

describe("a scan of a manifest", () => {
  it.each([1, 2, 3, 17, 64, 333, 100_000])("finds all files in parts of %d bytes", (partBytes) => {
    const found = scanned(canonicalBytes(tricky), partBytes);
    if (!found.ok) throw new Error(found.detail);
    for (const { name, root } of filesOf(tricky)) expect(found.value.find(name), name).toBe(root);
    for (const name of ["trap", "", "A", "a/", "manifest"]) expect(found.value.find(name)).toBeUndefined();
    expect(found.value.bytes).toBe(64 * (names.length + 1));
  });

  it("refuses what is no manifest, at the first byte that shows it", () => {
    const file = JSON.stringify(fileNamed("a"));
    const inFiles = (text: string): string => `{"collections":[{"files":[${text}]}]}`;
    expect(refusal(inFiles(file))).toBe("accepted");
    expect(refusal("")).toMatch(/no collections/);
    expect(refusal("binary")).toMatch(/expected a JSON object/);
    expect(refusal("[]")).toMatch(/expected one JSON object/);
    expect(refusal("{}")).toMatch(/no collections/);
    expect(refusal("{}}")).toMatch(/expected a JSON object/);
    expect(refusal(`${inFiles(file)}${inFiles(file)}`)).toMatch(/expected one JSON object/);
    expect(refusal(inFiles(file).slice(0, -1))).toMatch(/ends within/);
    expect(refusal('{"collections":["')).toMatch(/ends within/);
    expect(refusal(inFiles("{}"))).toMatch(/file 0 has no valid name and root/);
    expect(refusal(inFiles(`${file},{"name":"../a","root":"0x${"00".repeat(32)}"}`))).toMatch(/file 1/);
    expect(refusal(inFiles('{"name":"a","root":"0x12"}'))).toMatch(/file 0/);
    const long = JSON.stringify({ ...fileNamed("a"), more: "x".repeat(maxFileTextBytes) });
    expect(refusal(inFiles(long))).toMatch(/more than 262144 bytes/);
    // The rest of a huge piece is not looked at.
    const scan = new FileScan();
    scan.add(Uint8Array.of(0));
    expect(scan.fault).toBeDefined();
  });
});
