/** BLAKE2b-512, SHA-256 and piece root of a stream of bytes in one pass and constant memory. */
import { createHash } from "node:crypto";
import type { Hex } from "../../protocol/hash.ts";
import { toHex } from "../../storage/core/bytes.ts";
import { hashBytes, segmentBytes } from "../../storage/core/geometry.ts";
import { rootHash } from "../../storage/core/merkle.ts";
import { rangeBytes, rangeSegments } from "../../storage/core/range.ts";
import { TreeAccumulator } from "../../storage/core/tree-accumulator.ts";
import { hashedBytes } from "../../storage/disk/range-hashes.ts";

/** Bytes in their order: a file, or the body of an answer over HTTP. */
export type ByteStream = {
  /** Fills `target`; fewer bytes only at the end. */
  fill(target: Uint8Array): Promise<number>;
};

export type Hashes = {
  readonly bytes: number;
  readonly blake2b: Hex;
  readonly sha256: Hex;
  readonly root: Hex;
};

/** Blocks whose tree is computed at once: more than threads, so that none waits for the caller. */
const blocksUnderWay = 6;

/**
 * The caller's thread computes BLAKE2b and SHA-256, whose blocks follow each other; the pool's threads compute the tree meanwhile, and the
 * next block is read.
 * @throws RangeError if there is no byte
 */
export async function hashBlocks(
  stream: ByteStream,
  onBytes: (bytes: number) => void = () => {},
): Promise<Hashes> {
  const blake2b = createHash("blake2b512");
  const sha256 = createHash("sha256");
  const tree = new TreeAccumulator(undefined);
  const spare: Uint8Array[] = [];
  const underWay = new Set<Promise<void>>();
  let bytes = 0;
  const treeOf = async (block: Uint8Array, firstSegment: number): Promise<void> => {
    const done = await hashedBytes(block);
    for (let i = 0; i * hashBytes < done.roots.length; i++) {
      // A copy: the roots of a block share memory with its layers.
      tree.add(firstSegment + i, Uint8Array.from(done.roots.subarray(i * hashBytes, (i + 1) * hashBytes)));
    }
    spare.push(new Uint8Array(done.bytes.buffer as ArrayBuffer));
  };
  const read = (): Promise<Uint8Array> => {
    const block = spare.pop() ?? new Uint8Array(rangeBytes);
    const reading = stream.fill(block).then((filled) => block.subarray(0, filled));
    // It is awaited after the block before; until then a fault of it is not unhandled.
    reading.catch(() => undefined);
    return reading;
  };
  let fault: { readonly error: unknown } | undefined;
  let next = read();
  try {
    for (
      let block = await next, segment = 0;
      block.length > 0;
      block = await next, segment += rangeSegments
    ) {
      next = block.length < rangeBytes ? Promise.resolve(new Uint8Array()) : read();
      // Part by part: the second hash finds the part in the processor's cache.
      for (let at = 0; at < block.length; at += segmentBytes) {
        const part = block.subarray(at, at + segmentBytes);
        blake2b.update(part);
        sha256.update(part);
      }
      bytes += block.length;
      onBytes(block.length);
      const one: Promise<void> = treeOf(block, segment)
        .catch((error: unknown) => void (fault ??= { error }))
        .finally(() => underWay.delete(one));
      underWay.add(one);
      if (underWay.size >= blocksUnderWay) await Promise.race(underWay);
    }
  } finally {
    // Nothing reads or hashes after the return, also after a fault.
    await Promise.allSettled([next, ...underWay]);
  }
  if (fault !== undefined) throw fault.error;
  if (bytes === 0) throw new RangeError("expected at least 1 byte, actual none");
  return {
    bytes,
    blake2b: toHex(blake2b.digest()),
    sha256: toHex(sha256.digest()),
    root: toHex(rootHash(bytes, tree.finish())),
  };
}
