/** Signatures in the encoding of the contracts. */
import { bls12_381 } from "@noble/curves/bls12-381.js";
import { fromHex, toHex } from "../../../protocol/hash.ts";
import type { Hex } from "../../../protocol/hash.ts";

/** Compressed G1 to the 128 bytes of EIP-2537. */
export function uncompressedG1(signature: Hex): Hex {
  const { x, y } = bls12_381.G1.Point.fromHex(signature.slice(2)).toAffine();
  const padded = (value: bigint): string => value.toString(16).padStart(128, "0");
  return toHex(fromHex(`0x${padded(x)}${padded(y)}`));
}
