/**
 * Large Powers of Tau chains for readers of their witnesses: heads, first powers and keys are right, and every head is the hash of the whole
 * file before it. All other points are zero bytes, which no reader of all points would accept.
 */
import { bls12_381 } from "@noble/curves/bls12-381.js";
import { bn254 } from "@noble/curves/bn254.js";
import { blake2b } from "@noble/hashes/blake2.js";
import { concatBytes } from "@noble/hashes/utils.js";
import { curves } from "../../../ceremony/curves.ts";
import type { CurveName } from "../../../ceremony/curves.ts";
import { secretNames } from "../../../ceremony/key-proof.ts";
import { proofPoint } from "../../../ceremony/key-proof.ts";
import type { SparseBytes } from "../archive/sparse-bytes.ts";
import { encoders } from "./powers.ts";

type Secrets = readonly [tau: bigint, alpha: bigint, beta: bigint];

/** `key`: the proof of knowledge of τ is made with another secret; `powers`: τ is multiplied by another secret than the key's. */
export type Forgery = { readonly index: number; readonly how: "key" | "powers" };

export type WitnessFile = SparseBytes & {
  readonly name: string;
  readonly kind: "challenge" | "response";
  /** BLAKE2b-512 of all bytes, as `hashOf` gave it. */
  readonly hash: Uint8Array;
};

export type WitnessChainOptions = {
  readonly power: number;
  readonly contributions: number;
  readonly forgeries?: readonly Forgery[];
  /** Hash of a file; it may store the file, too. */
  readonly hashOf: (name: string, file: SparseBytes) => Promise<Uint8Array>;
};

const number = (n: number): string => String(n).padStart(4, "0");

/** challenge_0001, response_0001, and so on to the challenge after the last contribution. */
export async function makeWitnessChain(
  curve: CurveName,
  { power, contributions, forgeries = [], hashOf }: WitnessChainOptions,
): Promise<readonly WitnessFile[]> {
  const { G1, G2, fields } = curve === "bn254" ? bn254 : bls12_381;
  const { ORDER } = fields.Fr;
  const { g1, g2 } = encoders(curve);
  const fieldBytes = curve === "bn254" ? 32 : 48;
  const powers = 2 ** power;
  const scalar = (text: string): bigint =>
    (BigInt(`0x${Buffer.from(blake2b(Buffer.from(text))).toString("hex")}`) % (ORDER - 1n)) + 1n;

  const accumulator = (
    head: Uint8Array,
    [tau, alpha, beta]: Secrets,
    compressed: boolean,
    key: Uint8Array,
  ): SparseBytes => {
    const one = fieldBytes * (compressed ? 1 : 2);
    const two = 2 * one;
    const p1 = (k: bigint): Uint8Array => g1(G1.Point.BASE.multiplyUnsafe(k), compressed);
    const p2 = (k: bigint): Uint8Array => g2(G2.Point.BASE.multiplyUnsafe(k), compressed);
    const tauG2 = 64 + (2 * powers - 1) * one;
    const alphaG1 = tauG2 + powers * two;
    const betaG1 = alphaG1 + powers * one;
    const betaG2 = betaG1 + powers * one;
    const parts = [
      { start: 0, bytes: concatBytes(head, p1(1n), p1(tau)) },
      { start: tauG2, bytes: concatBytes(p2(1n), p2(tau)) },
      { start: alphaG1, bytes: p1(alpha) },
      { start: betaG1, bytes: p1(beta) },
      { start: betaG2, bytes: concatBytes(p2(beta), key) },
    ];
    return { size: betaG2 + two + key.length, parts };
  };

  const keyOf = (own: Secrets, challenge: Uint8Array, name: string, isForged: boolean): Uint8Array => {
    const pairs = secretNames.map((secret, i) => {
      const s = G1.Point.BASE.multiplyUnsafe(scalar(`${name} ${secret}`));
      const x = own[i] as bigint;
      const sx = s.multiplyUnsafe(x);
      const proven = isForged && secret === "tau" ? x + 1n : x;
      const spx = proofPoint(curves[curve], secret, challenge, { s, sx }).multiplyUnsafe(proven);
      return { s, sx, spx };
    });
    return concatBytes(
      ...pairs.flatMap(({ s, sx }) => [g1(s, false), g1(sx, false)]),
      ...pairs.map(({ spx }) => g2(spx, false)),
    );
  };

  const files: WitnessFile[] = [];
  const add = async (kind: WitnessFile["kind"], index: number, file: SparseBytes): Promise<Uint8Array> => {
    const name = `${kind}_${number(index)}`;
    const hash = await hashOf(name, file);
    files.push({ ...file, name, kind, hash });
    return hash;
  };
  let state: Secrets = [1n, 1n, 1n];
  let head = await add("challenge", 1, firstChallenge(curve, powers));
  for (let index = 1; index <= contributions; index++) {
    const forged = (how: Forgery["how"]): boolean =>
      forgeries.some((own) => own.index === index && own.how === how);
    const own = secretNames.map((name) => scalar(`${index} ${name}`)) as unknown as Secrets;
    const key = keyOf(own, head, String(index), forged("key"));
    const [tau, ...others] = own;
    const used = [forged("powers") ? tau + 1n : tau, ...others];
    state = state.map((value, i) => (value * (used[i] as bigint)) % ORDER) as unknown as Secrets;
    const response = await add("response", index, accumulator(head, state, true, key));
    head = await add("challenge", index + 1, accumulator(response, state, false, new Uint8Array()));
  }
  return files;
}

/** The first challenge, whole: all points are generators, and readers know its hash. At most some 100 MB. */
function firstChallenge(curve: CurveName, powers: number): SparseBytes {
  const { G1, G2 } = curve === "bn254" ? bn254 : bls12_381;
  const { g1, g2 } = encoders(curve);
  const [one, two] = [g1(G1.Point.BASE, false), g2(G2.Point.BASE, false)];
  const size = 64 + (4 * powers - 1) * one.length + (powers + 1) * two.length;
  const head = blake2b(new Uint8Array());
  if (powers > 2 ** 19) {
    const tauG2 = 64 + (2 * powers - 1) * one.length;
    const alphaG1 = tauG2 + powers * two.length;
    return {
      size,
      parts: [
        { start: 0, bytes: concatBytes(head, one, one) },
        { start: tauG2, bytes: concatBytes(two, two) },
        { start: alphaG1, bytes: one },
        { start: alphaG1 + powers * one.length, bytes: one },
        { start: size - two.length, bytes: two },
      ],
    };
  }
  const repeated = (point: Uint8Array, count: number): Uint8Array => {
    const out = new Uint8Array(count * point.length);
    for (let i = 0; i < count; i++) out.set(point, i * point.length);
    return out;
  };
  const bytes = concatBytes(
    head,
    repeated(one, 2 * powers - 1),
    repeated(two, powers),
    repeated(one, 2 * powers),
    two,
  );
  return { size, parts: [{ start: 0, bytes }] };
}
