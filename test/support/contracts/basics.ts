/** Small things that tests of contracts share. */
import type { Wallet } from "ethers";

/** A keeper of a test: its BLS secret and its operator's account. */
export type Keeper = { secret: bigint; operator: Wallet };

/** `count` whole numbers from `from`. */
export function range(count: number, from = 0): number[] {
  return Array.from({ length: count }, (_, i) => from + i);
}

/** @throws if there is none */
export function found<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw new Error(`expected ${what}, actual none`);
  return value;
}
