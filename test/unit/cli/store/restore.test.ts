import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
  readlinkSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pack, type Header } from "tar-stream";
import { afterAll, describe, expect, it } from "vitest";
import { openSource } from "../../../../cli/store/source.ts";
import type { ByteSource } from "../../../../client/storing/age-stream.ts";
import { restore, safePath } from "../../../../cli/store/restore.ts";
import { generatedBytes } from "../../../../scripts/fleet/files.ts";

const scratch = mkdtempSync(join(tmpdir(), "whitepay-restore-"));
afterAll(() => rmSync(scratch, { recursive: true }));
let count = 0;
const folder = (name: string): string => {
  const path = join(scratch, String(count++), name);
  mkdirSync(path, { recursive: true });
  return path;
};

const bytesOf = (bytes: Uint8Array) => ({
  size: bytes.length,
  read: (start: number, length: number) => Promise.resolve(bytes.subarray(start, start + length)),
});

/** A file that was read back, and its bytes. */
const fileOf = (bytes: Uint8Array) => {
  const path = join(folder("part"), "plain");
  writeFileSync(path, bytes);
  return { source: bytesOf(bytes), path };
};

/** A folder's stream; where it lies does not matter. */
const streamOf = (source: ByteSource) => ({ source, path: join(scratch, "nowhere") });

async function tarOf(entries: (Partial<Header> & { name: string; content?: string })[]) {
  const stream = pack();
  for (const { content = "", ...header } of entries) stream.entry(header, content);
  stream.finalize();
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream as AsyncIterable<Uint8Array>) chunks.push(chunk);
  return bytesOf(Buffer.concat(chunks));
}

const item = { name: "photos", kind: "folder", modified_us: 0 } as const;

describe("a restored item", () => {
  it("is the folder that was stored: bytes, names, modes, times, links", async () => {
    const top = folder("photos");
    mkdirSync(join(top, "2024", "inner"), { recursive: true });
    writeFileSync(join(top, "2024", "inner", "ü.jpg"), generatedBytes("restore", 4_100_000));
    writeFileSync(join(top, "none"), "");
    writeFileSync(join(top, "run.sh"), "#!/bin/sh\n");
    chmodSync(join(top, "run.sh"), 0o750);
    symlinkSync("2024/inner", join(top, "link"));
    utimesSync(join(top, "2024", "inner"), 1_500_000_000.125, 1_500_000_000.125);
    utimesSync(join(top, "2024"), 1_400_000_000, 1_400_000_000);
    const { source } = await openSource(top);
    const out = folder("out");
    expect(await restore(streamOf(source), item, out)).toBe(join(out, "photos"));
    for (const path of ["2024/inner/ü.jpg", "none", "run.sh", "2024", "2024/inner", "."]) {
      const [before, after] = [statSync(join(top, path)), statSync(join(out, "photos", path))];
      expect(after.mode).toBe(before.mode);
      // Node sets times as seconds in a double, which is exact to a microsecond.
      expect(Math.abs(after.mtimeMs - before.mtimeMs)).toBeLessThan(0.001);
    }
    for (const path of ["2024/inner/ü.jpg", "none", "run.sh"]) {
      expect(readFileSync(join(out, "photos", path)).equals(readFileSync(join(top, path)))).toBe(true);
    }
    expect(readlinkSync(join(out, "photos", "link"))).toBe("2024/inner");
    expect(readdirSync(out)).toEqual(["photos"]);
  });

  it("is the file that was stored, with its time", async () => {
    const out = folder("out");
    const bytes = generatedBytes("file", 2_500_000);
    await restore(fileOf(bytes), { name: "a.tar", kind: "file", modified_us: 1_600_000_000_250_000 }, out);
    expect(readFileSync(join(out, "a.tar")).equals(bytes)).toBe(true);
    expect(statSync(join(out, "a.tar")).mtimeMs).toBe(1_600_000_000_250);
  });

  it("never replaces what has its name", async () => {
    const out = folder("out");
    writeFileSync(join(out, "a.tar"), "mine");
    const made = restore(fileOf(new Uint8Array(9)), { name: "a.tar", kind: "file", modified_us: 0 }, out);
    await expect(made).rejects.toMatchObject({
      code: 2,
      message: expect.stringMatching(/a\.tar exists already/),
    });
    expect(readFileSync(join(out, "a.tar"), "utf8")).toBe("mine");
  });

  it("leaves nothing behind when its bytes end early", async () => {
    const out = folder("out");
    const broken = {
      size: 5_000_000,
      read: (start: number, length: number) =>
        start === 0
          ? Promise.resolve(new Uint8Array(length))
          : Promise.reject(new Error("the provider is gone")),
    };
    await expect(restore(streamOf(broken), item, out)).rejects.toThrow();
    expect(readdirSync(out)).toEqual([]);
  });

  it.each([
    ["two dots", [{ name: "photos/../../evil", content: "x" }]],
    ["two dots at the start", [{ name: "../photos/evil", content: "x" }]],
    ["an absolute path", [{ name: "/tmp/evil", content: "x" }]],
    ["another folder", [{ name: "others/evil", content: "x" }]],
    ["a dot", [{ name: "photos/./evil", content: "x" }]],
    [
      "a link out of it",
      [
        { name: "photos", type: "directory" as const },
        { name: "photos/link", type: "symlink" as const, linkname: "../../evil" },
      ],
    ],
    [
      "an absolute link",
      [
        { name: "photos", type: "directory" as const },
        { name: "photos/link", type: "symlink" as const, linkname: "/etc/passwd" },
      ],
    ],
    ["a hard link", [{ name: "photos/link", type: "link" as const, linkname: "/etc/passwd" }]],
    ["a device", [{ name: "photos/null", type: "character-device" as const, devmajor: 1, devminor: 3 }]],
    [
      "a file behind a link of its own",
      [
        { name: "photos/link", type: "symlink" as const, linkname: "inner" },
        { name: "photos/link/evil", content: "x" },
      ],
    ],
  ])("is refused with %s in the stream, and nothing is written", async (_, entries) => {
    const out = folder("out");
    const source = await tarOf(entries);
    await expect(restore(streamOf(source), item, out)).rejects.toThrow();
    expect(readdirSync(out)).toEqual([]);
    expect(existsSync(join(scratch, "evil"))).toBe(false);
  });
});

describe("the place of an entry", () => {
  it.each(["photos/a", "photos/", "photos", "photos/2024/ü.jpg"])("is within the folder for %j", (entry) => {
    expect(safePath("/w", "photos", entry).startsWith("/w/photos")).toBe(true);
  });
  it.each(["", ".", "..", "photos/..", "photos/../photos", "photos//a", "other", "photosx/a", "photos/a\0b"])(
    "is refused for %j",
    (entry) => expect(() => safePath("/w", "photos", entry)).toThrow(/leads elsewhere/),
  );
});
