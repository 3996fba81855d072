/** ChaCha20-Poly1305 of Node, for the chunks of age files. */
import { createCipheriv, createDecipheriv } from "node:crypto";
import { tagBytes, type ChunkCipher } from "../../client/storing/age-stream.ts";

const algorithm = "chacha20-poly1305";
const options = { authTagLength: tagBytes };

export const nodeCipher: ChunkCipher = {
  seal(key, nonce, plain, out) {
    const cipher = createCipheriv(algorithm, key, nonce, options);
    out.set(cipher.update(plain));
    // final() returns no bytes: a stream cipher returned all of them in update().
    cipher.final();
    out.set(cipher.getAuthTag(), plain.length);
  },
  open(key, nonce, sealed) {
    if (sealed.length < tagBytes) return undefined;
    const decipher = createDecipheriv(algorithm, key, nonce, options);
    decipher.setAuthTag(sealed.subarray(-tagBytes));
    try {
      const plain = decipher.update(sealed.subarray(0, -tagBytes));
      decipher.final();
      return plain;
    } catch {
      return undefined; // The tag does not match.
    }
  },
};
