/** R12: the provider's signed receipt for an answered challenge; the keeper stores it as evidence. */
import { secp256k1 } from "@noble/curves/secp256k1.js";
import { ByteWriter, concatBytes, decode, equalBytes, toHex } from "../../storage/core/bytes.ts";
import type { DecodeCode } from "../../storage/core/bytes.ts";
import { accept, reject } from "../../storage/core/result.ts";
import type { Result } from "../../storage/core/result.ts";
import { fromHex, keccak, keccak256, keccakText, keccakWords } from "../hash.ts";
import type { Hex } from "../hash.ts";
import { domainOf, typedDigest } from "../certificate.ts";

/** R27's signature domain: the committee is the verifying contract. */
export type CommitteeDomain = {
  readonly chainId: number;
  readonly committee: Hex;
};

export type Receipt = {
  /** Address of the group. */
  readonly group: Hex;
  /** Operator address of the keeper that challenged. */
  readonly keeper: Hex;
  readonly provider: number;
  readonly slot: number;
  /** R9, 48 bytes. */
  readonly seed: Uint8Array;
  readonly bytesProven: bigint;
  /** `proofHash` of storage/core, 32 bytes. */
  readonly proofHash: Uint8Array;
};

export type SignedReceipt = {
  readonly receipt: Receipt;
  /** r ‖ s ‖ v, 65 bytes, s in the lower half, v 27 or 28. */
  readonly signature: Uint8Array;
};

export const seedBytes = 48;
const receiptVersion = 2;
/** version u8, group 20, keeper 20, provider u32, slot u64, seed 48, bytes proven u128, proof hash 32, signature 65. */
export const receiptBytes = 1 + 20 + 20 + 4 + 8 + seedBytes + 16 + 32 + 65;

const receiptType =
  "Receipt(address group,address keeper,uint32 provider,uint64 slot,bytes seed,uint256 bytesProven,bytes32 proofHash)";
const receiptTypeHash = keccakText(receiptType);
const halfOrder = secp256k1.Point.Fn.ORDER >> 1n;

/** EIP-712 digest, 32 bytes. */
export function receiptDigest(domain: CommitteeDomain, receipt: Receipt): Uint8Array {
  const struct = keccakWords(
    receiptTypeHash,
    receipt.group,
    receipt.keeper,
    receipt.provider,
    receipt.slot,
    keccak(receipt.seed),
    receipt.bytesProven,
    toHex(receipt.proofHash),
  );
  return fromHex(typedDigest(domainOf(domain.chainId, domain.committee), struct));
}

/** Signs with the receipt key (32 bytes), deterministically (RFC 6979). */
export function signReceipt(domain: CommitteeDomain, receipt: Receipt, secretKey: Uint8Array): SignedReceipt {
  const digest = receiptDigest(domain, receipt);
  const recovered = secp256k1.sign(digest, secretKey, { prehash: false, format: "recovered" });
  const signature = concatBytes(recovered.subarray(1), Uint8Array.of(27 + (recovered[0] as number)));
  return { receipt, signature };
}

/** Lower-case address of the signer; undefined if the signature is invalid. */
export function receiptSigner(domain: CommitteeDomain, signed: SignedReceipt): Hex | undefined {
  return digestSigner(receiptDigest(domain, signed.receipt), signed.signature);
}

/** Lower-case address of the signer of r ‖ s ‖ v (65 bytes); undefined if the signature is invalid. */
export function digestSigner(digest: Uint8Array, signature: Uint8Array): Hex | undefined {
  const v = signature[64];
  // EIP-2: only the lower s is valid, so nobody can derive a second signature from one.
  if (signature.length !== 65 || (v !== 27 && v !== 28)) return undefined;
  if (BigInt(toHex(signature.subarray(32, 64))) > halfOrder) return undefined;
  try {
    const recovered = concatBytes(Uint8Array.of(v - 27), signature.subarray(0, 64));
    const key = secp256k1.recoverPublicKey(recovered, digest, { prehash: false });
    return publicKeyAddress(key);
  } catch {
    return undefined; // the library throws if r or s is 0 or too large, or if no point matches
  }
}

/** Lower-case address of a secp256k1 public key in either form. */
export function publicKeyAddress(publicKey: Uint8Array): Hex {
  const point = secp256k1.Point.fromBytes(publicKey).toBytes(false);
  return toHex(keccak256(point.subarray(1)).subarray(12));
}

/** Lower-case address of a 32-byte secret key. */
export function secretKeyAddress(secretKey: Uint8Array): Hex {
  return publicKeyAddress(secp256k1.getPublicKey(secretKey));
}

export function encodeReceipt(signed: SignedReceipt): Uint8Array {
  const { receipt } = signed;
  return new ByteWriter()
    .u8(receiptVersion)
    .hex(receipt.group, 20)
    .hex(receipt.keeper, 20)
    .u32(receipt.provider)
    .u64(receipt.slot)
    .bytes(receipt.seed, seedBytes)
    .u128(receipt.bytesProven)
    .bytes(receipt.proofHash, 32)
    .bytes(signed.signature, 65)
    .finish();
}

/** Rejects bytes that are not the canonical form of a receipt; never throws. Does not check the signature. */
export function decodeReceipt(bytes: Uint8Array): Result<SignedReceipt, DecodeCode> {
  return decode(bytes, receiptBytes, (reader) => {
    const version = reader.u8("receipt version");
    if (version !== receiptVersion) {
      reader.fail("version", `receipt version: expected ${receiptVersion}, actual ${version}`);
    }
    const receipt: Receipt = {
      group: reader.hex(20, "group"),
      keeper: reader.hex(20, "keeper"),
      provider: reader.u32("provider"),
      slot: reader.u64("slot"),
      seed: reader.bytes(seedBytes, "seed"),
      bytesProven: reader.u128("bytes proven"),
      proofHash: reader.bytes(32, "proof hash"),
    };
    return { receipt, signature: reader.bytes(65, "signature") };
  });
}

/** The receipt hash in a records root (R18): keccak256 of the canonical bytes with the signature. */
export function receiptHash(encoded: Uint8Array): Hex {
  return keccak(encoded);
}

/** Expected fields of a receipt; absent ones are not compared. */
export type ExpectedReceipt = Pick<Receipt, "group" | "keeper" | "provider" | "slot"> &
  Partial<Pick<Receipt, "seed" | "bytesProven" | "proofHash">>;

/** Compares a receipt with the expected fields, and its signer with the receipt key of the slot (R12, R21). */
export function checkReceipt(
  domain: CommitteeDomain,
  signed: SignedReceipt,
  expected: ExpectedReceipt,
  receiptKey: Hex,
  signerOf: (domain: CommitteeDomain, signed: SignedReceipt) => Hex | undefined = receiptSigner,
): Result<true, "bad-receipt"> {
  const { receipt } = signed;
  for (const field of ["group", "keeper", "provider", "slot", "seed", "bytesProven", "proofHash"] as const) {
    const want = expected[field];
    if (want !== undefined && text(want) !== text(receipt[field])) {
      return reject("bad-receipt", `${field}: expected ${text(want)}, actual ${text(receipt[field])}`);
    }
  }
  const signer = signerOf(domain, signed);
  if (signer === undefined) return reject("bad-receipt", "signature: expected a valid one, actual none");
  if (!equalBytes(fromHex(signer), fromHex(receiptKey))) {
    return reject("bad-receipt", `signer: expected ${receiptKey.toLowerCase()}, actual ${signer}`);
  }
  return accept(true);
}

function text(value: Receipt[keyof Receipt]): string {
  return value instanceof Uint8Array ? toHex(value) : String(value).toLowerCase();
}
