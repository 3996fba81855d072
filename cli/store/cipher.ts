/** ChaCha20-Poly1305 of Node, for the chunks of age files. */
import { createCipheriv, createDecipheriv } from "node:crypto";
import { concatBytes } from "../../storage/core/bytes.ts";
import { tagBytes, type ChunkCipher } from "../../client/storing/age-stream.ts";

const algorithm = "chacha20-poly1305";
const options = { authTagLength: tagBytes };

export const nodeCipher: ChunkCipher = {
  seal(key, nonce, plain) {
    const cipher = createCipheriv(algorithm, key, nonce, options);
    const body = cipher.update(plain);
    return concatBytes(body, cipher.final(), cipher.getAuthTag());
  },
  open(key, nonce, sealed) {
    if (sealed.length < tagBytes) return undefined;
    const decipher = createDecipheriv(algorithm, key, nonce, options);
    decipher.setAuthTag(sealed.subarray(-tagBytes));
    try {
      const body = decipher.update(sealed.subarray(0, -tagBytes));
      return concatBytes(body, decipher.final());
    } catch {
      return undefined; // The tag does not match.
    }
  },
};
