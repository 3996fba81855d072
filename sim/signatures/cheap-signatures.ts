/** Signatures without cryptography: text that names signer and digest. No simulated keeper forges them. */
import type { PartialSignature } from "../../keeper/core/effects.ts";
import { fromHex, keccakText, keccakWords, toHex } from "../../protocol/hash.ts";
import type { Hex } from "../../protocol/hash.ts";
import type { Member } from "../../protocol/committee.ts";
import { receiptDigest } from "../../protocol/codec/receipt.ts";
import type { CryptoPort } from "../../keeper/ports/crypto.ts";
import type { KeyringPort } from "../../keeper/ports/keyring.ts";
import { cheapChecks } from "../providers/cheap-proofs.ts";
import type { Signatures } from "./signatures.ts";

const blsTag = keccakText("simulated BLS signature");

const members: Member[] = [];

export function memberOf(index: number): Member {
  return (members[index] ??= {
    operator: `0x${keccakWords(0xc0ffee, index).slice(-40)}`,
    blsKey: keccakWords(0xb15, index),
  });
}

export function operatorOf(index: number): Hex {
  return memberOf(index).operator;
}

/** Signer and digest in 65 bytes. */
function signatureOf(signer: Hex, digest: Hex): Hex {
  return `${signer}${digest.slice(2)}${"00".repeat(13)}`;
}

function signerOf(digest: Hex, signature: Hex): Hex | undefined {
  const signer = signature.slice(0, 42) as Hex;
  // Every byte counts, as in a real signature.
  return signature === signatureOf(signer, digest) ? signer : undefined;
}

/** In G1's 48 bytes: part of the key, part of the digest. */
function blsSignature(blsKey: Hex, digest: Hex): Hex {
  return `${blsKey.slice(0, 50)}${digest.slice(2, 50)}` as Hex;
}

type Challenge = {
  readonly committee: Hex;
  readonly operator: Hex;
  readonly slot: number;
  readonly blockHash: Hex;
};

/** 48 bytes that differ for each key; a hash, since the block and the leaves of a challenge are drawn from it. */
function seedOf(blsKey: Hex, { committee, operator, slot, blockHash }: Challenge): Hex {
  return `${keccakWords(blsKey, committee, operator, slot, blockHash)}${"00".repeat(16)}`;
}

/** Aggregate of a set of members: order-free, names exactly that set. */
function aggregateSignature(digest: Hex, keys: readonly Hex[]): Hex {
  return keccakWords(blsTag, digest, ...[...keys].sort());
}

export function simulatedKeyring(index: number): KeyringPort {
  const { operator, blsKey } = memberOf(index);
  return {
    operator,
    signMessage: (digest) => signatureOf(operator, digest),
    signSeed: (challenge) => fromHex(seedOf(blsKey, challenge)),
    signDigest: (digest) => blsSignature(blsKey, digest),
  };
}

/** Receipt keys are told apart from operators by their range. */
const firstReceiptKey = 1000;

export const cheapSignatures: Signatures = {
  member: memberOf,
  keyring: simulatedKeyring,
  receiptKey: (provider) => operatorOf(firstReceiptKey + provider),
  messageSigner: signerOf,
  aggregate: (digest, partials, members) => {
    const good = partials.filter((p) => p.signature === blsSignature(keyOf(members, p), digest));
    const keys = good.map((p) => keyOf(members, p));
    return {
      signature: good.length === 0 ? undefined : aggregateSignature(digest, keys),
      signers: good.map((p) => p.keeper),
      culprits: partials.filter((p) => !good.includes(p)),
    };
  },
  aggregateHolds: (digest, signers, signature) =>
    signature ===
    aggregateSignature(
      digest,
      signers.map(({ blsKey }) => blsKey),
    ),
  signReceipt: (domain, receipt, provider) => {
    const digest = toHex(receiptDigest(domain, receipt));
    return { receipt, signature: fromHex(signatureOf(operatorOf(firstReceiptKey + provider), digest)) };
  },
  checks: {
    receiptSigner: (domain, { receipt, signature }) =>
      signerOf(toHex(receiptDigest(domain, receipt)), toHex(signature)),
    verifySeed: (scope, seed, blsKey) => toHex(seed) === seedOf(toHex(blsKey), scope),
  },
};

/** All signatures are simulated. */
export const simulatedCrypto: CryptoPort = {
  ...cheapSignatures,
  ...cheapChecks(cheapSignatures),
};

function keyOf(members: readonly Member[], partial: PartialSignature): Hex {
  return members[partial.keeper]?.blsKey ?? "0x";
}
