/** Checks signatures and proofs of others. It is a port, so that a simulation can use cheap signatures. */
import type { PartialSignature } from "../core/effects.ts";
import type { Member } from "../../protocol/committee.ts";
import type { Hex } from "../../protocol/hash.ts";
import type { FullProof, OpenedLeaf } from "../../protocol/messages.ts";
import type { ReasonCode } from "../../protocol/reasons.ts";
import type { VerifiedAnswer } from "../../protocol/codec/answer.ts";
import type { OpeningsScope } from "../../protocol/codec/openings.ts";
export type { OpeningsScope } from "../../protocol/codec/openings.ts";
import type { ChallengeAnswer, ChallengeRequest, ChallengeTarget } from "../../protocol/codec/challenge.ts";
import type { Result } from "../../storage/core/result.ts";
import type { PieceList } from "../../storage/core/piece-list.ts";

export type Aggregate = {
  /** Compressed G1; undefined if fewer than asked for remain. */
  readonly signature: Hex | undefined;
  readonly signers: readonly number[];
  readonly culprits: readonly PartialSignature[];
};

export type AnswerInput = {
  readonly request: Omit<ChallengeRequest, "targets">;
  /** The group and provider of the answer. */
  readonly target: ChallengeTarget;
  readonly answer: Pick<ChallengeAnswer, "receipt" | "proof">;
  readonly list: PieceList;
  readonly receiptKey: Hex;
};

export type CryptoPort = {
  /** R11, R13: proof and receipt of an answer to this keeper's own challenge. */
  checkAnswer(input: AnswerInput): Result<VerifiedAnswer, "bad-proof" | "bad-receipt">;
  /** Lower-case address that signed the digest, or undefined if the signature is none. */
  messageSigner(digest: Hex, signature: Hex): Hex | undefined;
  /** Sums partial signatures over a digest; finds culprits by bisection only if the sum does not verify. */
  aggregate(digest: Hex, partials: readonly PartialSignature[], members: readonly Member[]): Aggregate;
  /** Checks receipts of opened leaves and one full proof (R21); undefined: all are valid. */
  openingsFault(
    opened: readonly OpenedLeaf[],
    proof: FullProof | undefined,
    scope: OpeningsScope,
  ): ReasonCode | undefined;
  /** R24: whether the receipt of a proven leaf is the provider's. */
  receiptHolds(leaf: OpenedLeaf, scope: Omit<OpeningsScope, "pieceList" | "blockHash">): boolean;
};
