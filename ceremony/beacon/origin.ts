/** Where a beacon's value came from: a public source that nobody could choose, announced before its value existed. */
import type { Hex } from "../../protocol/hash.ts";
import { drandRandomness, verifyDrandRound } from "./drand.ts";
import type { DrandChain, DrandRound } from "./drand.ts";

export type BeaconOrigin =
  | { readonly source: "drand"; readonly chain: DrandChain; readonly round: DrandRound }
  /** A block as a chain's endpoint states it. */
  | { readonly source: "block"; readonly chainId: bigint; readonly number: number; readonly hash: Hex };

/** The value that the source states; `checkOrigin` says whether it proves it. */
export function valueOf(origin: BeaconOrigin): Hex {
  return origin.source === "drand" ? drandRandomness(origin.round) : origin.hash;
}

export type OriginCheck = { readonly ok: boolean; readonly detail: string };

/** Whether `value` is what its source gave, and how that was decided. */
export function checkOrigin(value: Hex, origin: BeaconOrigin): OriginCheck {
  return origin.source === "drand" ? checkDrand(value, origin) : checkBlock(value, origin);
}

function checkDrand(value: Hex, { chain, round }: Extract<BeaconOrigin, { source: "drand" }>): OriginCheck {
  const name = `round ${round.round} of the drand chain ${chain.name}`;
  if (!verifyDrandRound(chain, round)) {
    return {
      ok: false,
      detail: `${name}: the signature is not the chain's, expected one by ${chain.publicKey}`,
    };
  }
  const randomness = drandRandomness(round);
  if (randomness !== value.toLowerCase()) {
    return { ok: false, detail: `${name}: expected its value ${randomness}, actual ${value}` };
  }
  return { ok: true, detail: `the value is that of ${name}, and its signature holds` };
}

function checkBlock(
  value: Hex,
  { chainId, number, hash }: Extract<BeaconOrigin, { source: "block" }>,
): OriginCheck {
  const name = `block ${number} of chain ${chainId}`;
  return hash.toLowerCase() === value.toLowerCase()
    ? { ok: true, detail: `the value is the hash of ${name}, as its endpoint states it` }
    : { ok: false, detail: `${name}: expected its hash ${hash}, actual ${value}` };
}
