import { maxTextPairs } from "../../storage/core/primitives.ts";
import type { TextEngine } from "../../storage/core/primitives.ts";

/** Node's Buffer makes strings several times faster than a TextDecoder. */
export function nodeText(): TextEngine {
  const pairs = new Uint16Array(maxTextPairs);
  const buffer = Buffer.from(pairs.buffer);
  return { pairs, text: (length) => buffer.toString("latin1", 0, length) };
}
