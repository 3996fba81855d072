import { describe, expect, it } from "vitest";
import { ByteWriter, decode, release } from "../../../storage/core/bytes.ts";

/** Lengths around each limit: own array, shared page, full page, writer's buffer. */
const lengths = [0, 1, 64, 65, 66, 300, 2_047, 2_048, 2_049, 16_383, 16_384, 65_536, 65_537];

function patterned(length: number, salt: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (i * 31 + salt) & 0xff);
}

describe("written and read bytes", () => {
  it("are not changed by later writes and reads", () => {
    const made = Array.from({ length: 20 }, (_, round) =>
      lengths.map((length, i) => {
        const expected = patterned(length, round * 13 + i);
        const written = new ByteWriter().bytes(expected).finish();
        const read = decode(written, 100_000, (reader) => reader.bytes(length, "bytes"));
        return { expected, written, read: read.ok ? read.value : undefined };
      }),
    ).flat();
    for (const { expected, written, read } of made) {
      expect(written).toEqual(expected);
      expect(read).toEqual(expected);
    }
  });

  it("are not shared between two writers", () => {
    const [first, second] = [65, 65].map((length) => new ByteWriter().bytes(patterned(length, 1)).finish());
    first?.fill(0xff);
    expect(second).toEqual(patterned(65, 1));
  });

  it("are independent of the source bytes, except a view", () => {
    const bytes = patterned(100, 1);
    const read = decode(bytes, 100, (reader) => [reader.bytes(70, "copy"), reader.view(30, "view")]);
    bytes.fill(0);
    expect(read).toEqual({ ok: true, value: [patterned(100, 1).subarray(0, 70), new Uint8Array(30)] });
  });
});

describe("released bytes", () => {
  it("give the memory of a long buffer back, with all views of it", () => {
    const bytes = patterned(2_031_616, 1);
    const view = bytes.subarray(1_000, 2_000);
    release(view);
    expect([bytes.length, view.length, bytes.buffer.byteLength]).toEqual([0, 0, 0]);
  });

  it("stay if they are short: others may share their buffer", () => {
    const [one, other] = [Buffer.from("one"), Buffer.from("other")];
    release(one);
    expect([one, other].map(String)).toEqual(["one", "other"]);
  });
});
