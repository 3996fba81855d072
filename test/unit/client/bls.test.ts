import * as second from "@noble/bls12-381";
import { bls12_381 } from "@noble/curves/bls12-381.js";
import { describe, expect, it } from "vitest";
import {
  decodeG1,
  decodeG2,
  encodeG1,
  encodeG2,
  possessionTag,
  provePossession,
  publicKeyOf,
  signatureTag,
  verifyAggregate,
} from "../../../client/bls.ts";
import { randomBlsSecret } from "../../../daemon/keys/generate.ts";

const { shortSignatures, G1, G2, fields } = bls12_381;
const message = new Uint8Array(32).fill(7);
const secretBytes = (secret: string) => Buffer.from(secret.slice(2), "hex");
const sign = (secret: string, signed = message) =>
  shortSignatures.sign(shortSignatures.hash(signed, signatureTag), secretBytes(secret));
const secrets = Array.from({ length: 4 }, randomBlsSecret);
const keys = secrets.map(publicKeyOf);
const aggregate = encodeG1(shortSignatures.aggregateSignatures(secrets.map((secret) => sign(secret))));

/** A point of the curve outside the prime-order subgroup: almost every point is one. */
function offSubgroupG1(): { x: bigint; y: bigint } {
  for (let x = 1n; ; x++) {
    const y2 = fields.Fp.add(fields.Fp.mul(fields.Fp.sqr(x), x), 4n);
    try {
      const y = fields.Fp.sqrt(y2);
      if (!G1.Point.fromAffine({ x, y }).isTorsionFree()) return { x, y };
    } catch {
      // no square root: try the next x
    }
  }
}

function offSubgroupG2(): string {
  const { Fp2 } = fields;
  const b = Fp2.create({ c0: 4n, c1: 4n });
  for (let c0 = 1n; ; c0++) {
    const x = Fp2.create({ c0, c1: 1n });
    try {
      const y = Fp2.sqrt(Fp2.add(Fp2.mul(Fp2.sqr(x), x), b));
      const point = G2.Point.fromAffine({ x, y });
      if (!point.isTorsionFree()) return encodeG2(point);
    } catch {
      // no square root: try the next x
    }
  }
}

describe("aggregate signatures", () => {
  it("are valid for exactly the signing keys and exactly the message", () => {
    expect(verifyAggregate(aggregate, message, keys)).toBe(true);
    expect(verifyAggregate(aggregate, message, keys.slice(1))).toBe(false);
    expect(verifyAggregate(aggregate, message, [...keys, keys[0]!])).toBe(false);
    expect(verifyAggregate(aggregate, new Uint8Array(32), keys)).toBe(false);
    expect(verifyAggregate(aggregate, message, [])).toBe(false);
  });

  it("equal those of the second implementation", async () => {
    const secret = secrets[0]!;
    // That library has keys in G1 only, so the comparison is on hashing, multiplication and encoding.
    const hashed = await second.PointG1.hashToCurve(message, { DST: signatureTag });
    const point = hashed.multiply(BigInt(secret));
    const [x, y] = point.toAffine();
    expect(encodeG1(sign(secret))).toBe(encodeG1(G1.Point.fromAffine({ x: x.value, y: y.value })));
    const [kx, ky] = second.PointG2.fromPrivateKey(secret.slice(2)).toAffine();
    const expected = G2.Point.fromAffine({
      x: fields.Fp2.create({ c0: kx.c0.value, c1: kx.c1.value }),
      y: fields.Fp2.create({ c0: ky.c0.value, c1: ky.c1.value }),
    });
    expect(publicKeyOf(secret)).toBe(encodeG2(expected));
  });
});

describe("decoded points", () => {
  it("equal the encoded ones", () => {
    expect(encodeG2(decodeG2(keys[0]!))).toBe(keys[0]);
    expect(encodeG1(decodeG1(aggregate))).toBe(aggregate);
  });

  it("are refused when infinite, off the curve, off the subgroup, too large or of the wrong length", () => {
    const { x, y } = offSubgroupG1();
    expect(() => decodeG1(encodeG1(G1.Point.fromAffine({ x, y })))).toThrow("subgroup");
    expect(() => decodeG2(offSubgroupG2())).toThrow("subgroup");
    expect(() => decodeG1(`0x${"00".repeat(128)}`)).toThrow("infinity");
    expect(() => decodeG2(`0x${"00".repeat(256)}`)).toThrow("infinity");
    expect(() => decodeG1(`0x${"00".repeat(127)}01`)).toThrow("bad point");
    expect(() => decodeG1(`0x${"ff".repeat(128)}`)).toThrow("field's order");
    expect(() => decodeG1("0x00")).toThrow("expected 128 bytes, actual 1");
    expect(verifyAggregate(`0x${"00".repeat(128)}`, message, keys)).toBe(false);
    expect(verifyAggregate("nonsense", message, keys)).toBe(false);
  });
});

describe("proof of possession", () => {
  it("is not valid as a signature over a settlement, for any message", () => {
    const secret = secrets[0]!;
    const proof = provePossession(secret, message);
    const key = shortSignatures.getPublicKey(secretBytes(secret));
    expect(shortSignatures.verify(decodeG1(proof), shortSignatures.hash(message, possessionTag), key)).toBe(
      true,
    );
    expect(verifyAggregate(proof, message, [publicKeyOf(secret)])).toBe(false);
  });
});
