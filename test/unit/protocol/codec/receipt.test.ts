/** R12: receipts compared with ethers as a second implementation. */
import {
  AbiCoder,
  Signature,
  TypedDataEncoder,
  Wallet,
  computeAddress,
  keccak256,
  verifyTypedData,
} from "ethers";
import { describe, expect, it } from "vitest";
import {
  receiptBytes,
  checkReceipt,
  decodeReceipt,
  encodeReceipt,
  publicKeyAddress,
  receiptDigest,
  receiptHash,
  receiptSigner,
  secretKeyAddress,
  signReceipt,
} from "../../../../protocol/codec/receipt.ts";
import type { Receipt } from "../../../../protocol/codec/receipt.ts";
import { toHex } from "../../../../protocol/hash.ts";
import type { Hex } from "../../../../protocol/hash.ts";
import { concatBytes, fromHex } from "../../../../storage/core/bytes.ts";
import { seededBytes } from "../../../support/files.ts";
import { secretOf } from "../../../support/secrets.ts";

const domain = { chainId: 31_337, committee: `0x${"a1".repeat(20)}` } as const;
const secret = secretOf(1);
const key = secretKeyAddress(secret);
const receipt: Receipt = {
  group: `0x${"67".repeat(20)}`,
  keeper: `0x${"b2".repeat(20)}`,
  provider: 7,
  slot: 2 ** 40 + 3,
  seed: seededBytes(48, 1),
  bytesProven: 2n ** 100n + 5n,
  proofHash: seededBytes(32, 2),
};
const signed = signReceipt(domain, receipt, secret);

const ethersDomain = {
  name: "WhitePay",
  version: "2",
  chainId: domain.chainId,
  verifyingContract: domain.committee,
};
const types = {
  Receipt: [
    { name: "group", type: "address" },
    { name: "keeper", type: "address" },
    { name: "provider", type: "uint32" },
    { name: "slot", type: "uint64" },
    { name: "seed", type: "bytes" },
    { name: "bytesProven", type: "uint256" },
    { name: "proofHash", type: "bytes32" },
  ],
};

/** Every receipt that differs from the first in exactly one field. */
const others: readonly Receipt[] = [
  { ...receipt, group: `0x${"68".repeat(20)}` },
  { ...receipt, keeper: `0x${"b3".repeat(20)}` },
  { ...receipt, provider: 8 },
  { ...receipt, slot: receipt.slot + 1 },
  { ...receipt, seed: seededBytes(48, 9) },
  { ...receipt, bytesProven: receipt.bytesProven - 1n },
  { ...receipt, proofHash: seededBytes(32, 9) },
];

describe("a receipt's signature", () => {
  it("signs the EIP-712 digest that ethers computes, and ethers recovers the signer", () => {
    expect(toHex(receiptDigest(domain, receipt))).toBe(TypedDataEncoder.hash(ethersDomain, types, receipt));
    const signer = verifyTypedData(ethersDomain, types, receipt, toHex(signed.signature));
    expect(signer.toLowerCase()).toBe(key);
    expect(receiptSigner(domain, signed)).toBe(key);
  });

  it("is accepted from an ethers wallet", async () => {
    const text = await new Wallet(toHex(secret)).signTypedData(ethersDomain, types, receipt);
    expect(checkReceipt(domain, { receipt, signature: fromHex(text) }, receipt, key)).toEqual({
      ok: true,
      value: true,
    });
  });

  it("is deterministic, so a repeated answer has the same bytes", () => {
    expect(toHex(signReceipt(domain, receipt, secret).signature)).toBe(toHex(signed.signature));
  });

  it("is invalid for every other receipt, chain and group", () => {
    for (const other of others) {
      expect(receiptSigner(domain, { ...signed, receipt: other })).not.toBe(key);
      expect(checkReceipt(domain, { ...signed, receipt: other }, other, key)).toMatchObject({
        code: "bad-receipt",
      });
    }
    for (const other of [
      { ...domain, chainId: 1 },
      { ...domain, committee: `0x${"a2".repeat(20)}` } as const,
    ]) {
      expect(checkReceipt(other, signed, receipt, key)).toMatchObject({ code: "bad-receipt" });
    }
  });

  it("has one form: the other s, another v, zeros and other lengths are refused without a throw (EIP-2)", () => {
    const { r, s } = Signature.from(toHex(signed.signature));
    const order = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;
    const high = `0x${(order - BigInt(s)).toString(16).padStart(64, "0")}`;
    const v = signed.signature[64]!;
    const bad = [
      concatBytes(fromHex(r), fromHex(high), Uint8Array.of(v === 27 ? 28 : 27)),
      concatBytes(fromHex(r), fromHex(high), Uint8Array.of(v)),
      concatBytes(fromHex(r), fromHex(s), Uint8Array.of(v - 27)),
      concatBytes(fromHex(r), fromHex(s), Uint8Array.of(29)),
      concatBytes(new Uint8Array(32), fromHex(s), Uint8Array.of(27)),
      concatBytes(fromHex(r), new Uint8Array(32), Uint8Array.of(27)),
      concatBytes(new Uint8Array(32).fill(0xff), fromHex(s), Uint8Array.of(27)),
      signed.signature.subarray(0, 64),
      new Uint8Array(),
    ];
    for (const signature of bad) {
      expect(receiptSigner(domain, { receipt, signature })).toBeUndefined();
      expect(checkReceipt(domain, { receipt, signature }, receipt, key)).toMatchObject({
        code: "bad-receipt",
      });
    }
  });
});

describe("checking a receipt", () => {
  it("names the first field that differs, and skips fields without an expected value", () => {
    const fields = ["group", "keeper", "provider", "slot", "seed", "bytesProven", "proofHash"];
    for (const [i, other] of others.entries()) {
      const checked = checkReceipt(domain, signed, other, key);
      expect(checked).toMatchObject({ ok: false, code: "bad-receipt" });
      expect(!checked.ok && checked.detail).toMatch(new RegExp(`^${fields[i]}: expected .*, actual `));
    }
    const { group, keeper, provider, slot } = receipt;
    expect(checkReceipt(domain, signed, { group, keeper, provider, slot }, key).ok).toBe(true);
  });

  it("compares addresses in any case, and requires the registered receipt key", () => {
    const upper = (hex: Hex): Hex => `0x${hex.slice(2).toUpperCase()}`;
    expect(checkReceipt(domain, signed, { ...receipt, keeper: upper(receipt.keeper) }, upper(key)).ok).toBe(
      true,
    );
    const wrongKey = checkReceipt(domain, signed, receipt, secretKeyAddress(secretOf(2)));
    expect(wrongKey).toMatchObject({ ok: false, code: "bad-receipt" });
    expect(!wrongKey.ok && wrongKey.detail).toMatch(/^signer: expected /);
  });
});

describe("the bytes of a receipt", () => {
  it("have one length, decode to the encoded fields, and their keccak hash is the receipt hash", () => {
    const bytes = encodeReceipt(signed);
    expect(bytes).toHaveLength(receiptBytes);
    expect(decodeReceipt(bytes)).toEqual({ ok: true, value: signed });
    expect(receiptHash(bytes)).toBe(keccak256(bytes));
    expect(decodeReceipt(bytes.subarray(1))).toMatchObject({ ok: false });
    expect(decodeReceipt(concatBytes(bytes, Uint8Array.of(0)))).toMatchObject({ code: "too-large" });
    expect(decodeReceipt(concatBytes(Uint8Array.of(1), bytes.subarray(1)))).toMatchObject({
      code: "version",
    });
  });
});

describe("addresses of keys", () => {
  it("equal those of ethers in lower case, from both forms of the public key", () => {
    expect(key).toBe(computeAddress(toHex(secret)).toLowerCase());
    const { signingKey } = new Wallet(toHex(secret));
    for (const form of [signingKey.publicKey, signingKey.compressedPublicKey]) {
      expect(publicKeyAddress(fromHex(form))).toBe(key);
    }
    expect(AbiCoder.defaultAbiCoder().encode(["address"], [key]).slice(26)).toBe(key.slice(2));
  });
});
