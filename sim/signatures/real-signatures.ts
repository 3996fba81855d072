/** Real keys and signatures for a simulated world, by the daemon's adapters. No other file of sim/ may import an adapter. */
import { bls12_381 } from "@noble/curves/bls12-381.js";
import { NobleCrypto } from "../../keeper/adapters/crypto-noble.ts";
import { FileKeyring } from "../../keeper/adapters/keyring-file.ts";
import { realSignatureChecks } from "../../protocol/codec/openings.ts";
import { secretKeyAddress, signReceipt } from "../../protocol/codec/receipt.ts";
import { seedPublicKey } from "../../protocol/codec/seed.ts";
import { settlementTag } from "../../protocol/codec/tags.ts";
import type { Member } from "../../protocol/committee.ts";
import { fromHex, keccakWords, toHex } from "../../protocol/hash.ts";
import type { Hex } from "../../protocol/hash.ts";
import type { Signatures } from "./signatures.ts";

const purposes = { operator: 1, bls: 2, receipt: 3 } as const;

function secretOf(purpose: keyof typeof purposes, index: number): Hex {
  // The first byte zero: below the order of every curve in use.
  return `0x00${keccakWords(purposes[purpose], index).slice(4)}`;
}

/** The same keys in every world. */
export function realSignatures(): Signatures {
  const crypto = new NobleCrypto();
  const members: Member[] = [];
  const keyring = (index: number): FileKeyring =>
    new FileKeyring({ operator: secretOf("operator", index), bls: secretOf("bls", index) });
  return {
    keyring,
    member: (index) =>
      (members[index] ??= {
        operator: keyring(index).operator,
        blsKey: toHex(seedPublicKey(fromHex(secretOf("bls", index)))),
      }),
    receiptKey: (provider) => secretKeyAddress(fromHex(secretOf("receipt", provider))),
    signReceipt: (domain, receipt, provider) =>
      signReceipt(domain, receipt, fromHex(secretOf("receipt", provider))),
    messageSigner: (digest, signature) => crypto.messageSigner(digest, signature),
    aggregate: (digest, partials, of) => crypto.aggregate(digest, partials, of),
    aggregateHolds,
    checks: realSignatureChecks,
  };
}

/** As the contract does it: one pairing check against the sum of the signers' keys. */
function aggregateHolds(digest: Hex, signers: readonly Member[], signature: Hex): boolean {
  const bls = bls12_381.shortSignatures;
  const [first, ...rest] = signers.map(({ blsKey }) => bls12_381.G2.Point.fromHex(blsKey.slice(2)));
  if (first === undefined) return false;
  const key = rest.reduce((sum, one) => sum.add(one), first);
  try {
    const point = bls12_381.G1.Point.fromHex(signature.slice(2));
    return bls.verify(point, bls.hash(fromHex(digest), settlementTag), key);
  } catch {
    return false; // no point of the group
  }
}
