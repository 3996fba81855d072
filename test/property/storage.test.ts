/** Storage and the challenge protocol's codec against models and random bytes. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  decodeChallengeRequest,
  decodeChallengeResponse,
  decodePiecesRequest,
  decodePiecesResponse,
  encodeChallengeRequest,
  encodeChallengeResponse,
  encodePiecesRequest,
  encodePiecesResponse,
} from "../../protocol/codec/challenge.ts";
import { receiptBytes, decodeReceipt, encodeReceipt } from "../../protocol/codec/receipt.ts";
import { toHex } from "../../protocol/hash.ts";
import type { Hex } from "../../protocol/hash.ts";
import { equalBytes } from "../../storage/core/bytes.ts";
import type { DecodeCode } from "../../storage/core/bytes.ts";
import { pieceGeometry } from "../../storage/core/geometry.ts";
import { entriesOf } from "../../storage/core/piece-list.ts";
import { nodeHash, pieceRoot, treeLevels } from "../../storage/core/merkle.ts";
import { multiproofTop, siblingPositions } from "../../storage/core/multiproof.ts";
import { decodeProof, encodeProof } from "../../storage/core/proof.ts";
import type { Result } from "../../storage/core/result.ts";
import { decodeTreeHeader, encodeTreeHeader, treeLayout } from "../../storage/disk/tree-file.ts";
import { seededBytes } from "../support/files.ts";
import { naiveRoot } from "../support/naive-piece.ts";

const codes: readonly DecodeCode[] = ["too-large", "truncated", "trailing", "version", "range", "order"];

const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const hex = (length: number): fc.Arbitrary<Hex> => bytes(length).map(toHex);
const u32 = fc.integer({ min: 0, max: 2 ** 32 - 1 });
const u64 = fc.maxSafeNat();

const pieceProof = fc.record({
  piece: u32,
  leaves: fc
    .uniqueArray(u64, { minLength: 1, maxLength: 2 })
    .map((leaves) =>
      leaves.sort((a, b) => a - b).map((leaf) => ({ leaf, bytes: seededBytes(1024, leaf % 1000) })),
    ),
  nodes: fc.array(bytes(32), { maxLength: 8 }),
});
const proof = fc
  .uniqueArray(pieceProof, { maxLength: 5, selector: ({ piece }) => piece })
  .map((pieces) => ({ pieces: pieces.sort((a, b) => a.piece - b.piece) }));
const receipt = fc.record({
  receipt: fc.record({
    group: hex(20),
    keeper: hex(20),
    provider: u32,
    slot: u64,
    seed: bytes(48),
    bytesProven: fc.bigInt({ min: 0n, max: 2n ** 128n - 1n }),
    proofHash: bytes(32),
  }),
  signature: bytes(65),
});
const challengeRequest = fc.record({
  chainId: u64,
  committee: hex(20),
  operator: hex(20),
  keeper: hex(20),
  slot: u64,
  blockHash: hex(32),
  seed: bytes(48),
  targets: fc.array(fc.record({ group: hex(20), provider: u32 }), { minLength: 1, maxLength: 5 }),
});
const answer = fc.record({
  kind: fc.constant("answer" as const),
  receipt: bytes(receiptBytes),
  proof: fc.uint8Array({ maxLength: 2_000 }),
});
/** Two answers: what the request in these tests asks for. */
const answers = fc.record({
  kind: fc.constant("answers" as const),
  answers: fc.array(answer, { minLength: 2, maxLength: 2 }),
});
const piecesRequest = fc.record({
  chainId: u64,
  committee: hex(20),
  group: hex(20),
  provider: u32,
  listRoot: hex(32),
  first: u32,
});
const page = fc
  .record({
    first: fc.integer({ min: 0, max: 40_000 }),
    more: fc.nat(20_000),
    pieces: fc.array(fc.record({ root: bytes(32), size: u64.map((size) => Math.max(size, 1)) }), {
      minLength: 1,
      maxLength: 20,
    }),
  })
  .map(({ first, more, pieces }) => ({
    kind: "pieces" as const,
    first,
    pieces: entriesOf(pieces),
    total: first + pieces.length + more,
  }));

type Form = {
  readonly name: string;
  readonly value: fc.Arbitrary<unknown>;
  readonly encode: (value: never) => Uint8Array;
  readonly decode: (bytes: Uint8Array) => Result<unknown, DecodeCode>;
};

const forms: readonly Form[] = [
  { name: "proof", value: proof, encode: encodeProof, decode: decodeProof },
  { name: "receipt", value: receipt, encode: encodeReceipt, decode: decodeReceipt },
  {
    name: "challenge",
    value: challengeRequest,
    encode: encodeChallengeRequest,
    decode: decodeChallengeRequest,
  },
  {
    name: "response to a challenge",
    value: answers,
    encode: encodeChallengeResponse,
    decode: (encoded) => decodeChallengeResponse(encoded, 2),
  },
  {
    name: "request for pieces",
    value: piecesRequest,
    encode: encodePiecesRequest,
    decode: decodePiecesRequest,
  },
  { name: "page of pieces", value: page, encode: encodePiecesResponse, decode: decodePiecesResponse },
];

/** Decoding makes a refusal's text printable, so a response with a refusal may differ in bytes after a round trip. */
const isRefusal = (value: unknown): boolean => (value as { kind?: string }).kind === "refusal";

describe.each(forms)("a $name", ({ value, encode, decode }) => {
  /** True if the bytes are refused with a known code, or equal the encoding of the decoded value. */
  function isRefusedOrCanonical(input: Uint8Array): boolean {
    const decoded = decode(input);
    if (!decoded.ok) return codes.includes(decoded.code) && decoded.detail.length > 0;
    return isRefusal(decoded.value) || equalBytes(encode(decoded.value as never), input);
  }

  it("decodes to the same fields", () => {
    fc.assert(
      fc.property(value, (original) => {
        expect(decode(encode(original as never))).toEqual({ ok: true, value: original });
      }),
      { seed: 1, numRuns: 100 },
    );
  });

  it("is refused with a code or decodes to another value after cuts, additions and overwrites, and never throws", () => {
    let refused = 0;
    const change = fc.record({
      cut: fc.option(fc.nat(), { nil: undefined }),
      tail: fc.uint8Array({ maxLength: 3 }),
      writes: fc.array(fc.tuple(fc.nat(200), fc.constantFrom(0, 1, 2, 0x7f, 0xff)), { maxLength: 4 }),
    });
    fc.assert(
      fc.property(value, change, (original, { cut, tail, writes }) => {
        const whole = encode(original as never);
        const end = cut === undefined ? whole.length : cut % (whole.length + 1);
        const input = new Uint8Array([...whole.subarray(0, end), ...tail]);
        for (const [at, byte] of writes) if (at < input.length) input[at] = byte;
        if (!decode(input).ok) refused++;
        return isRefusedOrCanonical(input);
      }),
      { seed: 2, numRuns: 400 },
    );
    expect(refused).toBeGreaterThan(150);
  });

  it("never throws on random bytes", () => {
    const noise = fc.uint8Array({ maxLength: 400 });
    const started = fc.tuple(fc.nat(2), noise).map(([kind, rest]) => new Uint8Array([1, kind, ...rest]));
    const sized = fc.nat(1_000).map((seed) => {
      const input = seededBytes(encode(fc.sample(value, { seed, numRuns: 1 })[0] as never).length, seed);
      input[0] = 1;
      return input;
    });
    expect(() =>
      fc.assert(fc.property(fc.oneof(noise, started, sized), isRefusedOrCanonical), {
        seed: 3,
        numRuns: 400,
      }),
    ).not.toThrow();
  });
});

describe("the tree", () => {
  it("has the naive model's root for a file of any size (R10)", () => {
    const sizes = fc.oneof(
      fc.integer({ min: 1, max: 400_000 }),
      fc
        .integer({ min: 1, max: 3 })
        .chain((n) => fc.integer({ min: -1, max: 1 }).map((d) => n * 126_976 + d)),
    );
    fc.assert(
      fc.property(sizes, fc.nat(), (size, seed) => {
        const file = seededBytes(size, seed);
        expect(toHex(pieceRoot(file))).toBe(toHex(naiveRoot(file)));
      }),
      { seed: 4, numRuns: 25 },
    );
  });

  it("is proven for any set of leaves with exactly the nodes that the verifier cannot compute", () => {
    const leaves = Array.from({ length: 32 }, (_, i) => seededBytes(32, i));
    const levels = treeLevels(leaves);
    const sets = fc
      .uniqueArray(fc.nat(31), { minLength: 1, maxLength: 20 })
      .map((set) => set.sort((a, b) => a - b));
    fc.assert(
      fc.property(sets, (set) => {
        const positions = siblingPositions(set, 5);
        // Model: a node is needed when it covers no leaf of the set and its sibling covers one.
        const covers = (level: number, index: number) => set.some((leaf) => leaf >> level === index);
        const model: { level: number; index: number }[] = [];
        for (let level = 0; level < 5; level++) {
          for (let index = 0; index < 32 >> level; index++) {
            if (!covers(level, index) && covers(level, index ^ 1)) model.push({ level, index });
          }
        }
        expect(positions).toEqual(model);
        const nodes = positions.map(({ level, index }) => levels[level]![index]!);
        const proven = set.map((index) => ({ index, hash: leaves[index]! }));
        const top = multiproofTop(proven, nodes, 5);
        expect(toHex(top ?? new Uint8Array())).toBe(toHex(levels[5]![0]!));
        expect(multiproofTop(proven, [...nodes, leaves[0]!], 5)).toBeUndefined();
        expect(nodes.length).toBeGreaterThan(0); // at most 20 of 32 leaves are given
        expect(multiproofTop(proven, nodes.slice(1), 5)).toBeUndefined();
      }),
      { seed: 5, numRuns: 200 },
    );
    expect(toHex(levels[1]![0]!)).toBe(toHex(nodeHash(leaves[0]!, leaves[1]!)));
  });
});

describe("the tree file", () => {
  it("assigns disjoint positions to all layers and nodes, up to its last byte", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 40 * 126_976 }), (size) => {
        const layout = treeLayout(size);
        const { segments, height } = pieceGeometry(size);
        expect(layout).toMatchObject({ segments, topHeight: height - 7 });
        const places: [number, number][] = [[0, 64]];
        for (let segment = 0; segment < segments; segment++) places.push([layout.layerOffset(segment), 992]);
        for (let level = 0; level <= layout.topHeight; level++) {
          for (let i = 0; i < layout.nodeCount(level); i++) places.push([layout.nodeOffset(level, i), 32]);
        }
        places.sort(([a], [b]) => a - b);
        let end = 0;
        for (const [start, length] of places) {
          expect(start).toBe(end);
          end += length;
        }
        expect(end).toBe(layout.fileBytes);
        expect(layout.nodeCount(layout.topHeight)).toBe(1);
      }),
      { seed: 6, numRuns: 40 },
    );
  });

  it("has a header that decodes, and refuses random bytes as a header", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 2 ** 53 - 1 }),
        bytes(32),
        fc.uint8Array({ maxLength: 80 }),
        (size, root, noise) => {
          const header = decodeTreeHeader(encodeTreeHeader(size, root));
          expect(header?.size).toBe(size);
          expect(toHex(header?.root ?? new Uint8Array())).toBe(toHex(root));
          expect(decodeTreeHeader(noise)).toBeUndefined();
        },
      ),
      { seed: 7, numRuns: 100 },
    );
  });
});
