/** What a committee attests about a contribution to a ceremony (R48). It moves no money. */
import { typedDigest } from "./certificate.ts";
import { keccakText, keccakWords } from "./hash.ts";
import type { Hex } from "./hash.ts";

/** A contribution: the file that it started from, and the file that it made. */
export type CeremonyContribution = {
  /** Identifier of the ceremony: the hash of its definition. */
  readonly ceremony: Hex;
  /** Counted from 1. */
  readonly index: number;
  /** Piece root of the challenge. */
  readonly challenge: Hex;
  /** Piece root of the response. */
  readonly response: Hex;
};

const contributionType = keccakText(
  "Contribution(bytes32 ceremony,uint64 index,bytes32 challenge,bytes32 response)",
);

/**
 * R48: the digest that a member's BLS key signs.
 * @param domain of the committee (R27)
 * @throws RangeError if the index is not a positive integer
 */
export function contributionDigest(domain: Hex, c: CeremonyContribution): Hex {
  if (!Number.isSafeInteger(c.index) || c.index < 1)
    throw new RangeError(`index of a contribution: expected an integer from 1, actual ${c.index}`);
  return typedDigest(
    domain,
    keccakWords(contributionType, c.ceremony, BigInt(c.index), c.challenge, c.response),
  );
}
