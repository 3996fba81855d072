/** Range, If-Range, If-Match and If-None-Match as RFC 9110 defines them. */
import { describe, expect, it } from "vitest";
import { namesTag, rangeCounts, wantedBytes } from "../../../../provider/reading/byte-range.ts";

describe("a Range field of a piece of 1000 bytes", () => {
  it.each([
    ["bytes=0-0", 0, 1],
    ["bytes=0-999", 0, 1000],
    ["bytes=0-5000", 0, 1000],
    ["bytes=999-", 999, 1000],
    ["bytes=-1", 999, 1000],
    ["bytes=-5000", 0, 1000],
    ["BYTES=10-19", 10, 20],
    ["bytes= 10-19 ", 10, 20],
    ["bytes=0-9999999999999999", 0, 1000],
  ])("%s asks for bytes from %i to %i", (header, start, end) => {
    expect(wantedBytes(header, 1000)).toEqual({ kind: "part", start, end });
  });

  it.each([undefined, "items=0-1", "seconds=1-2"])("%s asks for all", (header) => {
    expect(wantedBytes(header, 1000)).toEqual({ kind: "all", start: 0, end: 1000 });
  });

  it.each([
    "bytes=1000-",
    "bytes=-0",
    "bytes=5-4",
    "bytes=",
    "bytes=-",
    "bytes=a-b",
    "bytes=1-2-3",
    "bytes=0-1,5-6",
    "bytes=99999999999999999999-",
    "bytes=1.5-3",
    "bytes=+1-3",
  ])("%s is refused with a reason", (header) => {
    expect(wantedBytes(header, 1000)).toMatchObject({
      kind: "unsatisfiable",
      reason: expect.stringMatching(/expected/),
    });
  });
});

describe("a tag", () => {
  const tag = '"abc"';
  it("is found in a list, by *, and as a weak one where weak ones count", () => {
    expect(namesTag('"x", "abc"', tag, false)).toBe(true);
    expect(namesTag("*", tag, false)).toBe(true);
    expect(namesTag('W/"abc"', tag, true)).toBe(true);
    expect(namesTag('W/"abc"', tag, false)).toBe(false);
    expect(namesTag('"ab", "c"', tag, true)).toBe(false);
  });

  it("of If-Range keeps the range if it is the same strong one, and not for a date or a weak one", () => {
    expect(rangeCounts(undefined, tag)).toBe(true);
    expect(rangeCounts(tag, tag)).toBe(true);
    expect(rangeCounts('W/"abc"', tag)).toBe(false);
    expect(rangeCounts("Wed, 21 Oct 2015 07:28:00 GMT", tag)).toBe(false);
  });
});
