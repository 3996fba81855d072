/** R13, R21, R24: checks of receipts and full proofs of this keeper and of others. */
import type { PieceList } from "../../storage/core/piece-list.ts";
import type { DataCheckpoint, Member } from "../committee.ts";
import { fromHex } from "../hash.ts";
import type { Hex } from "../hash.ts";
import type { FullProof, OpenedLeaf } from "../messages.ts";
import type { ReasonCode } from "../reasons.ts";
import { leafKeyText } from "../records.ts";
import type { LeafKey } from "../records.ts";
import { verifyAnswer } from "./answer.ts";
import { checkReceipt, decodeReceipt, receiptHash, receiptSigner } from "./receipt.ts";
import type { CommitteeDomain, SignedReceipt } from "./receipt.ts";
import { verifySeed } from "./seed.ts";
import type { SeedScope } from "./seed.ts";

/** The checks that need keys. A simulation supplies cheap signatures. */
export type OpeningsChecks = {
  /** Lower-case address of the signer; undefined if the signature is invalid. */
  readonly receiptSigner: (domain: CommitteeDomain, signed: SignedReceipt) => Hex | undefined;
  readonly verifySeed: (scope: SeedScope, seed: Uint8Array, blsKey: Uint8Array) => boolean;
};

export const realSignatureChecks: OpeningsChecks = { receiptSigner, verifySeed };

/** What a provider registered for a slot (R12). */
export type SlotData = {
  /** Address of the group. */
  readonly group: Hex;
  /** Operator address of the provider. */
  readonly operator: Hex;
  readonly data: DataCheckpoint;
};

export type OpeningsScope = {
  readonly chainId: number;
  /** Address of the committee's contract. */
  readonly committee: Hex;
  readonly keeper: Member;
  /** The provider's data at the start of a slot (R12); undefined: none. */
  readonly dataOf: (key: LeafKey) => SlotData | undefined;
  readonly pieceList: PieceList | undefined;
  /** Hash of the first block of the proof's slot. */
  readonly blockHash: Hex | undefined;
};

/** Receipts of opened leaves and one full proof (R21); undefined: all hold. */
export function openingsFault(
  opened: readonly OpenedLeaf[],
  proof: FullProof | undefined,
  scope: OpeningsScope,
  checks: OpeningsChecks,
): ReasonCode | undefined {
  for (const leaf of opened) if (!receiptHolds(leaf, scope, checks)) return "reveal-bad-receipt";
  if (proof === undefined) return undefined;
  return proofHolds(opened, proof, scope, checks) ? undefined : "reveal-bad-proof";
}

/** R24: whether the provider signed the receipt of a proven leaf. */
export function receiptHolds(
  opened: OpenedLeaf,
  scope: Omit<OpeningsScope, "pieceList" | "blockHash">,
  checks: OpeningsChecks,
): boolean {
  const { leaf, provider, slot } = opened;
  if (leaf.kind !== "proven" || receiptHash(opened.receipt) !== leaf.receiptHash) return false;
  const decoded = decodeReceipt(opened.receipt);
  const known = scope.dataOf(opened);
  if (!decoded.ok || known === undefined) return false;
  const { group, data } = known;
  const expected = { group, keeper: scope.keeper.operator, provider, slot, bytesProven: leaf.bytes };
  return checkReceipt(scope, decoded.value, expected, data.receiptKey, checks.receiptSigner).ok;
}

/** R21: whether the keeper signed the seed, the seed draws these leaves, and the receipt names this proof. */
function proofHolds(
  opened: readonly OpenedLeaf[],
  proof: FullProof,
  scope: OpeningsScope,
  checks: OpeningsChecks,
): boolean {
  const { provider, slot, seed } = proof;
  const { chainId, committee, keeper, pieceList: list, blockHash } = scope;
  const known = scope.dataOf(proof);
  const receipt = opened.find((o) => leafKeyText(o) === leafKeyText(proof))?.receipt;
  if (list === undefined || blockHash === undefined || known === undefined || receipt === undefined) {
    return false;
  }
  const { group, operator, data } = known;
  const challenge = { chainId, committee, operator, slot, blockHash };
  const request = { ...challenge, keeper: keeper.operator, seed };
  const answer = { receipt, proof: proof.proof };
  const input = { request, target: { group, provider }, answer, list, receiptKey: data.receiptKey };
  if (!verifyAnswer(input, checks).ok) return false;
  return checks.verifySeed(challenge, seed, fromHex(keeper.blsKey));
}
