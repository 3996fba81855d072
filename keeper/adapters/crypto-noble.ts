/** Signatures checked with @noble/curves: secp256k1 for messages and receipts, BLS12-381 for settlements and seeds. */
import { bls12_381 } from "@noble/curves/bls12-381.js";
import { secp256k1 } from "@noble/curves/secp256k1.js";
import { verifyAnswer } from "../../protocol/codec/answer.ts";
import { openingsFault, realSignatureChecks, receiptHolds } from "../../protocol/codec/openings.ts";
import { settlementTag } from "../../protocol/codec/tags.ts";
import type { PartialSignature } from "../core/effects.ts";
import type { Member } from "../../protocol/committee.ts";
import { fromHex, keccak256, toHex } from "../../protocol/hash.ts";
import type { Hex } from "../../protocol/hash.ts";
import type { FullProof, OpenedLeaf } from "../../protocol/messages.ts";
import type { ReasonCode } from "../../protocol/reasons.ts";
import type { Aggregate, AnswerInput, CryptoPort, OpeningsScope } from "../ports/crypto.ts";

const bls = bls12_381.shortSignatures;
type G1 = InstanceType<typeof bls12_381.G1.Point>;
type G2 = InstanceType<typeof bls12_381.G2.Point>;

type Share = PartialSignature & { readonly point: G1; readonly key: G2 };

export class NobleCrypto implements CryptoPort {
  /** Decoding a key realSignatureChecks its subgroup, which costs milliseconds; keys change rarely. */
  readonly #keys = new Map<Hex, G2>();

  messageSigner(digest: Hex, signature: Hex): Hex | undefined {
    const bytes = fromHex(signature);
    const v = bytes[64];
    if (bytes.length !== 65 || (v !== 27 && v !== 28)) return undefined;
    try {
      const recovered = new Uint8Array(65);
      recovered[0] = v - 27;
      recovered.set(bytes.subarray(0, 64), 1);
      const parsed = secp256k1.Signature.fromBytes(recovered, "recovered");
      // EIP-2: only the lower of the two forms of a signature is valid, so a message cannot be repeated with the other form.
      if (parsed.hasHighS()) return undefined;
      const key = parsed.recoverPublicKey(fromHex(digest)).toBytes(false);
      return toHex(keccak256(key.subarray(1)).subarray(12));
    } catch {
      return undefined; // the library throws for r or s out of range and for an invalid point
    }
  }

  checkAnswer(input: AnswerInput): ReturnType<CryptoPort["checkAnswer"]> {
    return verifyAnswer(input, realSignatureChecks);
  }

  aggregate(digest: Hex, partials: readonly PartialSignature[], members: readonly Member[]): Aggregate {
    const message = bls.hash(fromHex(digest), settlementTag);
    const culprits: PartialSignature[] = [];
    const shares: Share[] = [];
    for (const partial of partials) {
      const point = g1OrNothing(partial.signature);
      const member = members[partial.keeper];
      if (point === undefined || member === undefined) culprits.push(partial);
      else shares.push({ ...partial, point, key: this.#key(member.blsKey) });
    }
    const good = holding(shares, message, culprits);
    if (good.length === 0) return { signature: undefined, signers: [], culprits };
    const signature = toHex(bls.Signature.toBytes(sumOf(good.map((s) => s.point))));
    return { signature, signers: good.map((s) => s.keeper), culprits };
  }

  openingsFault(
    opened: readonly OpenedLeaf[],
    proof: FullProof | undefined,
    scope: OpeningsScope,
  ): ReasonCode | undefined {
    return openingsFault(opened, proof, scope, realSignatureChecks);
  }

  receiptHolds(opened: OpenedLeaf, scope: Omit<OpeningsScope, "pieceList" | "blockHash">): boolean {
    return receiptHolds(opened, scope, realSignatureChecks);
  }

  #key(blsKey: Hex): G2 {
    const known = this.#keys.get(blsKey);
    if (known !== undefined) return known;
    const key = bls12_381.G2.Point.fromHex(blsKey.slice(2));
    this.#keys.set(blsKey, key);
    return key;
  }
}

function sumOf<T extends G1 | G2>(points: readonly T[]): T {
  const [first, ...rest] = points;
  if (first === undefined) throw new RangeError("sum: expected at least one point");
  return rest.reduce((sum, point) => sum.add(point as never) as T, first);
}

function g1OrNothing(signature: Hex): G1 | undefined {
  try {
    const point = bls12_381.G1.Point.fromHex(signature.slice(2));
    point.assertValidity();
    return point.is0() ? undefined : point;
  } catch {
    return undefined; // malformed, not on the curve or outside the subgroup (D5)
  }
}

/** The shares that verify: all at once if the sum does, else by halves, so that one culprit costs log n realSignatureChecks. */
function holding(shares: readonly Share[], message: G1, culprits: PartialSignature[]): Share[] {
  if (shares.length === 0) return [];
  const key = sumOf(shares.map((s) => s.key));
  const sum = sumOf(shares.map((s) => s.point));
  if (!key.is0() && !sum.is0() && bls.verify(sum, message, key)) return [...shares];
  const only = shares.length === 1 ? shares[0] : undefined;
  if (only !== undefined) {
    culprits.push({ keeper: only.keeper, signature: only.signature });
    return [];
  }
  const half = shares.length >> 1;
  return [
    ...holding(shares.slice(0, half), message, culprits),
    ...holding(shares.slice(half), message, culprits),
  ];
}
