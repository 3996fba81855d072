import { describe, expect, it } from "vitest";
import { CeremonyFileError } from "../../../ceremony/report.ts";
import { readSections, sectionOf } from "../../../ceremony/sections.ts";
import { sourceOf } from "../../support/ceremony/bytes-source.ts";
import { joinFile, patched } from "../../support/ceremony/ptau-files.ts";

const format = { magic: "ptau", maxVersion: 1, ids: [1, 2, 7] } as const;
const sections = [
  { id: 1, bytes: new Uint8Array(44) },
  { id: 2, bytes: new Uint8Array(0) },
  { id: 7, bytes: new Uint8Array(5) },
];
const file = joinFile(sections);
const read = (bytes: Uint8Array) => readSections(sourceOf("x.ptau", bytes), format);
const u64 = (value: bigint): Uint8Array => {
  const out = Buffer.alloc(8);
  out.writeBigUInt64LE(value);
  return out;
};

describe("a file of sections", () => {
  it("has the place and size of each", async () => {
    expect([...(await read(file)).values()]).toEqual([
      { id: 1, start: 24, bytes: 44 },
      { id: 2, start: 80, bytes: 0 },
      { id: 7, start: 92, bytes: 5 },
    ]);
  });

  it("is read by heads alone", async () => {
    const ranges: number[] = [];
    const source = sourceOf("x.ptau", file);
    await readSections(
      {
        name: source.name,
        size: source.size,
        read: (start, count) => {
          ranges.push(count);
          return source.read(start, count);
        },
      },
      format,
    );
    expect(ranges).toEqual([12, 12, 12, 12]);
  });

  // The count is at byte 8, the first section's number at 12 and its size at 16.
  const wrong: [string, Uint8Array, string][] = [
    ["no bytes", new Uint8Array(0), "size: expected at least 12 bytes, actual 0"],
    ["11 bytes", file.subarray(0, 11), "size: expected at least 12 bytes, actual 11"],
    ["other letters", joinFile(sections, { magic: "zkey" }), 'first letters: expected "ptau", actual "zkey"'],
    ["letters that a terminal obeys", joinFile(sections, { magic: "\u001b[2J" }), 'actual "\\u001b[2J"'],
    ["version 0", joinFile(sections, { version: 0 }), "version: expected 1 to 1, actual 0"],
    ["version 2", joinFile(sections, { version: 2 }), "version: expected 1 to 1, actual 2"],
    [
      "more sections than the format has",
      joinFile(sections, { count: 4 }),
      "number of sections: expected at most 3, actual 4",
    ],
    [
      "2^32 - 1 sections",
      joinFile(sections, { count: 0xffff_ffff }),
      "expected at most 3, actual 4294967295",
    ],
    [
      "fewer sections than it says",
      joinFile(sections.slice(0, 2), { count: 3 }),
      "expected 12 bytes for section 3 of 3, actual 0 bytes to the file's end",
    ],
    [
      "an unknown section",
      joinFile([{ id: 3, bytes: new Uint8Array(1) }]),
      "number: expected one of 1, 2, 7, actual 3",
    ],
    [
      "a section twice",
      joinFile([...sections.slice(0, 2), ...sections.slice(0, 1)]),
      "number: expected one section 1, actual a second one",
    ],
    [
      "a byte less",
      file.subarray(0, -1),
      "size of section 7: expected at most 4 bytes to the file's end, actual 5",
    ],
    [
      "a byte more",
      patched(new Uint8Array(file.length + 1), 0, file),
      "size: expected 97 bytes, the end of its last section, actual 98",
    ],
    [
      "a size of 2^64 - 1",
      patched(file, 16, u64(2n ** 64n - 1n)),
      "size of section 1: expected at most 73 bytes to the file's end, actual 18446744073709551615",
    ],
    // The next section's head is then read from inside the first one.
    [
      "a section that overlaps the next",
      patched(file, 16, u64(40n)),
      "number: expected one of 1, 2, 7, actual 0",
    ],
  ];
  it.each(wrong)("with %s is refused", async (_name, bytes, message) => {
    const refused = read(bytes);
    await expect(refused).rejects.toThrow(CeremonyFileError);
    await expect(refused).rejects.toThrow(message);
  });

  it("is refused at every length but its own", async () => {
    for (let length = 0; length < file.length; length++)
      await expect(read(file.subarray(0, length)), `${length} bytes`).rejects.toThrow(CeremonyFileError);
  });

  it("names a section that is missing or has the wrong size", async () => {
    const source = sourceOf("x.ptau", file);
    const found = await readSections(source, { ...format, ids: [1, 2, 7, 9] });
    expect(() => sectionOf(source, found, 9)).toThrow(
      "x.ptau: sections: expected a section 9, actual 1, 2, 7",
    );
    expect(() => sectionOf(source, found, 7, 4)).toThrow(
      "x.ptau: size of section 7: expected 4 bytes, actual 5",
    );
  });
});
