import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readFileSync } from "node:fs";
import { bls12_381 } from "@noble/curves/bls12-381.js";
import { PointG1, PointG2, utils } from "@noble/bls12-381";
import { getBytes, hexlify, toBeHex, toUtf8Bytes, type Contract, type Signer } from "ethers";
import { encodeG1, encodeG2, signatureTag } from "../../client/bls.ts";
import { deployContract, openChain, refusal, type Chain } from "../support/contracts/chain.ts";
import { certify, publicKey, secretOf } from "../support/contracts/keys.ts";
import { bitmap } from "../../protocol/bitmap.ts";
import { range } from "../support/contracts/basics.ts";

type Vector = { message: string; x: string; y: string };
const rfc = JSON.parse(readFileSync(new URL("../vectors/rfc9380-g1.json", import.meta.url), "utf8")) as {
  dst: string;
  vectors: Vector[];
};

const rounds = process.env["WHITEPAY_LONG"] === "1" ? 1000 : 100;
const { G1, G2, fields } = bls12_381;

let chain: Chain;
let harness: Contract;
beforeAll(async () => {
  chain = await openChain();
  harness = await deployContract("BLSHarness", chain.signers[0] as Signer);
});
afterAll(() => chain.close());

const pad = (coordinate: bigint): string => toBeHex(coordinate, 64).slice(2);

/** RFC 9380's long messages are named by their first characters. */
function messageOf(name: string): string {
  if (name === "q128") return `q128_${"q".repeat(128)}`;
  return name === "a512" ? `a512_${"a".repeat(512)}` : name;
}

async function hash(message: Uint8Array, dst: string): Promise<string> {
  return harness.getFunction("hashToG1")(message, toUtf8Bytes(dst));
}

describe("hashing to G1", () => {
  it("gives the points of RFC 9380", async () => {
    for (const { message, x, y } of rfc.vectors) {
      const point = await hash(toUtf8Bytes(messageOf(message)), rfc.dst);
      expect(point).toBe(`0x${pad(BigInt(`0x${x}`))}${pad(BigInt(`0x${y}`))}`);
    }
  });

  it("agrees with both JavaScript libraries on messages of all lengths", async () => {
    utils.setDSTLabel(signatureTag);
    for (const i of range(rounds)) {
      const message = getBytes(hexlify(Uint8Array.from(range(i % 67), (j) => (i * 31 + j * 7) & 255)));
      const point = await hash(message, signatureTag);
      expect(point).toBe(encodeG1(bls12_381.shortSignatures.hash(message, signatureTag)));
      const [x, y] = (await PointG1.hashToCurve(message)).toAffine();
      expect(point).toBe(`0x${pad(x.value)}${pad(y.value)}`);
    }
  });
});

describe("keys", () => {
  it("are negated and added with the same result as in both libraries", async () => {
    for (const i of range(8)) {
      const a = G2.Point.BASE.multiply(secretOf(`a ${i}`));
      const b = G2.Point.BASE.multiply(secretOf(`b ${i}`));
      expect(await harness.getFunction("negate")(encodeG2(a))).toBe(encodeG2(a.negate()));
      const sum = await harness.getFunction("add")(`${encodeG2(a)}${encodeG2(b).slice(2)}`);
      expect(sum).toBe(encodeG2(a.add(b)));
      const other = PointG2.BASE.multiply(secretOf(`a ${i}`)).add(PointG2.BASE.multiply(secretOf(`b ${i}`)));
      const [x, y] = other.toAffine();
      expect(sum).toBe(`0x${[x.c0, x.c1, y.c0, y.c1].map((part) => pad(part.value)).join("")}`);
    }
    const infinity = `0x${"00".repeat(256)}`;
    expect(await harness.getFunction("negate")(infinity)).toBe(infinity);
    const key = publicKey(5n);
    expect(await harness.getFunction("add")(`${key}${infinity.slice(2)}`)).toBe(key);
  });

  it("refuses to add bytes that are no point", async () => {
    const bad = `0x${pad(1n).repeat(4)}${publicKey(5n).slice(2)}`;
    const failure = await refusal(harness.getFunction("add")(bad), harness.interface);
    expect(failure).toEqual({ error: "BLS_PrecompileFailed", args: [13n, 256n, 0n] });
  });
});

describe("a committee's blob", () => {
  const digest = `0x${"ab".repeat(32)}`;

  async function committee(n: number): Promise<{ blob: string; secrets: bigint[] }> {
    const secrets = range(n).map((i) => secretOf(`blob ${i}`));
    const keys = secrets.map((secret) => {
      const hex = publicKey(secret).slice(2);
      return `0x${range(4)
        .map((i) => hex.slice(i * 128 + 32, (i + 1) * 128))
        .join("")}`;
    });
    const members = range(n).map((i) => toBeHex(i + 1, 20));
    const store = harness.getFunction("store");
    const blob = await store.staticCall(keys, members);
    await (await store(keys, members, { gasLimit: 16_000_000 })).wait();
    return { blob, secrets };
  }

  it("verifies any quorum of 4, 31 and 124 members, and nothing else", async () => {
    for (const n of [4, 31, 124]) {
      const { blob, secrets } = await committee(n);
      const f = (n - 1) / 3;
      const indexOf = harness.getFunction("indexOf");
      expect(await indexOf(blob, n, toBeHex(n, 20))).toBe(BigInt(n - 1));
      expect(await indexOf(blob, n, toBeHex(n + 1, 20))).toBe(BigInt(n));
      for (const signers of [range(n), range(n - f), range(n - f, f)]) {
        const signature = certify(
          signers.map((i) => secrets[i] as bigint),
          digest,
        );
        const verify = harness.getFunction("verify");
        expect(await verify(blob, n, bitmap(signers), digest, signature)).toBe(true);
        expect(await verify(blob, n, bitmap(signers.slice(1)), digest, signature)).toBe(false);
        expect(await verify(blob, n, bitmap(signers), `0x${"ac".repeat(32)}`, signature)).toBe(false);
      }
    }
  });

  it("refuses keys whose sum is zero, with any signature", async () => {
    const order = fields.Fr.ORDER;
    const secrets = [7n, order - 7n, 9n, order - 9n];
    const keys = secrets.map((secret) => {
      const hex = publicKey(secret).slice(2);
      return `0x${range(4)
        .map((i) => hex.slice(i * 128 + 32, (i + 1) * 128))
        .join("")}`;
    });
    const members = range(4).map((i) => toBeHex(i + 1, 20));
    const store = harness.getFunction("store");
    const blob = await store.staticCall(keys, members);
    await (await store(keys, members)).wait();
    const infinity = `0x${"00".repeat(128)}`;
    const verify = harness.getFunction("verify");
    // For keys whose sum is zero, infinity is a valid signature; therefore it is refused first.
    expect(await verify(blob, 4, 15n, digest, infinity)).toBe(true);
    expect(await harness.getFunction("isInfinity")(infinity)).toBe(true);
    expect(await harness.getFunction("isInfinity")(encodeG1(G1.Point.BASE))).toBe(false);
    expect(await verify(blob, 4, 15n, digest, encodeG1(G1.Point.BASE))).toBe(false);
  });

  it("counts bits", async () => {
    const count = harness.getFunction("count");
    for (const indices of [[], [0], [127], range(128), range(41, 60), [3, 64, 65, 100]]) {
      expect(await count(bitmap(indices))).toBe(BigInt(indices.length));
    }
  });
});
