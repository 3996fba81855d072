/** BLS keys of a committee's members, from the code that holds them (R36). */
import { concatBytes } from "../../storage/core/bytes.ts";
import { counted } from "../../protocol/counted.ts";
import type { Hex } from "../../protocol/hash.ts";
import { compressG2 } from "./calls.ts";

/** A G2 key as stored: four coordinates of 48 bytes. EIP-2537 pads each to 64. */
const keyBytes = 192;
const coordinateBytes = 48;
const padding = new Uint8Array(16);
/** A clone's code (45 bytes) and its arguments (96), or the STOP of a blob; then the negated sum of all keys, then the keys. */
const ownOffset = 45 + 96;
const blobOffset = 1;

/** The code is too short for so many keys. */
class NoMemberKeys extends Error {
  override readonly name = "NoMemberKeys";
}

/**
 * Compressed keys in contract order.
 * @param code of the contract that holds the keys
 * @param isOwn it is the committee itself, not a blob
 * @throws NoMemberKeys
 */
export function memberKeys(code: Uint8Array, size: number, isOwn: boolean): Hex[] {
  const start = isOwn ? ownOffset : blobOffset;
  const needed = start + keyBytes * (size + 1);
  if (code.length < needed) {
    throw new NoMemberKeys(
      `keys of ${counted(size, "member")}: expected at least ${needed} bytes of code, actual ${code.length}`,
    );
  }
  return Array.from({ length: size }, (_, i) => {
    const from = start + keyBytes * (i + 1);
    return compressG2(padded(code.subarray(from, from + keyBytes)));
  });
}

function padded(stored: Uint8Array): Uint8Array {
  const parts = [0, 1, 2, 3].flatMap((i) => [
    padding,
    stored.subarray(i * coordinateBytes, (i + 1) * coordinateBytes),
  ]);
  return concatBytes(...parts);
}
