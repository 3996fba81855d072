/** The factory's conditions on a group's block parameters (R4), written from the rule. */
import type { Suggested } from "../../cli/chain/presets.ts";

/** The conditions of R4 that do not hold. */
export function brokenConditions(rhythm: Suggested, keepers: number): string[] {
  const { interval, turn, slot, answer, confirmations, lockup } = rhythm;
  const f = (keepers - 1) / 3;
  const a = Math.floor(turn / 12);
  const conditions: readonly (readonly [string, boolean])[] = [
    ["c divides t", turn % slot === 0],
    ["c divides h", interval % slot === 0],
    ["c > confirmations + d + 1", slot > confirmations + answer + 1],
    ["h ≥ t + confirmations", interval >= turn + confirmations],
    ["t ≤ 8,000", turn <= 8_000],
    [
      "⌈2t/3⌉ ≥ 2·⌈t/6⌉ + 2·confirmations + max(8, a + 6)",
      Math.ceil((2 * turn) / 3) >= 2 * Math.ceil(turn / 6) + 2 * confirmations + Math.max(8, a + 6),
    ],
    ["lockup ≥ h + (f+1)·t", lockup >= interval + (f + 1) * turn],
  ];
  return conditions.flatMap(([name, holds]) => (holds ? [] : [name]));
}
