/** R20, R28: what the audit block draws, the same for all keepers and known to nobody while committing. */
import { keccakWords } from "../hash.ts";
import type { Hex } from "../hash.ts";

export const auditDraws = 16;

export type Draw = { readonly provider: number; readonly slot: number };

/** Shape of a record tree: what the draws range over. */
export type AuditScope = {
  readonly providers: readonly number[];
  readonly fromSlot: number;
  readonly toSlot: number;
};

/** 16 (provider, slot) pairs with replacement, from the closed set and the hash of the audit block. */
export function drawAudit(closedSet: Hex, blockHash: Hex, scope: AuditScope): Draw[] {
  const slots = scope.toSlot - scope.fromSlot;
  const leaves = BigInt(scope.providers.length * slots);
  if (leaves === 0n) return [];
  const seed = keccakWords(closedSet, blockHash);
  return Array.from({ length: auditDraws }, (_, j) => {
    // 256 bits modulo a small number: the bias is below 2^-230.
    const leaf = Number(BigInt(keccakWords(seed, j)) % leaves);
    return {
      provider: scope.providers[Math.floor(leaf / slots)] as number,
      slot: scope.fromSlot + (leaf % slots),
    };
  });
}

/** Each drawn pair once, in order of first draw. */
export function uniqueDraws(draws: readonly Draw[]): Draw[] {
  return draws.filter((d, i) => draws.findIndex((e) => e.provider === d.provider && e.slot === d.slot) === i);
}

/** Position of a pair among the leaves of a record tree. */
export function leafIndex(scope: AuditScope, draw: Draw): number {
  return (
    scope.providers.indexOf(draw.provider) * (scope.toSlot - scope.fromSlot) + draw.slot - scope.fromSlot
  );
}

/** R28: receipts a keeper must have opened to be paid; `median` is the lower median M over the bundle. */
export function openingsNeeded(round: Hex, blockHash: Hex, median: number): number {
  if (median === 0) return 0;
  return 1 + Number((BigInt(keccakWords(round, blockHash)) * BigInt(median)) >> 256n);
}
