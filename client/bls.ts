/**
 * BLS12-381 with signatures in G1 and keys in G2 (R3, R27), in the encodings of EIP-2537. It uses the pure-JavaScript library only:
 * the verification of a certificate is independent of the keepers' code.
 */
import { bls12_381 } from "@noble/curves/bls12-381.js";
import { hexToBytes } from "@noble/hashes/utils.js";

export const signatureTag = "BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_POP_";
export const possessionTag = "BLS_POP_BLS12381G1_XMD:SHA-256_SSWU_RO_POP_";

const { G1, G2, fields, shortSignatures } = bls12_381;
type G1Point = ReturnType<typeof G1.Point.fromAffine>;
type G2Point = ReturnType<typeof G2.Point.fromAffine>;

const coordinateDigits = 128;

function coordinates(hex: string, count: number): bigint[] {
  const digits = hex.slice(2);
  if (!/^0x[0-9a-fA-F]*$/.test(hex) || digits.length !== count * coordinateDigits) {
    throw new RangeError(
      `point: expected ${(count * coordinateDigits) / 2} bytes, actual ${digits.length / 2}`,
    );
  }
  return Array.from({ length: count }, (_, i) => {
    const value = BigInt(`0x${digits.slice(i * coordinateDigits, (i + 1) * coordinateDigits)}`);
    if (value >= fields.Fp.ORDER) throw new RangeError("point: a coordinate is not below the field's order");
    return value;
  });
}

/** The library accepts infinity as valid; as a key or a signature it must be refused (D5). */
function checked<P extends { is0(): boolean; assertValidity(): void }>(point: P): P {
  if (point.is0()) throw new RangeError("point: infinity");
  point.assertValidity();
  return point;
}

/** @throws Error if the bytes are not a point of the prime-order subgroup, or infinity */
export function decodeG1(hex: string): G1Point {
  const [x, y] = coordinates(hex, 2) as [bigint, bigint];
  const point = G1.Point.fromAffine({ x, y });
  return checked(point);
}

/** @throws Error if the bytes are not a point of the prime-order subgroup, or infinity */
export function decodeG2(hex: string): G2Point {
  const [x0, x1, y0, y1] = coordinates(hex, 4) as [bigint, bigint, bigint, bigint];
  const point = G2.Point.fromAffine({
    x: fields.Fp2.create({ c0: x0, c1: x1 }),
    y: fields.Fp2.create({ c0: y0, c1: y1 }),
  });
  return checked(point);
}

function encode(values: readonly bigint[]): string {
  return `0x${values.map((value) => value.toString(16).padStart(coordinateDigits, "0")).join("")}`;
}

export function encodeG1(point: G1Point): string {
  const { x, y } = point.toAffine();
  return encode([x, y]);
}

export function encodeG2(point: G2Point): string {
  const { x, y } = point.toAffine();
  return encode([x.c0, x.c1, y.c0, y.c1]);
}

/** True if `signature` is the sum of the signatures of exactly `keys` over `message`. False for malformed points. */
export function verifyAggregate(signature: string, message: Uint8Array, keys: readonly string[]): boolean {
  if (keys.length === 0) return false;
  try {
    const sum = keys.map(decodeG2).reduce((total, key) => total.add(key));
    return shortSignatures.verify(decodeG1(signature), shortSignatures.hash(message, signatureTag), sum);
  } catch {
    return false;
  }
}

/** The public key of a secret (32 bytes, 0x-hex), in the encoding of the contracts. */
export function publicKeyOf(secret: string): string {
  return encodeG2(shortSignatures.getPublicKey(hexToBytes(secret.slice(2))));
}

/** Proof of possession of `secret` over abi.encode(chain id, registry, operator, key) (R3). */
export function provePossession(secret: string, message: Uint8Array): string {
  return encodeG1(
    shortSignatures.sign(shortSignatures.hash(message, possessionTag), hexToBytes(secret.slice(2))),
  );
}
