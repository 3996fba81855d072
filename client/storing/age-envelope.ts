/** The head of an age file: written by the library once for each copy, and kept with its file key, so that any range of the copy can be made again. */
import { hkdf } from "@noble/hashes/hkdf.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { Decrypter, Encrypter } from "age-encryption";
import { concatBytes } from "../../storage/core/bytes.ts";
import { accept, reject, type Result } from "../../storage/core/result.ts";

const nonceBytes = 16;
const fileKeyBytes = 16;
const payloadInfo = new TextEncoder().encode("payload");
/** What the library writes for empty data behind the nonce: one chunk of 0 bytes with its tag. */
const emptyPayloadBytes = 16;
/** A header for one recipient has about 170 bytes. A longer one is refused before it is parsed. */
export const maxHeadBytes = 4096;

/** Secret: whoever has the file key decrypts the copy. */
export type Envelope = {
  /** Header and nonce: the bytes before the first chunk. */
  readonly head: Uint8Array;
  /** Key of the payload's chunks, 32 bytes. */
  readonly payloadKey: Uint8Array;
};

function payloadKeyOf(fileKey: Uint8Array, nonce: Uint8Array): Uint8Array {
  return hkdf(sha256, fileKey, nonce, payloadInfo, 32);
}

/** A new file key for one copy (R45: fresh for every provider), encrypted to the recipient (`age1…`). */
export async function newEnvelope(recipient: string): Promise<Envelope> {
  const encrypter = new Encrypter();
  const captured: Uint8Array[] = [];
  encrypter.addRecipient({
    wrapFileKey(fileKey) {
      captured.push(Uint8Array.from(fileKey));
      return [];
    },
  });
  encrypter.addRecipient(recipient);
  const whole = await encrypter.encrypt(new Uint8Array(0));
  const head = whole.slice(0, whole.length - emptyPayloadBytes);
  const fileKey = captured[0];
  if (fileKey?.length !== fileKeyBytes) throw new Error("the age library gave no file key");
  return { head, payloadKey: payloadKeyOf(fileKey, head.slice(-nonceBytes)) };
}

export type OpenCode = "not-age" | "not-ours";

/** Reads the head at the start of an age file. `begin` holds its first bytes, at least the whole head. */
export async function openEnvelope(begin: Uint8Array, identity: string): Promise<Result<Envelope, OpenCode>> {
  const end = endOfHeader(begin);
  if (end === undefined || begin.length < end + nonceBytes) {
    return reject("not-age", "expected the header of an age file (v1), actual other bytes");
  }
  const decrypter = new Decrypter();
  decrypter.addIdentity(identity);
  const nonce = begin.slice(end, end + nonceBytes);
  try {
    const fileKey = await decrypter.decryptHeader(begin.slice(0, end));
    return accept({
      head: concatBytes(begin.slice(0, end), nonce),
      payloadKey: payloadKeyOf(fileKey, nonce),
    });
  } catch (error) {
    return reject("not-ours", `this key does not decrypt it: ${(error as Error).message}`);
  }
}

/** Offset behind the header's last line, `--- MAC`. */
function endOfHeader(bytes: Uint8Array): number | undefined {
  const text = new TextDecoder("latin1").decode(bytes.subarray(0, maxHeadBytes));
  const found = /^age-encryption\.org\/v1\n(?:.*\n)*?--- [A-Za-z0-9+/]{43}\n/.exec(text);
  return found === null ? undefined : found[0].length;
}
