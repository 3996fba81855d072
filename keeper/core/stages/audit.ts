/** R20, R28: the audit. The hash of the audit block determines it, equally for all keepers, after all have committed. */
import { keccakWords } from "../../../protocol/hash.ts";
import type { Hex } from "../../../protocol/hash.ts";
import { leafKeyText } from "../../../protocol/records.ts";
import type { LeafKey, RecordScope } from "../../../protocol/records.ts";

const auditDraws = 16;

/** The text "r" as abi.encode(bytes32, string) encodes it after the seed: offset, length, bytes. */
const thresholdText = [0x40, 1, `0x72${"00".repeat(31)}`] as const;

/** S = keccak256(abi.encode(committee, ts, turn, hash of B)). A turn has one audit block B, so nobody can choose S. */
export function auditSeed(committee: Hex, ts: number, turn: number, blockHash: Hex): Hex {
  return keccakWords(committee, ts, turn, blockHash);
}

/** R20: 16 leaves of the scope, with replacement; leaf j comes from keccak256(abi.encode(S, j)). */
export function drawAudit(seed: Hex, scope: RecordScope): LeafKey[] {
  const leaves = BigInt(scope.leafCount);
  if (leaves === 0n) return [];
  // 256 bits modulo a small number: the bias is below 2^-230.
  return Array.from({ length: auditDraws }, (_, j) =>
    scope.keyAt(Number(BigInt(keccakWords(seed, j)) % leaves)),
  );
}

/** Each drawn leaf once, in order of first draw. */
export function uniqueDraws(draws: readonly LeafKey[]): LeafKey[] {
  return [...new Map(draws.map((draw) => [leafKeyText(draw), draw])).values()];
}

/** R28: number of receipts that a keeper must open to be paid; `median` is the lower median M of the bundle. */
export function openingsNeeded(seed: Hex, median: number): number {
  if (median === 0) return 0;
  return 1 + Number((BigInt(keccakWords(seed, ...thresholdText)) * BigInt(median)) >> 256n);
}
