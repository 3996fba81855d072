/**
 * A contributor's key in Powers of Tau. For each of τ, α and β it has a pair of G1 with the secret's ratio, and a point of G2: the secret
 * times a point that is drawn from the challenge's hash and the pair. Only who knows the secret can make it.
 */
import { invert } from "@noble/curves/abstract/modular.js";
import { blake2b } from "@noble/hashes/blake2.js";
import type { Curve, Group, PointG1, PointG2 } from "./curves.ts";

export const secretNames = ["tau", "alpha", "beta"] as const;
export type SecretName = (typeof secretNames)[number];

export type SecretKeyProof = {
  readonly s: PointG1;
  /** s times the secret. */
  readonly sx: PointG1;
  /** The drawn point of G2 times the secret. */
  readonly spx: PointG2;
};

export type ContributorKey = Readonly<Record<SecretName, SecretKeyProof>>;

/** Numbers of ChaCha20 as the Rust crate `rand` 0.4 draws them: 8 words of key, a counter from 0, no nonce. */
class ChaChaGenerator {
  readonly #state: Uint32Array;
  readonly #block = new Uint32Array(16);
  #next = 16;

  constructor(key: Uint32Array) {
    this.#state = new Uint32Array(16);
    // "expand 32-byte k"
    this.#state.set([0x61707865, 0x3320646e, 0x79622d32, 0x6b206574]);
    this.#state.set(key, 4);
  }

  u32(): number {
    if (this.#next === 16) this.#fill();
    return this.#block[this.#next++] as number;
  }

  #fill(): void {
    const [state, block] = [this.#state, this.#block];
    block.set(state);
    for (let round = 0; round < 10; round++) {
      for (let i = 0; i < 4; i++) quarterRound(block, i, 4 + i, 8 + i, 12 + i);
      for (let i = 0; i < 4; i++)
        quarterRound(block, i, 4 + ((i + 1) % 4), 8 + ((i + 2) % 4), 12 + ((i + 3) % 4));
    }
    for (let i = 0; i < 16; i++) block[i] = (block[i] as number) + (state[i] as number);
    // A point takes a few blocks, so 32 bits of the counter never overflow.
    state[12] = (state[12] as number) + 1;
    this.#next = 0;
  }
}

function quarterRound(words: Uint32Array, a: number, b: number, c: number, d: number): void {
  const step = (x: number, y: number, z: number, bits: number): void => {
    words[x] = (words[x] as number) + (words[y] as number);
    const mixed = (words[z] as number) ^ words[x];
    words[z] = (mixed << bits) | (mixed >>> (32 - bits));
  };
  step(a, b, d, 16);
  step(c, d, b, 12);
  step(a, b, d, 8);
  step(c, d, b, 7);
}

/** @param seed at least 32 bytes; the first 32 are the key, as big-endian words */
function generatorOf(seed: Uint8Array): ChaChaGenerator {
  if (seed.length < 32) throw new RangeError(`seed: expected at least 32 bytes, actual ${seed.length}`);
  const view = new DataView(seed.buffer, seed.byteOffset, 32);
  return new ChaChaGenerator(Uint32Array.from({ length: 8 }, (_, i) => view.getUint32(4 * i)));
}

/** A field's element as the Rust crate draws it: its Montgomery form, in words of 64 bits, lowest first. */
function drawElement(random: ChaChaGenerator, modulus: bigint): bigint {
  const bits = modulus.toString(2).length;
  const words = Math.ceil(bits / 64);
  for (;;) {
    let drawn = 0n;
    for (let i = 0; i < words; i++)
      drawn |= ((BigInt(random.u32()) << 32n) | BigInt(random.u32())) << BigInt(64 * i);
    drawn &= (1n << BigInt(bits)) - 1n;
    if (drawn < modulus) return (drawn * invert(1n << BigInt(64 * words), modulus)) % modulus;
  }
}

function drawPoint<F>(
  random: ChaChaGenerator,
  group: Group<F>,
  prime: bigint,
): ReturnType<Group<F>["decode"]> {
  for (;;) {
    const x = Array.from({ length: group.degree }, () => drawElement(random, prime));
    const greatest = (random.u32() & 1) === 1;
    const point = group.fromX(x, greatest);
    const inGroup = point && group.timesCofactor(point);
    if (inGroup && !inGroup.is0()) return inGroup;
  }
}

/** The point of G2 that a hash of at least 32 bytes draws. */
export function hashToG2(curve: Curve, hash: Uint8Array): PointG2 {
  return drawPoint(generatorOf(hash), curve.G2, curve.prime);
}

/** The point of G2 that belongs to a contributor's pair in G1. @param challengeHash 64 bytes */
export function proofPoint(
  curve: Curve,
  secret: SecretName,
  challengeHash: Uint8Array,
  { s, sx }: Pick<SecretKeyProof, "s" | "sx">,
): PointG2 {
  const hash = blake2b
    .create({ dkLen: 64 })
    .update(Uint8Array.of(secretNames.indexOf(secret)))
    .update(challengeHash)
    .update(curve.G1.encode(s, "uncompressed"))
    .update(curve.G1.encode(sx, "uncompressed"))
    .digest();
  return hashToG2(curve, hash);
}

/** Bytes of a key: 6 points of G1 and 3 of G2, uncompressed. */
export function keyBytes(curve: Curve): number {
  return 6 * curve.G1.bytesOf("uncompressed") + 3 * curve.G2.bytesOf("uncompressed");
}

/** Names of a key's points in the order of their bytes. */
export const keyPointNames = [
  ...secretNames.flatMap((name) => [`${name} s`, `${name} sx`]),
  ...secretNames.map((name) => `${name} spx`),
];

export function encodeKey(curve: Curve, key: ContributorKey): Uint8Array {
  const parts = [
    ...secretNames.flatMap((name) =>
      [key[name].s, key[name].sx].map((p) => curve.G1.encode(p, "uncompressed")),
    ),
    ...secretNames.map((name) => curve.G2.encode(key[name].spx, "uncompressed")),
  ];
  const out = new Uint8Array(keyBytes(curve));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

/** A contribution from a seed: its secrets, and the key that proves them. */
export type SeededContribution = {
  readonly secrets: Readonly<Record<SecretName, bigint>>;
  readonly key: ContributorKey;
};

/**
 * What a contributor with this seed makes: a beacon's last value is the seed of its contribution, so everybody knows its secrets.
 * @param challengeHash 64 bytes
 * @param seed 32 bytes
 */
export function contributionFromSeed(
  curve: Curve,
  challengeHash: Uint8Array,
  seed: Uint8Array,
): SeededContribution {
  const random = generatorOf(seed);
  const secrets = secretNames.map((name) => [name, drawElement(random, curve.order)] as const);
  const proofs = secrets.map(([name, secret]) => {
    const s = drawPoint(random, curve.G1, curve.prime);
    const sx = s.multiplyUnsafe(secret);
    const spx = proofPoint(curve, name, challengeHash, { s, sx }).multiplyUnsafe(secret);
    return [name, { s, sx, spx }] as const;
  });
  return {
    secrets: Object.fromEntries(secrets) as SeededContribution["secrets"],
    key: Object.fromEntries(proofs) as ContributorKey,
  };
}

/** The key of that contribution. */
export function keyFromSeed(curve: Curve, challengeHash: Uint8Array, seed: Uint8Array): ContributorKey {
  return contributionFromSeed(curve, challengeHash, seed).key;
}

/** The pair of G1 that a contributor with this seed makes in phase 2, which has one secret. @param seed 32 bytes */
export function pairFromSeed(curve: Curve, seed: Uint8Array): Pick<SecretKeyProof, "s" | "sx"> {
  const random = generatorOf(seed);
  const secret = drawElement(random, curve.order);
  const s = drawPoint(random, curve.G1, curve.prime);
  return { s, sx: s.multiplyUnsafe(secret) };
}

/** Whether two keys have the same points. */
export function sameKey(a: ContributorKey, b: ContributorKey): boolean {
  return secretNames.every(
    (name) => a[name].s.equals(b[name].s) && a[name].sx.equals(b[name].sx) && a[name].spx.equals(b[name].spx),
  );
}

/** The points of G2 of all three secrets. @param challengeHash 64 bytes: the challenge that the contributor had */
export function proofPoints(
  curve: Curve,
  challengeHash: Uint8Array,
  key: ContributorKey,
): Readonly<Record<SecretName, PointG2>> {
  const points = secretNames.map(
    (name) => [name, proofPoint(curve, name, challengeHash, key[name])] as const,
  );
  return Object.fromEntries(points) as Record<SecretName, PointG2>;
}
