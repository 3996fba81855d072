import { describe, expect, it } from "vitest";
import { z } from "zod";
import { keysAt, nearest } from "../../../../daemon/settings/known-keys.ts";

const known = ["dataDir", "chain", "policy", "listen", "announce", "passwordFile", "logLevel", "logFormat"];

describe("a misspelt key", () => {
  it.each([
    ["dataDirr", "dataDir"],
    ["data_dir", "dataDir"],
    ["PASSWORD-FILE", "passwordFile"],
    ["lsiten", "listen"],
    ["polici", "policy"],
    ["loglevle", "logLevel"],
  ])("%s means %s", (key, meant) => {
    expect(nearest(key, known)).toBe(meant);
  });

  it.each(["colour", "x", "", "rpc", "l".repeat(10_000)])("%j means none", (key) => {
    expect(nearest(key, known)).toBeUndefined();
  });
});

describe("the keys at a path", () => {
  const schema = z
    .strictObject({
      chain: z.strictObject({ id: z.number(), rpc: z.string().optional() }).default({ id: 1 }),
      providers: z.array(z.strictObject({ operator: z.string() }).refine(() => true)).optional(),
      either: z.union([z.string(), z.number()]),
    })
    .refine(() => true);

  it("are those of the object at the path, through lists, defaults and refinements", () => {
    expect(keysAt(schema, [])).toEqual(["chain", "providers", "either"]);
    expect(keysAt(schema, ["chain"])).toEqual(["id", "rpc"]);
    expect(keysAt(schema, ["providers", 3])).toEqual(["operator"]);
    expect(keysAt(schema, ["either"])).toBeUndefined();
    expect(keysAt(schema, ["none"])).toBeUndefined();
  });
});
