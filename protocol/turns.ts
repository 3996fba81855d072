/** Turn order, windows and failed leaders (R5–R7), from block numbers alone. */
import { keccakWords, wordBytes } from "./hash.ts";
import type { Hex } from "./hash.ts";

/** Lengths in blocks: `interval` is h, `turn` is t. */
export type TurnParams = { readonly interval: number; readonly turn: number };

/** A turn pays through block `te` (exclusive); its settlement is valid in blocks [from, to), from = te (R6). */
export type TurnWindow = { readonly te: number; readonly from: number; readonly to: number };

function fixedBytes(hex: string, length: number): Hex {
  const digits = hex.startsWith("0x") ? hex.slice(2) : hex;
  if (digits.length !== 2 * length) {
    throw new RangeError(`hex value: expected ${length} bytes, actual ${digits.length / 2}`);
  }
  return `0x${digits}`;
}

/** Sort key of one keeper: keccak256(abi.encode(uint64 ts, bytes32 committeeSeed, address operator)), as hex without 0x. */
export function turnHash(ts: number, committeeSeed: string, operator: string): string {
  if (!Number.isSafeInteger(ts) || ts < 0) {
    throw new RangeError(`block number: expected a non-negative integer, actual ${ts}`);
  }
  return keccakWords(ts, fixedBytes(committeeSeed, wordBytes), fixedBytes(operator, 20)).slice(2);
}

/**
 * R5: the committee's indices in turn order.
 * @param ts block through which the group is settled
 * @param committeeSeed 32 bytes as hex
 * @param operators addresses in contract order
 */
export function turnOrder(ts: number, committeeSeed: string, operators: readonly string[]): number[] {
  const hashes = operators.map((operator) => turnHash(ts, committeeSeed, operator));
  // Lower-case hex of equal length sorts like the numbers. sort() is stable, so contract order decides ties.
  return operators
    .map((_, index) => index)
    .sort((a, b) => {
      const left = hashes[a] as string;
      const right = hashes[b] as string;
      return left < right ? -1 : left > right ? 1 : 0;
    });
}

/** R6: the window of turn `turn` ≥ 1 of the interval that starts at `ts`. */
export function turnWindow(ts: number, params: TurnParams, turn: number): TurnWindow {
  if (!Number.isSafeInteger(turn) || turn < 1)
    throw new RangeError(`turn: expected at least 1, actual ${turn}`);
  const te = ts + params.interval + (turn - 1) * params.turn;
  return { te, from: te, to: te + params.turn };
}

/** The turn whose window holds `block`; 0 before the first window (R6). */
export function turnAt(block: number, ts: number, params: TurnParams): number {
  const sinceFirst = block - ts - params.interval;
  return sinceFirst < 0 ? 0 : Math.floor(sinceFirst / params.turn) + 1;
}

/** R6: index of the keeper that leads `turn` ≥ 1. */
export function leaderOf(order: readonly number[], turn: number): number {
  const leader = order[(turn - 1) % order.length];
  if (leader === undefined)
    throw new RangeError(`turn: expected at least 1 of a non-empty order, actual ${turn}`);
  return leader;
}

/** R7: leaders of the min(turn−1, f) turns before `turn`, in turn order. They take no share. */
export function failedLeaders(order: readonly number[], turn: number, f: number): number[] {
  const count = Math.min(turn - 1, f);
  return Array.from({ length: count }, (_, i) => leaderOf(order, turn - count + i));
}

/** R4: ⌈t/6⌉ blocks, the timeout of one phase of a turn. */
export function phaseTimeout(turnBlocks: number): number {
  return Math.ceil(turnBlocks / 6);
}

/** R4: a = ⌊t/12⌋. A message that is delivered and passed on within a − 1 blocks meets every deadline (L1). */
export function deliveryBlocks(turnBlocks: number): number {
  return Math.floor(turnBlocks / 12);
}

/** te + ⌈2t/3⌉: until then only the leader may submit (R25, R29). */
export function fallbackBlock(te: number, turnBlocks: number): number {
  return te + Math.ceil((2 * turnBlocks) / 3);
}
