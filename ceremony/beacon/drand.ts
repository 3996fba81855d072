/**
 * Rounds of drand, a public source of random values: each round is a BLS signature over its number, and the random value is the
 * signature's SHA-256. So a round proves itself: the chain's public key is enough.
 *
 * The constants are those that the chains' own `/info` returns, as docs.drand.love states them. A test recomputes each chain's hash
 * from them: it is the name under which drand's documentation and its HTTP interface know the chain.
 */
import { bls12_381 } from "@noble/curves/bls12-381.js";
import { sha256 } from "../../storage/core/primitives.ts";
import { ByteWriter, concatBytes, fromHex, toHex } from "../../storage/core/bytes.ts";
import type { Hex } from "../../protocol/hash.ts";

/** Chained: a signature in G2 over the signature before it and the number. Unchained: a signature in G1 over the number alone. */
export type DrandScheme = "pedersen-bls-chained" | "bls-unchained-g1-rfc9380";

export type DrandChain = {
  readonly name: string;
  /** SHA-256 of period, genesis, key, group hash and name. */
  readonly hash: Hex;
  readonly scheme: DrandScheme;
  readonly publicKey: Hex;
  /** The hash of the group's first configuration. */
  readonly groupHash: Hex;
  readonly genesis_s: number;
  readonly period_s: number;
};

/** The chains of the League of Entropy's main network. */
export const drandChains: readonly DrandChain[] = [
  {
    name: "default",
    hash: "0x8990e7a9aaed2ffed73dbd7092123d6f289930540d7651336225dc172e51b2ce",
    scheme: "pedersen-bls-chained",
    publicKey:
      "0x868f005eb8e6e4ca0a47c8a77ceaa5309a47978a7c71bc5cce96366b5d7a569937c529eeda66c7293784a9402801af31",
    groupHash: "0x176f93498eac9ca337150b46d21dd58673ea4e3581185f869672e59fa4cb390a",
    genesis_s: 1_595_431_050,
    period_s: 30,
  },
  {
    name: "quicknet",
    hash: "0x52db9ba70e0cc0f6eaf7803dd07447a1f5477735fd3f661792ba94600c84e971",
    scheme: "bls-unchained-g1-rfc9380",
    publicKey:
      "0x83cf0f2896adee7eb8b5f01fcad3912212c437e0073e911fb90022d3e760183c8c4b450b6a0a6c3ac6a5776a2d1064510d1fec758c921cc22b0e17e63aaf4bcb5ed66304de9cf809bd274ca73bab4af5a6e9c76a4bc09e76eae8991ef5ece45a",
    groupHash: "0xf477d5c89f21a17c863a7f937c6a6d15859414d2be09cd448d4279af331c5d3e",
    genesis_s: 1_692_803_367,
    period_s: 3,
  },
];

/** A round as a relay of drand returns it. */
export type DrandRound = {
  readonly round: number;
  readonly signature: Hex;
  /** Of a chained scheme: the signature of the round before; of round 1 the group's hash. */
  readonly previousSignature?: Hex;
};

/** Domain separation tags of the two schemes (RFC 9380). */
const tags = {
  "pedersen-bls-chained": "BLS_SIG_BLS12381G2_XMD:SHA-256_SSWU_RO_NUL_",
  "bls-unchained-g1-rfc9380": "BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_NUL_",
} as const;

/** @throws RangeError if there is no such chain */
export function drandChain(nameOrHash: string): DrandChain {
  const chain = drandChains.find(({ name, hash }) => name === nameOrHash || hash === nameOrHash);
  if (chain) return chain;
  const names = drandChains.map(({ name }) => name).join(" or ");
  throw new RangeError(`chain of drand: expected ${names}, or the hash of one, actual "${nameOrHash}"`);
}

/**
 * The last round that exists at a time.
 * @param time_s seconds since 1970
 * @throws RangeError if the chain begins later
 */
export function drandRoundAt({ genesis_s, period_s, name }: DrandChain, time_s: number): number {
  if (!Number.isSafeInteger(time_s) || time_s < genesis_s) {
    throw new RangeError(`time of a round of ${name}: expected at least ${genesis_s} s, actual ${time_s} s`);
  }
  return Math.floor((time_s - genesis_s) / period_s) + 1;
}

/**
 * The time from which on a round exists, in seconds since 1970.
 * @throws RangeError if `round` is no number of a round
 */
export function drandTimeOf({ genesis_s, period_s }: DrandChain, round: number): number {
  const time_s = genesis_s + (round - 1) * period_s;
  if (!Number.isSafeInteger(round) || round < 1 || !Number.isSafeInteger(time_s)) {
    throw new RangeError(`number of a round: expected an integer from 1 on, actual ${round}`);
  }
  return time_s;
}

/** The random value of a round: 32 bytes. @throws RangeError if the signature is no hex text */
export function drandRandomness({ signature }: DrandRound): Hex {
  return toHex(sha256(fromHex(signature)));
}

/** What a round's signature signs; undefined if the signature before it is missing or has the wrong length. */
function messageOf(chain: DrandChain, { round, previousSignature }: DrandRound): Uint8Array | undefined {
  const number = new ByteWriter(8).u64(round).finish();
  if (chain.scheme === "bls-unchained-g1-rfc9380") return sha256(number);
  if (previousSignature === undefined) return undefined;
  const bytes = round === 1 ? 32 : 96;
  if (previousSignature.length !== 2 + 2 * bytes) return undefined;
  if (round === 1 && previousSignature !== chain.groupHash) return undefined;
  return sha256(concatBytes(fromHex(previousSignature, bytes), number));
}

/**
 * Whether the chain's key signed this round. False also for a signature that is no point of the group, and for a chained round
 * without the signature before it. About 0.1 s.
 */
export function verifyDrandRound(chain: DrandChain, round: DrandRound): boolean {
  if (!Number.isSafeInteger(round.round) || round.round < 1) return false;
  try {
    const message = messageOf(chain, round);
    if (message === undefined) return false;
    const tag = tags[chain.scheme];
    const [signature, key] = [fromHex(round.signature), fromHex(chain.publicKey)];
    if (chain.scheme === "pedersen-bls-chained") {
      const { longSignatures: bls } = bls12_381;
      return bls.verify(signature, bls.hash(message, tag), key);
    }
    const { shortSignatures: bls } = bls12_381;
    return bls.verify(signature, bls.hash(message, tag), key);
  } catch {
    // Not hex, not of the signature's length, or no point of the group.
    return false;
  }
}
