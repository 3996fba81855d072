/** The chain of contributions of one set: each multiplied tau by a secret, whose public key is in G2 and may sign. */
import type { PointG1, PointG2 } from "../curves.ts";
import { sameRatio } from "../same-ratio.ts";
import { randomWeights } from "../weights.ts";
import type { Field } from "./json.ts";
import { curve, pointG1, pointG2 } from "./points.ts";
import type { TranscriptSet } from "./transcript.ts";

/** Contributions that are checked by one product of pairings: one final exponentiation for all of them. */
export const batchContributions = 64;

type Link = {
  readonly before: PointG1;
  readonly after: PointG1;
  readonly key: PointG2;
  /** The identity's point and its signature; undefined if the participant did not sign. */
  readonly signed: { readonly message: PointG1; readonly signature: PointG1 } | undefined;
};

export type LinkChecks = {
  /** Tau is the one before times the key's secret. */
  readonly ratio: boolean;
  /** The key signed the participant's identity; undefined without a signature. */
  readonly signature: boolean | undefined;
};

/** e(before, key) = e(after, g2) and e(message, key) = e(signature, g2), for all links at once by a random linear combination. */
function allHold(links: readonly Link[]): boolean {
  const { G1, G2 } = curve;
  const weights = randomWeights(2 * links.length);
  let right = G1.zero;
  const pairs = links.map(({ before, after, key, signed }, i) => {
    const [first, second] = [weights[2 * i] as bigint, weights[2 * i + 1] as bigint];
    const [points, scalars] = signed
      ? [
          [before, signed.message],
          [first, second],
        ]
      : [[before], [first]];
    right = right.add(after.multiplyUnsafe(first));
    if (signed) right = right.add(signed.signature.multiplyUnsafe(second));
    return { g1: G1.sumOfProducts(points, scalars), g2: key };
  });
  const all = [...pairs, { g1: right.negate(), g2: G2.base }];
  return all.every(({ g1 }) => !g1.is0()) && curve.pairingProductIsOne(all);
}

function checkLink({ before, after, key, signed }: Link): LinkChecks {
  const { G2 } = curve;
  return {
    ratio: sameRatio(curve, [before, after], [G2.base, key]),
    signature: signed && sameRatio(curve, [signed.message, signed.signature], [G2.base, key]),
  };
}

/** Checks a batch together, and one by one only if something in it does not hold. */
function checkLinks(links: readonly Link[]): LinkChecks[] {
  if (!allHold(links)) return links.map(checkLink);
  return links.map(({ signed }) => ({ ratio: true, signature: signed && true }));
}

/**
 * Checks contributions `from` to `to`, without `to`; the start is number 0.
 * @param messages the point of each of these participants' identities
 * @throws CeremonyFileError for a text that is no point of the subgroup
 */
export function checkWitness(
  { products, keys, signatures }: TranscriptSet,
  from: number,
  to: number,
  messages: readonly PointG1[],
): LinkChecks[] {
  const links: Link[] = [];
  let before = pointG1(products[from - 1] as Field);
  for (let i = from; i < to; i++) {
    const after = pointG1(products[i] as Field);
    const signature = signatures[i] as Field;
    links.push({
      before,
      after,
      key: pointG2(keys[i] as Field),
      signed:
        signature.text() === ""
          ? undefined
          : { message: messages[i - from] as PointG1, signature: pointG1(signature) },
    });
    before = after;
  }
  return checkLinks(links);
}
