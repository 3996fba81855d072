/** Bytes of the challenge protocol: fixed sizes, one encoding, printable refusals. */
import { describe, expect, it } from "vitest";
import {
  maxChallengeRequestBytes,
  maxChallengeResponseBytes,
  maxPagePieces,
  maxTargets,
  maxPiecesResponseBytes,
  piecesRequestBytes,
  refusalCodes,
  decodeChallengeRequest,
  decodeChallengeResponse,
  decodePiecesRequest,
  decodePiecesResponse,
  encodeChallengeRequest,
  encodeChallengeResponse,
  encodePiecesRequest,
  encodePiecesResponse,
  refusal,
} from "../../../../protocol/codec/challenge.ts";
import type { ChallengeRequest, PiecesPage } from "../../../../protocol/codec/challenge.ts";
import { receiptBytes } from "../../../../protocol/codec/receipt.ts";
import { toHex } from "../../../../protocol/hash.ts";
import { PieceEntries } from "../../../../storage/core/piece-list.ts";
import { maxProofBytes } from "../../../../storage/core/proof.ts";
import { seededBytes } from "../../../support/files.ts";

const request: ChallengeRequest = {
  chainId: 31_337,
  committee: `0x${"a1".repeat(20)}`,
  operator: `0x${"a7".repeat(20)}`,
  keeper: `0x${"b2".repeat(20)}`,
  slot: 2 ** 52,
  blockHash: toHex(seededBytes(32, 1)),
  seed: seededBytes(48, 2),
  targets: [
    { group: `0x${"67".repeat(20)}`, provider: 4_000_000_000 },
    { group: `0x${"68".repeat(20)}`, provider: 0 },
  ],
};

describe("requests", () => {
  it("decode to the encoded fields, with one and with most groups", () => {
    const targets = Array.from({ length: maxTargets }, (_, provider) => ({
      group: request.operator,
      provider,
    }));
    for (const one of [request, { ...request, targets: targets.slice(0, 1) }, { ...request, targets }]) {
      expect(decodeChallengeRequest(encodeChallengeRequest(one))).toEqual({ ok: true, value: one });
    }
    expect(encodeChallengeRequest({ ...request, targets })).toHaveLength(maxChallengeRequestBytes);
    for (const bad of [[], [...targets, ...targets.slice(0, 1)]]) {
      expect(decodeChallengeRequest(encodeChallengeRequest({ ...request, targets: bad })).ok).toBe(false);
    }
    const pieces = {
      chainId: 1,
      committee: request.committee,
      group: request.operator,
      provider: 0,
      listRoot: toHex(seededBytes(32, 3)),
      first: 16_384,
    };
    expect(encodePiecesRequest(pieces)).toHaveLength(piecesRequestBytes);
    expect(decodePiecesRequest(encodePiecesRequest(pieces))).toEqual({ ok: true, value: pieces });
  });

  it("are refused if they are too short, too long, of another version, or have a slot that is not a safe integer", () => {
    const bytes = encodeChallengeRequest(request);
    expect(decodeChallengeRequest(bytes.subarray(0, -1))).toMatchObject({ code: "truncated" });
    expect(decodeChallengeRequest(Buffer.concat([bytes, Buffer.of(0)]))).toMatchObject({ ok: false });
    const versioned = bytes.slice();
    versioned[0] = 1;
    expect(decodeChallengeRequest(versioned)).toMatchObject({ code: "version" });
    const unsafe = bytes.slice();
    unsafe.fill(0xff, 69, 77);
    expect(decodeChallengeRequest(unsafe)).toMatchObject({ code: "range" });
  });

  it("throw on encoding a value out of range, which is a bug of the caller", () => {
    expect(() =>
      encodeChallengeRequest({ ...request, targets: [{ group: request.operator, provider: 2 ** 32 }] }),
    ).toThrow(RangeError);
    expect(() => encodeChallengeRequest({ ...request, seed: new Uint8Array(47) })).toThrow(RangeError);
  });
});

describe("responses", () => {
  it("with an answer decode to the encoded fields, including the longest", () => {
    for (const length of [0, 1, maxProofBytes]) {
      const answer = {
        kind: "answer",
        receipt: seededBytes(receiptBytes, 1),
        proof: seededBytes(length, 2),
      } as const;
      const answers = [answer, refusal("no-data", "why"), answer];
      const value = { kind: "answers", answers } as const;
      const bytes = encodeChallengeResponse(value);
      expect(bytes.length).toBeLessThanOrEqual(maxChallengeResponseBytes);
      expect(decodeChallengeResponse(bytes, 3)).toEqual({ ok: true, value });
      expect(decodeChallengeResponse(bytes, 2)).toMatchObject({ code: "range" });
      expect(decodeChallengeResponse(bytes.subarray(0, -1), 3)).toMatchObject({ code: "truncated" });
      expect(decodeChallengeResponse(Buffer.concat([bytes, Buffer.of(0)]), 3).ok).toBe(false);
    }
  });

  it.each(refusalCodes)("with the refusal %s decode with their reason, in both protocols", (code) => {
    const refused = refusal(code, "what was wrong: expected this, actual that");
    expect(decodeChallengeResponse(encodeChallengeResponse(refused), 1)).toEqual({
      ok: true,
      value: refused,
    });
    expect(decodePiecesResponse(encodePiecesResponse(refused))).toEqual({ ok: true, value: refused });
  });

  it("cut a long reason at a character boundary, and replace a peer's control characters", () => {
    const long = decodeChallengeResponse(encodeChallengeResponse(refusal("busy", "é".repeat(150))), 1);
    expect(long).toEqual({ ok: true, value: refusal("busy", "é".repeat(100)) });
    const nasty = refusal("busy", "a\u001b[2Jb\nc\u0000\u202e\u{e0041}d");
    expect(decodeChallengeResponse(encodeChallengeResponse(nasty), 1)).toEqual({
      ok: true,
      value: refusal("busy", "a?[2Jb?c???d"),
    });
    const invalid = Uint8Array.of(2, 1, 0, 2, 0xff, 0xfe);
    expect(decodeChallengeResponse(invalid, 1)).toMatchObject({
      ok: true,
      value: { detail: "\ufffd\ufffd" },
    });
  });

  it("of an unknown kind, code or length are refused", () => {
    expect(decodeChallengeResponse(Uint8Array.of(2, 2), 1)).toMatchObject({ code: "range" });
    expect(decodeChallengeResponse(Uint8Array.of(2, 1, refusalCodes.length, 0), 1)).toMatchObject({
      code: "range",
    });
    expect(decodeChallengeResponse(Uint8Array.of(2, 1, 0, 201), 1)).toMatchObject({ code: "range" });
    const answer = {
      kind: "answer",
      receipt: new Uint8Array(receiptBytes),
      proof: new Uint8Array(9),
    } as const;
    const bytes = encodeChallengeResponse({ kind: "answers", answers: [answer] });
    new DataView(bytes.buffer, bytes.byteOffset).setUint32(2 + 4 + 1 + receiptBytes, maxProofBytes + 1);
    expect(decodeChallengeResponse(bytes, 1)).toMatchObject({ code: "range" });
  });
});

describe("pages of a piece list", () => {
  const page = (total: number, first: number, count: number): PiecesPage => ({
    kind: "pieces",
    total,
    first,
    pieces: entries(Array.from({ length: count }, (_, i) => i + 1)),
  });
  /** Pieces of these sizes. */
  const entries = (sizes: readonly number[]): PieceEntries => {
    const bytes = sizes.map((size, i) => [...seededBytes(32, i + 1), ...sizeBytes(size)]);
    return new PieceEntries(Uint8Array.from(bytes.flat()));
  };
  const sizeBytes = (size: number): Uint8Array => {
    const out = new Uint8Array(8);
    new DataView(out.buffer).setBigUint64(0, BigInt(size));
    return out;
  };

  it("decode to the encoded fields, including a full page", () => {
    for (const each of [page(1, 0, 1), page(10, 7, 3), page(65_536, 16_384, maxPagePieces)]) {
      const bytes = encodePiecesResponse(each);
      expect(bytes.length).toBeLessThanOrEqual(maxPiecesResponseBytes);
      expect(decodePiecesResponse(bytes)).toEqual({ ok: true, value: each });
    }
  });

  it("are refused if they are empty, end after the list, or have a piece of 0 bytes", () => {
    for (const bad of [page(5, 0, 0), page(5, 4, 2), page(0, 0, 1), page(65_537, 0, 1)]) {
      expect(decodePiecesResponse(encodePiecesResponse(bad))).toMatchObject({ code: "range" });
    }
    for (const size of [0, Number.MAX_SAFE_INTEGER + 1]) {
      const bad = { ...page(1, 0, 1), pieces: entries([size]) };
      expect(decodePiecesResponse(encodePiecesResponse(bad))).toMatchObject({ code: "range" });
    }
  });
});
