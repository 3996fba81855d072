/** R13: the check of proof and receipt of an answer. Takes about 3 ms, most of it for the receipt's signature. */
import type { PieceList } from "../../storage/core/piece-list.ts";
import { decodeProof, proofHash, verifyProof } from "../../storage/core/proof.ts";
import { accept, reject } from "../../storage/core/result.ts";
import type { Result } from "../../storage/core/result.ts";
import { sampleLeaves } from "../../storage/core/sampling.ts";
import type { Hex } from "../hash.ts";
import { leafSeed } from "../leaf-seed.ts";
import type { ChallengeAnswer, ChallengeRequest, ChallengeTarget } from "./challenge.ts";
import { checkReceipt, decodeReceipt, receiptHash } from "./receipt.ts";
import type { CommitteeDomain, SignedReceipt } from "./receipt.ts";

export type VerifiedAnswer = {
  readonly bytesProven: bigint;
  /** Draws proven, of 16. */
  readonly proven: number;
  /** R18's receipt hash. */
  readonly receiptHash: Hex;
};

export type AnswerChecks = {
  /** Recovers the signer of a receipt; real signatures by default. */
  readonly receiptSigner?: (domain: CommitteeDomain, signed: SignedReceipt) => Hex | undefined;
};

/**
 * Checks proof and receipt of the answer to `request` for one of its groups. `list` is the provider's piece list and `receiptKey` the address
 * of the receipt key, both as registered at the slot's start (R12). The seed is not checked: it is the caller's own. A check of
 * another keeper's full proof also calls `verifySeed` (R21).
 */
export function verifyAnswer(
  input: {
    readonly request: Omit<ChallengeRequest, "targets">;
    readonly target: ChallengeTarget;
    readonly answer: Pick<ChallengeAnswer, "receipt" | "proof">;
    readonly list: PieceList;
    readonly receiptKey: Hex;
  },
  checks: AnswerChecks = {},
): Result<VerifiedAnswer, "bad-proof" | "bad-receipt"> {
  const { request, target, answer, list, receiptKey } = input;
  const proof = decodeProof(answer.proof);
  if (!proof.ok) return reject("bad-proof", `${proof.code}: ${proof.detail}`);
  const draws = sampleLeaves(leafSeed(request.seed, target.group, target.provider), list);
  const sample = verifyProof({ list, draws, proof: proof.value });
  if (!sample.ok) return reject("bad-proof", `${sample.code}: ${sample.detail}`);
  const { bytesProven, proven } = sample.value;
  const receipt = decodeReceipt(answer.receipt);
  if (!receipt.ok) return reject("bad-receipt", `${receipt.code}: ${receipt.detail}`);
  const { keeper, slot, seed } = request;
  const expected = { ...target, keeper, slot, seed, bytesProven, proofHash: proofHash(answer.proof) };
  const checked = checkReceipt(request, receipt.value, expected, receiptKey, checks.receiptSigner);
  if (!checked.ok) return checked;
  return accept({ bytesProven, proven, receiptHash: receiptHash(answer.receipt) });
}
