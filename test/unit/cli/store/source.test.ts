import { execFileSync } from "node:child_process";
import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
  chmodSync,
  statSync,
  lstatSync,
  readlinkSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { openSource } from "../../../../cli/store/source.ts";
import { generatedBytes } from "../../../../scripts/fleet/files.ts";

const scratch = mkdtempSync(join(tmpdir(), "whitepay-source-"));
afterAll(() => rmSync(scratch, { recursive: true }));

let count = 0;
function folder(): string {
  const path = join(scratch, `f${count++}`, "photos");
  mkdirSync(path, { recursive: true });
  return path;
}

/** A folder with what makes tar difficult. */
function photos(): string {
  const top = folder();
  mkdirSync(join(top, "empty"));
  mkdirSync(join(top, "2024", "with space"), { recursive: true });
  writeFileSync(join(top, "a.jpg"), generatedBytes("a", 1000));
  writeFileSync(join(top, "2024", "none.txt"), "");
  writeFileSync(join(top, "2024", "with space", "ünïcode ✓.bin"), generatedBytes("b", 512 * 9));
  writeFileSync(join(top, `${"long".repeat(60)}.txt`), "long name");
  writeFileSync(join(top, "run.sh"), "#!/bin/sh\n");
  chmodSync(join(top, "run.sh"), 0o755);
  symlinkSync("../a.jpg", join(top, "2024", "link"));
  utimesSync(join(top, "a.jpg"), 1_600_000_000.25, 1_600_000_000.25);
  utimesSync(join(top, "2024"), 1_500_000_000, 1_500_000_000);
  return top;
}

describe("a folder as a source", () => {
  it("is a tar stream that the system's tar restores: names, bytes, modes, times, links", async () => {
    const top = photos();
    const { source, kind, name } = await openSource(`${top}/`);
    expect({ kind, name }).toEqual({ kind: "folder", name: "photos" });
    const out = folder();
    writeFileSync(join(out, "x.tar"), await source.read(0, source.size));
    execFileSync("tar", ["-xf", "x.tar"], { cwd: out });
    for (const path of [
      "a.jpg",
      "2024/none.txt",
      "2024/with space/ünïcode ✓.bin",
      `${"long".repeat(60)}.txt`,
      "run.sh",
    ]) {
      const [before, after] = [join(top, path), join(out, "photos", path)];
      expect(readFileSync(after).equals(readFileSync(before))).toBe(true);
      expect(statSync(after).mtimeMs).toBe(statSync(before).mtimeMs);
      expect(statSync(after).mode).toBe(statSync(before).mode);
    }
    expect(statSync(join(out, "photos/2024")).mtimeMs).toBe(1_500_000_000_000);
    expect(statSync(join(out, "photos/empty")).isDirectory()).toBe(true);
    expect(lstatSync(join(out, "photos/2024/link")).isSymbolicLink()).toBe(true);
    expect(readlinkSync(join(out, "photos/2024/link"))).toBe("../a.jpg");
  });

  it("has the same bytes at every opening and in every range", async () => {
    const top = photos();
    const [one, two] = [await openSource(top), await openSource(top)];
    expect(two.fingerprint).toBe(one.fingerprint);
    const whole = await one.source.read(0, one.source.size);
    expect(whole.length % 512).toBe(0);
    for (let start = 0; start < whole.length; start += 700) {
      const bytes = Math.min(1500, whole.length - start);
      expect(
        Buffer.from(await two.source.read(start, bytes)).equals(whole.subarray(start, start + bytes)),
      ).toBe(true);
    }
  });

  it("has another fingerprint after any change", async () => {
    const top = photos();
    const before = (await openSource(top)).fingerprint;
    utimesSync(join(top, "a.jpg"), 1_600_000_001, 1_600_000_001);
    const touched = (await openSource(top)).fingerprint;
    chmodSync(join(top, "run.sh"), 0o644);
    const other = (await openSource(top)).fingerprint;
    expect(new Set([before, touched, other]).size).toBe(3);
  });

  it.each([
    ["grows", (path: string) => writeFileSync(path, generatedBytes("x", 2000))],
    ["shrinks", (path: string) => writeFileSync(path, "x")],
    ["is rewritten", (path: string) => utimesSync(path, 5, 5)],
    ["disappears", (path: string) => rmSync(path)],
  ])("is refused by name when a file %s after its size is known", async (_, change) => {
    const top = photos();
    const { source } = await openSource(top);
    change(join(top, "a.jpg"));
    await expect(source.read(0, source.size)).rejects.toThrow(/photos\/a\.jpg/);
  });

  it("is refused with a link that leads outside, and with a pipe", async () => {
    const top = photos();
    symlinkSync("/etc/passwd", join(top, "outside"));
    await expect(openSource(top)).rejects.toThrow(/outside is a link that leads outside/);
    const piped = folder();
    execFileSync("mkfifo", [join(piped, "pipe")]);
    await expect(openSource(piped)).rejects.toThrow(/pipe cannot be stored/);
  });
});

describe("a file as a source", () => {
  it("is its bytes", async () => {
    const path = join(folder(), "letters.tar");
    writeFileSync(path, generatedBytes("letters", 100_000));
    const { source, name, kind } = await openSource(path);
    expect({ name, kind, size: source.size }).toEqual({ name: "letters.tar", kind: "file", size: 100_000 });
    expect(Buffer.from(await source.read(99_000, 1000)).equals(readFileSync(path).subarray(99_000))).toBe(
      true,
    );
    await expect(source.read(99_001, 1000)).rejects.toThrow(RangeError);
  });

  it("is refused if it is missing, or has the catalogue's name", async () => {
    await expect(openSource(join(scratch, "nothing"))).rejects.toThrow(/no such file/);
    const path = join(folder(), "catalogue");
    writeFileSync(path, "x");
    await expect(openSource(path)).rejects.toThrow(/the catalogue itself/);
  });
});
