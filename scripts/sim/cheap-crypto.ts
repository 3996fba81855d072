/** Signatures of a simulated world: hashes that name their signer. Nobody there holds a key that could forge them. */
import type { PartialSignature } from "../../keeper/core/effects.ts";
import { fromHex, keccak, keccakText, keccakWords, toHex } from "../../keeper/core/hash.ts";
import type { Hex } from "../../keeper/core/hash.ts";
import type { Member } from "../../keeper/core/group.ts";
import type { OpenedLeaf } from "../../keeper/core/messages.ts";
import type { CryptoPort } from "../../keeper/ports/crypto.ts";
import type { KeyringPort } from "../../keeper/ports/keyring.ts";
import { ByteWriter, decode } from "../../storage/core/bytes.ts";
import { bytesProven } from "../../storage/core/proof.ts";

/** Keeper, provider, slot, leaves proven. */
const receiptBytes = 20 + 4 + 8 + 1;

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

/** In G1's 48 bytes: part of the key, part of the digest. */
function blsSignature(blsKey: Hex, digest: Hex): Hex {
  return `${blsKey.slice(0, 50)}${digest.slice(2, 50)}` as Hex;
}

type Challenge = { readonly provider: number; readonly slot: number; readonly blockHash: Hex };

/** 48 bytes that nobody else's key gives: a hash, since a challenge's moment and leaves are drawn from it. */
function seedOf(blsKey: Hex, { provider, slot, blockHash }: Challenge): Hex {
  return `${keccakWords(blsKey, provider, slot, blockHash)}${"00".repeat(16)}`;
}

/** Aggregate of a set of members: order-free, names exactly that set. */
export function aggregateSignature(digest: Hex, keys: readonly Hex[]): Hex {
  return keccakWords(blsTag, digest, ...[...keys].sort());
}

export function simulatedKeyring(index: number): KeyringPort {
  const { operator, blsKey } = memberOf(index);
  return {
    operator,
    signMessage: (digest) => `${operator}${digest.slice(2)}${"00".repeat(13)}`,
    signSeed: (challenge) => fromHex(seedOf(blsKey, challenge)),
    signDigest: (digest) => blsSignature(blsKey, digest),
  };
}

/** Receipt of a simulated provider: keeper, provider, slot, leaves proven, hash. */
export function simulatedReceipt(keeper: Hex, provider: number, slot: number, leaves: number): Uint8Array {
  return new ByteWriter().hex(keeper, 20).u32(provider).u64(slot).u8(leaves).finish();
}

type ReceiptFields = {
  readonly keeper: Hex;
  readonly provider: number;
  readonly slot: number;
  readonly leaves: number;
};

function receiptFields(receipt: Uint8Array): ReceiptFields | undefined {
  const decoded = decode(receipt, receiptBytes, (reader) => ({
    keeper: reader.hex(20, "keeper"),
    provider: reader.u32("provider"),
    slot: reader.u64("slot"),
    leaves: reader.u8("leaves"),
  }));
  return decoded.ok ? decoded.value : undefined;
}

function receiptHolds(
  { leaf, receipt, provider, slot }: OpenedLeaf,
  scope: Parameters<CryptoPort["receiptHolds"]>[1],
): boolean {
  if (leaf.kind !== "proven" || keccak(receipt) !== leaf.receiptHash) return false;
  const fields = receiptFields(receipt);
  const total = scope.dataOf(provider, slot)?.bytes ?? 0n;
  return (
    fields?.keeper === scope.keeper.operator &&
    fields.provider === provider &&
    fields.slot === slot &&
    bytesProven(total, fields.leaves) === leaf.bytes
  );
}

export const simulatedCrypto: CryptoPort = {
  messageSigner: (digest, signature) =>
    signature.slice(42, 106) === digest.slice(2) ? (signature.slice(0, 42) as Hex) : undefined,
  checkAnswer: ({ answer, request, list }) => {
    const fields = receiptFields(answer.receipt);
    const { keeper, provider, slot } = request;
    if (fields?.keeper !== keeper || fields.provider !== provider || fields.slot !== slot) {
      return { ok: false, code: "bad-receipt", detail: "not about this challenge" };
    }
    const value = {
      bytesProven: bytesProven(list.totalBytes, fields.leaves),
      proven: fields.leaves,
      receiptHash: keccak(answer.receipt),
    };
    return { ok: true, value };
  },
  aggregate: (digest, partials, members) => {
    const good = partials.filter((p) => p.signature === blsSignature(keyOf(members, p), digest));
    const keys = good.map((p) => keyOf(members, p));
    return {
      signature: good.length === 0 ? undefined : aggregateSignature(digest, keys),
      signers: good.map((p) => p.keeper),
      culprits: partials.filter((p) => !good.includes(p)),
    };
  },
  evidenceFault: (opened, proof, scope) => {
    if (!opened.every((leaf) => receiptHolds(leaf, scope))) return "reveal-bad-receipt";
    if (proof === undefined) return undefined;
    const { provider, slot, seed } = proof;
    const expected = seedOf(scope.keeper.blsKey, { provider, slot, blockHash: scope.blockHash ?? "0x" });
    return toHex(seed) === expected ? undefined : "reveal-bad-proof";
  },
  receiptHolds,
};

function keyOf(members: readonly Member[], partial: PartialSignature): Hex {
  return members[partial.keeper]?.blsKey ?? "0x";
}
