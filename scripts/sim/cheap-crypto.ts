/** Signatures of a simulated world: hashes that name their signer. Nobody there holds a key that could forge them. */
import type { PartialSignature } from "../../keeper/core/effects.ts";
import { fromHex, keccak, keccakText, keccakWords, toHex } from "../../keeper/core/hash.ts";
import type { Hex } from "../../keeper/core/hash.ts";
import type { Member } from "../../keeper/core/group.ts";
import type { OpenedLeaf } from "../../keeper/core/messages.ts";
import type { CryptoPort } from "../../keeper/ports/crypto.ts";
import type { KeyringPort } from "../../keeper/ports/keyring.ts";
import { bytesProven } from "../../storage/core/proof.ts";

const blsTag = keccakText("simulated BLS signature");

export function operatorOf(index: number): Hex {
  return toHex(fromHex(keccakWords(0xc0ffee, index)).subarray(12));
}

export function memberOf(index: number): Member {
  return { operator: operatorOf(index), blsKey: keccakWords(0xb15, index) };
}

function blsSignature(blsKey: Hex, digest: Hex): Hex {
  return keccakWords(blsTag, blsKey, digest).padEnd(2 + 96, "0") as Hex;
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
    signSeed: ({ provider, slot, blockHash }) =>
      fromHex(keccakWords(blsKey, provider, slot, blockHash).padEnd(2 + 96, "0")),
    signDigest: (digest) => blsSignature(blsKey, digest),
  };
}

/** Receipt of a simulated provider: keeper, provider, slot, leaves proven, hash. */
export function simulatedReceipt(keeper: Hex, provider: number, slot: number, leaves: number): Uint8Array {
  return new TextEncoder().encode(`${keeper}/${provider}/${slot}/${leaves}`);
}

function receiptHolds(
  { leaf, receipt, provider, slot }: OpenedLeaf,
  scope: Parameters<CryptoPort["receiptHolds"]>[1],
): boolean {
  if (leaf.kind !== "proven" || keccak(receipt) !== leaf.receiptHash) return false;
  const [keeper, p, s, leaves] = new TextDecoder().decode(receipt).split("/");
  const total = scope.dataOf(provider, slot)?.bytes ?? 0n;
  return (
    keeper === scope.keeper.operator &&
    Number(p) === provider &&
    Number(s) === slot &&
    bytesProven(total, Number(leaves)) === leaf.bytes
  );
}

export const simulatedCrypto: CryptoPort = {
  messageSigner: (digest, signature) =>
    signature.slice(42, 106) === digest.slice(2) ? (signature.slice(0, 42) as Hex) : undefined,
  checkAnswer: ({ answer, request, list }) => {
    const leaves = Number(new TextDecoder().decode(answer.receipt).split("/")[3]);
    const total = list.totalBytes;
    const receipt = simulatedReceipt(request.keeper, request.provider, request.slot, leaves);
    if (keccak(receipt) !== keccak(answer.receipt)) {
      return { ok: false, code: "bad-receipt", detail: "not about this challenge" };
    }
    const value = {
      bytesProven: bytesProven(total, leaves),
      proven: leaves,
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
    const expected = keccakWords(
      scope.keeper.blsKey,
      proof.provider,
      proof.slot,
      scope.blockHash ?? "0x",
    ).padEnd(2 + 96, "0");
    return toHex(proof.seed) === expected ? undefined : "reveal-bad-proof";
  },
  receiptHolds,
};

function keyOf(members: readonly Member[], partial: PartialSignature): Hex {
  return members[partial.keeper]?.blsKey ?? "0x";
}
