/** R44 over HTTP: proofs and permissions as text have one encoding, a stated size, and no text makes the decoders throw. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  decodePermission,
  decodeProof,
  encodePermission,
  encodeProof,
  fromBase64url,
  maxProofChars,
  pathOfPiece,
  pieceOfPath,
  toBase64url,
} from "../../../../protocol/codec/piece-http.ts";
import { toHex } from "../../../../protocol/hash.ts";
import { maxRunNodes } from "../../../../storage/core/range.ts";
import { seededBytes } from "../../../support/files.ts";

describe("base64url", () => {
  it("is that of Node for all bytes, and one text for each", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        const text = toBase64url(bytes);
        expect(text).toBe(Buffer.from(bytes).toString("base64url"));
        expect(fromBase64url(text)).toEqual(bytes);
      }),
      { seed: 1 },
    );
    fc.assert(
      fc.property(fc.string({ maxLength: 40 }), (text) => {
        const bytes = fromBase64url(text);
        return bytes === undefined || toBase64url(bytes) === text;
      }),
      { seed: 2, numRuns: 2_000 },
    );
    for (const text of ["A", "AAAAA", "AB", "AAB", "AA=", "A+", "A/"])
      expect(fromBase64url(text)).toBeUndefined();
  });
});

describe("a proof's header", () => {
  it("gives the nodes back, and fits the stated size with the most nodes", () => {
    for (const count of [0, 1, 7, maxRunNodes]) {
      const nodes = Array.from({ length: count }, (_, i) => seededBytes(32, i));
      const text = encodeProof(nodes);
      expect(text.length).toBeLessThanOrEqual(maxProofChars);
      expect(decodeProof(text)).toEqual({ ok: true, value: nodes });
    }
    expect(maxProofChars).toBe(3_416);
  });

  it("is refused with a reason in any other form", () => {
    const text = encodeProof([seededBytes(32, 1)]);
    expect(decodeProof(text.slice(0, -1))).toMatchObject({ ok: false, code: "range" });
    expect(decodeProof(`2;${text.slice(2)}`)).toMatchObject({ ok: false, code: "version" });
    expect(decodeProof(`1;${"A".repeat(maxProofChars)}`)).toMatchObject({ ok: false, code: "too-large" });
    expect(decodeProof("")).toMatchObject({ ok: false });
  });
});

describe("a permission as text", () => {
  const permission = {
    chainId: 31_337,
    group: toHex(seededBytes(20, 1)),
    forAnybody: true,
    root: toHex(seededBytes(32, 2)),
    until: 9_999,
    bytesPerDay: 2 ** 40,
    sequence: 7,
    signature: seededBytes(65, 3),
  };

  it("gives its fields back; cut, longer or changed texts are refused or are another permission", () => {
    const text = encodePermission(permission);
    expect(decodePermission(text)).toEqual({ ok: true, value: permission });
    for (const wrong of [text.slice(1), `${text}A`, "", "%%%", text.replace(/.$/, "*")])
      expect(decodePermission(wrong)).toMatchObject({ ok: false, code: "range" });
  });
});

describe("the path of a piece", () => {
  it("names its root, in any case and with or without 0x; other paths name none", () => {
    const root = toHex(seededBytes(32, 4));
    expect(pathOfPiece(root)).toBe(`/piece/${root.slice(2)}`);
    for (const path of [pathOfPiece(root), `/piece/${root}`, `/piece/${root.slice(2).toUpperCase()}`])
      expect(pieceOfPath(path)).toBe(root);
    for (const path of [
      "/piece/",
      "/piece/0x12",
      `/piece/${root}/`,
      `/x/piece/${root}`,
      `/piece/${root.slice(2)}a`,
    ])
      expect(pieceOfPath(path)).toBeUndefined();
  });
});
