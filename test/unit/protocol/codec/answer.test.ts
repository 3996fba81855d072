/** R13: an answer is valid only if proof and receipt are valid and match each other. */
import { describe, expect, it } from "vitest";
import { verifyAnswer } from "../../../../protocol/codec/answer.ts";
import type { ChallengeRequest } from "../../../../protocol/codec/challenge.ts";
import { openingsFault } from "../../../../protocol/codec/openings.ts";
import type { OpeningsScope } from "../../../../protocol/codec/openings.ts";
import {
  encodeReceipt,
  receiptHash,
  receiptSigner,
  secretKeyAddress,
  signReceipt,
} from "../../../../protocol/codec/receipt.ts";
import type { Receipt } from "../../../../protocol/codec/receipt.ts";
import { leafSeed } from "../../../../protocol/leaf-seed.ts";
import { toHex } from "../../../../protocol/hash.ts";
import type { OpenedLeaf } from "../../../../protocol/messages.ts";
import type { ReasonCode } from "../../../../protocol/reasons.ts";
import { leafBytes } from "../../../../storage/core/geometry.ts";
import { pieceRoot, segmentLeaves, treeLevels } from "../../../../storage/core/merkle.ts";
import { siblingPositions } from "../../../../storage/core/multiproof.ts";
import { makePieceList } from "../../../../storage/core/piece-list.ts";
import { encodeProof, proofHash } from "../../../../storage/core/proof.ts";
import { sampleLeaves } from "../../../../storage/core/sampling.ts";
import { seededBytes, seededNumbers } from "../../../support/files.ts";
import { secretOf } from "../../../support/secrets.ts";

const file = seededBytes(100_000, 1);
const list = makePieceList([{ root: pieceRoot(file), size: file.length }]);
const secret = secretOf(1);
const receiptKey = secretKeyAddress(secret);
const target = { group: `0x${"67".repeat(20)}`, provider: 2 } as const;
const request: ChallengeRequest = {
  chainId: 31_337,
  committee: `0x${"a1".repeat(20)}`,
  operator: `0x${"b7".repeat(20)}`,
  keeper: `0x${"b2".repeat(20)}`,
  targets: [target],
  slot: 77,
  blockHash: toHex(seededBytes(32, 5)),
  seed: seededBytes(48, 6),
};
const draws = sampleLeaves(leafSeed(request.seed, target.group, target.provider), list);

/** Canonical proof of the drawn leaves for which `kept` is true. */
function proofOf(kept: (leaf: number) => boolean): { bytes: Uint8Array; proven: number } {
  const levels = treeLevels(segmentLeaves(file));
  const leaves = [...new Set(draws.map(({ leaf }) => leaf))].filter(kept).sort((a, b) => a - b);
  const pieces = {
    piece: 0,
    leaves: leaves.map((leaf) => {
      const bytes = new Uint8Array(leafBytes);
      bytes.set(file.subarray(leaf * leafBytes, (leaf + 1) * leafBytes));
      return { leaf, bytes };
    }),
    nodes: siblingPositions(leaves, 7).map(({ level, index }) => levels[level]![index]!),
  };
  const bytes = encodeProof({ pieces: leaves.length > 0 ? [pieces] : [] });
  return { bytes, proven: draws.filter(({ leaf }) => kept(leaf)).length };
}

function answerOf(kept: (leaf: number) => boolean, changes: Partial<Receipt> = {}) {
  const { bytes: proof, proven } = proofOf(kept);
  const receipt: Receipt = {
    ...target,
    keeper: request.keeper,
    slot: request.slot,
    seed: request.seed,
    bytesProven: (list.totalBytes * BigInt(proven)) / 16n,
    proofHash: proofHash(proof),
    ...changes,
  };
  return { answer: { receipt: encodeReceipt(signReceipt(request, receipt, secret)), proof }, proven };
}

const verify = (answer: { receipt: Uint8Array; proof: Uint8Array }, key = receiptKey) =>
  verifyAnswer({ request, target, answer, list, receiptKey: key });

describe("an answer", () => {
  it("proves all bytes with all leaves, and has the hash of its receipt", () => {
    const { answer } = answerOf(() => true);
    expect(verify(answer)).toEqual({
      ok: true,
      value: { bytesProven: list.totalBytes, proven: 16, receiptHash: receiptHash(answer.receipt) },
    });
    expect(verifyAnswer({ request, target, answer, list, receiptKey })).toEqual(verify(answer));
  });

  it("proves a part of the bytes with some leaves, and 0 with none", () => {
    const { answer, proven } = answerOf((leaf) => leaf % 3 === 0);
    expect(proven).toBeGreaterThan(0);
    expect(proven).toBeLessThan(16);
    const bytesProven = (list.totalBytes * BigInt(proven)) / 16n;
    expect(verify(answer)).toMatchObject({ ok: true, value: { proven, bytesProven } });
    expect(verify(answerOf(() => false).answer)).toMatchObject({
      ok: true,
      value: { proven: 0, bytesProven: 0n },
    });
  });

  it("is a bad receipt if its bytes, proof, slot, seed, keeper, group or provider differ", () => {
    const lies: Partial<Receipt>[] = [
      { bytesProven: list.totalBytes + 1n },
      { bytesProven: 0n },
      { proofHash: seededBytes(32, 3) },
      { slot: 78 },
      { seed: seededBytes(48, 7) },
      { keeper: `0x${"b3".repeat(20)}` },
      { provider: 3 },
      { group: `0x${"68".repeat(20)}` },
    ];
    for (const lie of lies) {
      expect(verify(answerOf(() => true, lie).answer)).toMatchObject({ ok: false, code: "bad-receipt" });
    }
    const { answer } = answerOf(() => true);
    expect(verify(answer, secretKeyAddress(secretOf(2)))).toMatchObject({ code: "bad-receipt" });
    expect(verify({ ...answer, receipt: answer.receipt.subarray(1) })).toMatchObject({ code: "bad-receipt" });
  });

  it("is a bad proof if it has other leaves, is of another challenge, or is malformed", () => {
    const { answer } = answerOf(() => true);
    const other = { ...request, seed: seededBytes(48, 8) };
    expect(verifyAnswer({ request: other, target, answer, list, receiptKey })).toMatchObject({
      code: "bad-proof",
    });
    expect(verify({ ...answer, proof: new Uint8Array() })).toMatchObject({ code: "bad-proof" });
    expect(verify({ ...answer, proof: seededBytes(5_000, 1) })).toMatchObject({ code: "bad-proof" });
  });

  it("is invalid after a flip of any single bit of proof or receipt", () => {
    const { answer } = answerOf(() => true);
    const next = seededNumbers(9);
    for (let i = 0; i < 300; i++) {
      const part = i % 3 === 0 ? "receipt" : "proof";
      const bytes = answer[part].slice();
      const bit = next() % (bytes.length * 8);
      bytes[bit >> 3]! ^= 1 << (bit & 7);
      expect(verify({ ...answer, [part]: bytes }).ok, `${part} bit ${bit}`).toBe(false);
    }
  });
});

describe("the opened leaves and the proof of a reveal (R21)", () => {
  const keeper = { operator: request.keeper, blsKey: toHex(seededBytes(96, 3)) };
  const { totalBytes: bytes } = list;
  const data = { fromBlock: 0, bytes, price: 1n, listRoot: toHex(list.root), receiptKey };
  const scope: OpeningsScope = {
    chainId: request.chainId,
    committee: request.committee,
    keeper,
    dataOf: () => ({ group: target.group, operator: request.operator, data }),
    pieceList: list,
    blockHash: request.blockHash,
  };
  const { answer } = answerOf(() => true);
  const { slot, seed } = request;
  const name = { group: 5, provider: target.provider };
  const proof = { ...name, slot, seed, proof: answer.proof };
  const opened = ({ receipt }: { receipt: Uint8Array }, at = slot): OpenedLeaf => {
    const leaf = { kind: "proven", bytes: list.totalBytes, receiptHash: receiptHash(receipt) } as const;
    return { ...name, slot: at, leaf, path: new Uint8Array(), receipt };
  };
  const fault = (leaves: readonly OpenedLeaf[], seedHolds = true): ReasonCode | undefined =>
    openingsFault(leaves, proof, scope, { receiptSigner, verifySeed: () => seedHolds });

  it("are valid with the provider's receipts and the keeper's seed", () => {
    expect(fault([opened(answer), opened(answerOf(() => true, { slot: 78 }).answer, 78)])).toBeUndefined();
  });

  it.each([0, 1, 2])("are invalid if the receipt at position %i is of another slot", (place) => {
    const leaves = [77, 78, 79].map((at) => opened(answerOf(() => true, { slot: at }).answer, at));
    expect(fault(leaves)).toBeUndefined();
    const forged = answerOf(() => true, { slot: 80 }).answer;
    const spoiled = leaves.map((leaf, i) => (i === place ? opened(forged, leaf.slot) : leaf));
    expect(fault(spoiled)).toBe("reveal-bad-receipt");
  });

  it("are invalid if a leaf has other bytes than its receipt, or the receipt is of another provider, keeper or group", () => {
    const one = opened(answer);
    const checks = { receiptSigner, verifySeed: () => true };
    const { receiptHash: hash } = one.leaf as Extract<OpenedLeaf["leaf"], { kind: "proven" }>;
    for (const more of [-1n, 1n]) {
      const leaf = { kind: "proven", bytes: list.totalBytes + more, receiptHash: hash } as const;
      expect(openingsFault([{ ...one, leaf }], undefined, scope, checks)).toBe("reveal-bad-receipt");
    }
    const elsewhere: Partial<OpeningsScope>[] = [
      { keeper: { ...keeper, operator: request.operator } },
      { dataOf: () => ({ group: request.operator, operator: request.operator, data }) },
    ];
    for (const change of elsewhere)
      expect(openingsFault([one], undefined, { ...scope, ...change }, checks)).toBe("reveal-bad-receipt");
    const other = { ...one, provider: one.provider + 1 };
    expect(openingsFault([other], undefined, scope, checks)).toBe("reveal-bad-receipt");
    expect(openingsFault([one], undefined, scope, checks)).toBeUndefined();
  });

  it("are invalid if the seed is not the keeper's signature", () => {
    expect(fault([opened(answer)], false)).toBe("reveal-bad-proof");
  });
});
