/** Merkle trees of settlements (R27), computed from the settled intervals. */
import { keccak_256 } from "@noble/hashes/sha3.js";

/** All layers of a tree in OpenZeppelin's form: sorted pairs, leaves hashed twice. */
export function treeOf(leaves: readonly Uint8Array[]): Uint8Array[][] {
  const layers = [[...leaves]];
  for (let layer = layers[0] as Uint8Array[]; layer.length > 1;) {
    const above: Uint8Array[] = [];
    for (let i = 0; i < layer.length; i += 2) {
      const [a, b] = [layer[i] as Uint8Array, layer[i + 1]];
      above.push(b === undefined ? a : hashPair(a, b));
    }
    layers.push(above);
    layer = above;
  }
  return layers;
}

function hashPair(a: Uint8Array, b: Uint8Array): Uint8Array {
  return keccak_256(Buffer.concat(Buffer.compare(a, b) < 0 ? [a, b] : [b, a]));
}

export function proofOf(layers: Uint8Array[][], index: number): string[] {
  const proof: string[] = [];
  for (const layer of layers.slice(0, -1)) {
    const sibling = layer[index ^ 1];
    if (sibling !== undefined) proof.push(`0x${Buffer.from(sibling).toString("hex")}`);
    index >>= 1;
  }
  return proof;
}

export function leafOf(provider: number, spaceTime: bigint): Uint8Array {
  const inner = keccak_256(
    Buffer.from(
      `${provider.toString(16).padStart(64, "0")}${spaceTime.toString(16).padStart(64, "0")}`,
      "hex",
    ),
  );
  return keccak_256(inner);
}

export const rootOf = (layers: Uint8Array[][]): string =>
  `0x${Buffer.from((layers.at(-1) as Uint8Array[])[0] as Uint8Array).toString("hex")}`;
