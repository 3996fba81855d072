/** The path of a file of an archive: one path for each name, and a reason for every other path. */
import { describe, expect, it } from "vitest";
import { fileOfPath, pathOfFile } from "../../../archive/http-path.ts";

const manifest = `0x${"ab".repeat(32)}` as const;
const digits = "ab".repeat(32);

describe("the path of a file", () => {
  it.each(["a", "a/b.txt", "ü/漢 字", "50%", "a?b#c", "a&b=c", "'quote\"", "x".repeat(255)])(
    "leads back to the name %s",
    (name) => {
      const path = pathOfFile(manifest, name);
      expect(fileOfPath(path)).toEqual({ manifest, name });
      // As a browser sends it.
      expect(fileOfPath(new URL(path, "http://host.example").pathname)).toEqual({ manifest, name });
    },
  );

  it("may name the manifest itself, which no file can", () => {
    expect(fileOfPath(`/archive/0x${digits.toUpperCase()}/manifest`)).toEqual({ manifest, name: "manifest" });
  });

  it.each([
    ["/archive/", "64 hex digits"],
    ["/archive/ab/a", "64 hex digits"],
    [`/archive/${digits}`, "64 hex digits"],
    [`/archive/${digits}/`, "expected a name"],
    [`/archive/${digits}/../a`, 'no part ".."'],
    [`/archive/${digits}/%2e%2e/a`, 'no part ".."'],
    [`/archive/${digits}/a/%2E%2E/%2E%2E/etc/passwd`, 'no part ".."'],
    [`/archive/${digits}/a%2Fb`, "an encoded one"],
    [`/archive/${digits}//a`, "absolute"],
    [`/archive/${digits}/a%5Cb`, "no backslash"],
    [`/archive/${digits}/a%00`, "no control character"],
    [`/archive/${digits}/%FF`, "UTF-8"],
    [`/archive/${digits}/%`, "UTF-8"],
    [`/archive/${digits}/${"a/".repeat(600)}b`, "at most 1024 bytes"],
    [`/archive/${digits}/${"%C3%BC".repeat(200)}`, "at most 255 bytes"],
  ])("%s names none: %s", (path, reason) => {
    expect(fileOfPath(path)).toEqual({ fault: expect.stringContaining(reason) });
  });

  it("is no other path", () => {
    for (const path of ["/", "/archive", "/piece/x", "/archives/x"]) expect(fileOfPath(path)).toBeUndefined();
  });
});
