/** Refusals and small arithmetic of the chain's model. */

/** A call that a contract refuses, with the error's name. */
export class Refusal extends Error {}

export function refuse(error: string): never {
  throw new Refusal(error);
}

export function min(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}

/** R4: token units per 2^64 byte·blocks. */
export const priceUnit = 2n ** 64n;

/** The first slot boundary of a grid at or after a block. */
export function boundaryFrom({ origin, slot }: { origin: number; slot: number }, block: number): number {
  return origin + Math.ceil((block - origin) / slot) * slot;
}
