/** Refusals and small arithmetic of the chain's model. */

/** A call that a contract refuses, with the error's name. */
export class Refusal extends Error {}

export function refuse(error: string): never {
  throw new Refusal(error);
}

export function min(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}

/** A deep copy of data that consists of arrays, maps, plain objects and primitive values. `structuredClone` takes ten times as long. */
export function copyOf<T>(value: T): T {
  return copied(value) as T;
}

function copied(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map(copied);
  if (value instanceof Map) return new Map([...value].map(([key, one]) => [key, copied(one)]));
  const copy: Record<string, unknown> = { ...value };
  for (const key of Object.keys(copy)) copy[key] = copied(copy[key]);
  return copy;
}

/** R4: token units per 2^64 byte·blocks. */
export const priceUnit = 2n ** 64n;

/** The first slot boundary of a grid at or after a block. */
export function boundaryFrom({ origin, slot }: { origin: number; slot: number }, block: number): number {
  return origin + Math.ceil((block - origin) / slot) * slot;
}
