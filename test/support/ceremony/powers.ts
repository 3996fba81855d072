/**
 * Small Powers of Tau ceremonies, written from the format and not with the reader's code. Only the point of G2 that belongs to a key is
 * the reader's: the tests with snarkjs compare that one.
 */
import { blake2b } from "@noble/hashes/blake2.js";
import { bls12_381 } from "@noble/curves/bls12-381.js";
import { bn254 } from "@noble/curves/bn254.js";
import { concatBytes } from "@noble/hashes/utils.js";
import { curves } from "../../../ceremony/curves.ts";
import type { CurveName, PointG1, PointG2 } from "../../../ceremony/curves.ts";
import { proofPoint } from "../../../ceremony/key-proof.ts";

type Secrets = readonly [tau: bigint, alpha: bigint, beta: bigint];

export type MadeChain = {
  /** One more than responses. */
  readonly challenges: readonly Uint8Array[];
  readonly responses: readonly Uint8Array[];
  /** The accumulators, uncompressed, each with its key: a transcript as Zcash published it. */
  readonly transcript: Uint8Array;
};

const hex = (value: bigint): string => value.toString(16).padStart(64, "0");
const bytesOf = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, "hex"));

function withFlag(bytes: Uint8Array, y: bigint): Uint8Array {
  if (2n * y > bn254.fields.Fp.ORDER) bytes[0] = (bytes[0] as number) | 0x80;
  return bytes;
}

/** The encodings of both curves: @noble has those of BLS12-381. */
export function encoders(curve: CurveName): {
  readonly g1: (point: PointG1, compressed: boolean) => Uint8Array;
  readonly g2: (point: PointG2, compressed: boolean) => Uint8Array;
} {
  if (curve === "bls12-381")
    return { g1: (p, compressed) => p.toBytes(compressed), g2: (p, compressed) => p.toBytes(compressed) };
  return {
    g1: (point, compressed) => {
      const { x, y } = point.toAffine();
      return compressed ? withFlag(bytesOf(hex(x)), y) : bytesOf(hex(x) + hex(y));
    },
    g2: (point, compressed) => {
      const { x, y } = point.toAffine();
      const [fx, fy] = [hex(x.c1) + hex(x.c0), hex(y.c1) + hex(y.c0)];
      return compressed ? withFlag(bytesOf(fx), y.c1 === 0n ? y.c0 : y.c1) : bytesOf(fx + fy);
    },
  };
}

/** Makes a ceremony; another seed gives other secrets. */
export function makeChain(
  curve: CurveName,
  {
    power,
    contributions,
    seed = 1,
  }: { readonly power: number; readonly contributions: number; readonly seed?: number },
): MadeChain {
  const { G1, G2, fields } = curve === "bn254" ? bn254 : bls12_381;
  const { ORDER } = fields.Fr;
  const { g1, g2 } = encoders(curve);
  const scalar = (text: string): bigint =>
    (BigInt(`0x${Buffer.from(blake2b(Buffer.from(text))).toString("hex")}`) % (ORDER - 1n)) + 1n;
  const one = (k: bigint): PointG1 => G1.Point.BASE.multiplyUnsafe(k);
  const two = (k: bigint): PointG2 => G2.Point.BASE.multiplyUnsafe(k);
  const powersOf = (tau: bigint, count: number, factor = 1n): bigint[] => {
    const out = [factor];
    while (out.length < count) out.push(((out.at(-1) as bigint) * tau) % ORDER);
    return out;
  };
  const accumulator = ([tau, alpha, beta]: Secrets, compressed: boolean): Uint8Array =>
    concatBytes(
      ...powersOf(tau, 2 ** (power + 1) - 1).map((k) => g1(one(k), compressed)),
      ...powersOf(tau, 2 ** power).map((k) => g2(two(k), compressed)),
      ...powersOf(tau, 2 ** power, alpha).map((k) => g1(one(k), compressed)),
      ...powersOf(tau, 2 ** power, beta).map((k) => g1(one(k), compressed)),
      g2(two(beta), compressed),
    );
  const keyOf = (own: Secrets, challengeHash: Uint8Array, name: string): Uint8Array => {
    const pairs = (["tau", "alpha", "beta"] as const).map((secret, i) => {
      const s = one(scalar(`${name} ${secret}`));
      const x = own[i] as bigint;
      const sx = s.multiplyUnsafe(x);
      const spx = proofPoint(curves[curve], secret, challengeHash, { s, sx }).multiplyUnsafe(x);
      return { s, sx, spx };
    });
    return concatBytes(
      ...pairs.flatMap(({ s, sx }) => [g1(s, false), g1(sx, false)]),
      ...pairs.map(({ spx }) => g2(spx, false)),
    );
  };
  const [challenges, responses, records]: [Uint8Array[], Uint8Array[], Uint8Array[]] = [[], [], []];
  let state: Secrets = [1n, 1n, 1n];
  challenges.push(concatBytes(blake2b(new Uint8Array()), accumulator(state, false)));
  for (let i = 1; i <= contributions; i++) {
    const own: Secrets = [scalar(`${seed} t ${i}`), scalar(`${seed} a ${i}`), scalar(`${seed} b ${i}`)];
    state = state.map((value, at) => (value * (own[at] as bigint)) % ORDER) as unknown as Secrets;
    const challengeHash = blake2b(challenges.at(-1) as Uint8Array);
    const key = keyOf(own, challengeHash, `${seed} ${i}`);
    const response = concatBytes(challengeHash, accumulator(state, true), key);
    responses.push(response);
    records.push(concatBytes(accumulator(state, false), key));
    challenges.push(concatBytes(blake2b(response), accumulator(state, false)));
  }
  return { challenges, responses, transcript: concatBytes(...records) };
}
