import { hash } from "node:crypto";
import type { Sha256 } from "../../storage/core/primitives.ts";

const digestBytes = 32;

/**
 * SHA-256 of Node's crypto, about ten times as fast as the pure one on large inputs. It returns the digest as text, one
 * character a byte: a Buffer for each digest costs more than the hash of a tree node.
 */
export const nodeSha256: Sha256 = (data) => {
  const text = hash("sha256", data, "binary");
  const digest = new Uint8Array(digestBytes);
  for (let i = 0; i < digestBytes; i++) digest[i] = text.charCodeAt(i);
  return digest;
};
