/** What the page of an archive takes from servers that nobody trusts: settings, manifests, piece lists, times of blocks. */
import { describe, expect, it } from "vitest";
import { canonicalText } from "../../../../archive/canonical.ts";
import { canonicalBytes, manifestRoot } from "../../../../archive/manifest.ts";
import { PageProblem, settingsIn } from "../../../../archive/page/read.ts";
import { provenRoots } from "../../../../archive/page/read-lists.ts";
import { manifestIn } from "../../../../archive/page/read-manifest.ts";
import { timesBetween } from "../../../../archive/page/times.ts";
import { toHex } from "../../../../storage/core/bytes.ts";
import { makePieceList } from "../../../../storage/core/piece-list.ts";
import { fileNamed, manifestOf } from "../../../support/archive/manifests.ts";

const encoder = new TextEncoder();

describe("the settings of a page", () => {
  const settings = {
    version: 1,
    rpc: ["https://rpc.example/key"],
    chainId: 1,
    factory: `0x${"11".repeat(20)}`,
    lens: `0x${"22".repeat(20)}`,
    manifest: `0x${"33".repeat(32)}`,
    manifestUrls: ["manifest.json"],
    readers: [],
    lists: [],
    groups: null,
    days: 90,
    least: 2,
  };
  const read = (change: object) => settingsIn(encoder.encode(JSON.stringify({ ...settings, ...change })));

  it("are read", () => {
    expect(read({})).toEqual(settings);
  });

  it.each([
    [{ rpc: [] }, "rpc"],
    [{ rpc: ["file:///etc/passwd"] }, "rpc.0"],
    [{ readers: ["javascript:alert(1)"] }, "readers.0"],
    [{ factory: "0x12" }, "factory"],
    [{ manifest: "0x12" }, "manifest"],
    [{ least: 257 }, "least"],
    [{ more: 1 }, "settings.json"],
  ])("are refused: %j", (change, path) => {
    expect(() => read(change)).toThrow(PageProblem);
    expect(() => read(change)).toThrow(path);
  });

  it("are refused if they are no JSON", () => {
    expect(() => settingsIn(encoder.encode("<html>"))).toThrow(/not JSON/);
    expect(() => settingsIn(Uint8Array.of(0xff))).toThrow(/not JSON/);
  });
});

describe("the manifest of a page", () => {
  const manifest = manifestOf([fileNamed("a")]);
  const root = manifestRoot(canonicalBytes(manifest));

  it("is accepted as canonical bytes and as archive.json, by its root alone", () => {
    expect(manifestIn(canonicalBytes(manifest), root)).toEqual(manifest);
    const archive = JSON.stringify({ signatures: [], manifest }, undefined, 2);
    expect(manifestIn(encoder.encode(archive), root)).toEqual(manifest);
  });

  it("is refused under another root, and if it is none", () => {
    const other = `0x${"44".repeat(32)}` as const;
    expect(() => manifestIn(canonicalBytes(manifest), other)).toThrow(
      `another manifest: root: expected ${other}, actual ${root}`,
    );
    for (const text of ["", "<html>", "{}", canonicalText({ manifest: {}, signatures: [] })]) {
      expect(() => manifestIn(encoder.encode(text), root), text).toThrow(/no manifest/);
    }
  });
});

describe("a piece list of a page", () => {
  const list = makePieceList([
    { root: new Uint8Array(32).fill(1), size: 10 },
    { root: new Uint8Array(32).fill(2), size: 20 },
  ]);
  const { bytes } = list.pieces;
  const root = toHex(list.root);

  it("is taken if its root and its bytes are those on the chain", () => {
    expect(provenRoots(bytes, root, 30n)).toEqual(new Set([`0x${"01".repeat(32)}`, `0x${"02".repeat(32)}`]));
  });

  it("is refused if a bit, its length or its sum differs", () => {
    const flipped = bytes.slice();
    flipped[5] = 9;
    const zero = bytes.slice();
    zero.fill(0, 32, 40);
    for (const bad of [flipped, zero, bytes.slice(0, 40), bytes.slice(0, 79), new Uint8Array()]) {
      expect(provenRoots(bad, root, 30n)).toBeUndefined();
    }
    expect(provenRoots(bytes, root, 31n)).toBeUndefined();
  });
});

it("times of blocks are those that are known, and between and beyond them in proportion", () => {
  const timeOf = timesBetween([
    { block: 0, time_s: 1_000 },
    { block: 10, time_s: 1_100 },
    { block: 20, time_s: 1_120 },
  ]);
  expect([0, 5, 10, 15, 20, 25].map(timeOf)).toEqual([1_000, 1_050, 1_100, 1_110, 1_120, 1_130]);
  expect(timesBetween([{ block: 7, time_s: 5 }])(9)).toBe(5);
});
