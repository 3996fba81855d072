import { describe, expect, it } from "vitest";
import { ByteCache } from "../../../storage/core/byte-cache.ts";

describe("a cache bounded in bytes", () => {
  it("evicts the least recently used value", () => {
    const cache = new ByteCache<string>(10, (text) => text.length);
    cache.set("a", "1234");
    cache.set("b", "1234");
    expect(cache.get("a")).toBe("1234");
    cache.set("c", "123");
    expect([cache.get("a"), cache.get("b"), cache.get("c")]).toEqual(["1234", undefined, "123"]);
    expect(cache.bytes).toBe(7);
  });

  it("counts a value once if it is set twice, and stores none above the limit", () => {
    const cache = new ByteCache<string>(10, (text) => text.length);
    cache.set("a", "1234");
    cache.set("a", "123456");
    expect([cache.bytes, cache.size]).toEqual([6, 1]);
    cache.set("b", "12345678901");
    expect([cache.bytes, cache.size]).toEqual([0, 0]);
  });
});
