/** Bounds on the parameters of a committee and a group that enters it (R4), in the order and with the texts of the contracts. */
import { deliveryBlocks, fallbackBlock, phaseTimeout } from "./turns.ts";

/** Lengths in blocks. */
export type BoundedParams = {
  readonly interval: number;
  readonly turn: number;
  readonly slot: number;
  readonly answer: number;
  readonly confirmations: number;
  readonly toleranceBps: number;
  readonly lockup: number;
  readonly keeperShareBps: number;
};

/** A violated bound, as `UpkeepingFactory_BadConfig` names it. */
export type BrokenBound = { readonly rule: string; readonly expected: bigint; readonly actual: bigint };

const longestTurn = 8_000;
const allBps = 10_000;

/**
 * Upper bound of the blocks that a round takes when one keeper does not commit and one does not reveal. If the leader has fewer
 * blocks, one silent keeper stops every settlement. Keepers accept an announcement for ⌊t/12⌋ blocks (R17, R19, R22).
 */
function roundBlocks({ turn, confirmations }: Pick<BoundedParams, "turn" | "confirmations">): number {
  return 2 * phaseTimeout(turn) + 2 * confirmations + Math.max(8, deliveryBlocks(turn) + 6);
}

/** The shortest lockup that the contract accepts for n keepers: it covers the turns of f failed leaders. */
export function lockupBound({ interval, turn }: Pick<BoundedParams, "interval" | "turn">, n: number): number {
  const f = Math.floor(Math.max(0, n - 1) / 3);
  return interval + (f + 1) * turn;
}

type Bound = { readonly rule: string; readonly expected: number; readonly actual: number; holds: boolean };

const atLeast = (rule: string, expected: number, actual: number): Bound => ({
  rule,
  expected,
  actual,
  holds: actual >= expected,
});
const atMost = (rule: string, expected: number, actual: number): Bound => ({
  rule,
  expected,
  actual,
  holds: actual <= expected,
});

/** Remainder of a division; another bound refuses a divisor of 0. */
const rest = (value: number, by: number): number => (by === 0 ? 0 : value % by);

/** The first bound that the parameters violate for n keepers; undefined if the contract accepts them. */
export function brokenBound(params: BoundedParams, n: number): BrokenBound | undefined {
  const { interval, turn, slot, answer, confirmations, lockup, keeperShareBps, toleranceBps } = params;
  const bounds = [
    atLeast("slot at least 1", 1, slot),
    atLeast("turn at least 1", 1, turn),
    atMost("slot divides turn", 0, rest(turn, slot)),
    atMost("slot divides interval", 0, rest(interval, slot)),
    atLeast("slot > confirmations+answer+1", confirmations + answer + 2, slot),
    atLeast("interval >= turn+confirmations", turn + confirmations, interval),
    atMost("turn <= 8000", longestTurn, turn),
    atLeast("2/3 turn >= time for its round", roundBlocks(params), fallbackBlock(0, turn)),
    atMost("tolerance <= 10000", allBps, toleranceBps),
    atLeast("lockup >= interval+(f+1)*turn", lockupBound(params, n), lockup),
    atMost("keeper share <= 10000", allBps, keeperShareBps),
  ];
  const broken = bounds.find(({ holds }) => !holds);
  if (broken === undefined) return undefined;
  return { rule: broken.rule, expected: BigInt(broken.expected), actual: BigInt(broken.actual) };
}
