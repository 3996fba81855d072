import { nodeHash } from "./merkle.ts";

/** A node of a perfect binary tree: level 0 = leaves. */
export type Position = {
  readonly level: number;
  readonly index: number;
};

/**
 * Positions of the nodes in a multiproof over `indices` (strictly ascending leaf positions), in canonical order: by level from the
 * leaves up, ascending in each level. A sibling that the verifier can compute is not included.
 */
export function siblingPositions(indices: readonly number[], height: number): Position[] {
  const siblings: Position[] = [];
  let known = [...indices];
  for (let level = 0; level < height; level++) {
    const parents: number[] = [];
    for (let i = 0; i < known.length; i++) {
      const index = known[i] as number;
      const sibling = index % 2 === 0 ? index + 1 : index - 1;
      if (index % 2 === 0 && known[i + 1] === sibling) i++;
      else siblings.push({ level, index: sibling });
      parents.push(Math.floor(index / 2));
    }
    known = parents;
  }
  return siblings;
}

/**
 * Top of the tree from `leaves` (strictly ascending by index) and the nodes at `siblingPositions`; undefined if the number of
 * nodes differs from the number of positions.
 */
export function multiproofTop(
  leaves: readonly { readonly index: number; readonly hash: Uint8Array }[],
  nodes: readonly Uint8Array[],
  height: number,
): Uint8Array | undefined {
  let known = [...leaves];
  let used = 0;
  for (let level = 0; level < height; level++) {
    const parents: { index: number; hash: Uint8Array }[] = [];
    for (let i = 0; i < known.length; i++) {
      const { index, hash: own } = known[i] as { index: number; hash: Uint8Array };
      const next = known[i + 1];
      let other: Uint8Array | undefined;
      if (index % 2 === 0 && next?.index === index + 1) {
        other = next.hash;
        i++;
      } else {
        other = nodes[used++];
      }
      if (other === undefined) return undefined;
      const parent = index % 2 === 0 ? nodeHash(own, other) : nodeHash(other, own);
      parents.push({ index: Math.floor(index / 2), hash: parent });
    }
    known = parents;
  }
  return used === nodes.length && known.length === 1 ? known[0]?.hash : undefined;
}
