/** How keepers in one process read what they hear. */
import { wireReader } from "../../keeper/codec/message.ts";
import type { Envelope, WireReader } from "../../keeper/codec/message.ts";
import type { Hex } from "../../keeper/core/hash.ts";

/** Bytes up to which a message that comes as a copy, as in the answer to a question, is looked up by what it says. */
const smallBytes = 512;
const maxSmall = 2_048;

/** Reads each message once, whoever hears it: nobody changes bytes, or what was made of them, after they were said. */
export function readingOnce(): WireReader {
  const read = new WeakMap<Uint8Array, ReturnType<WireReader["decode"]>>();
  const small = new Map<string, ReturnType<WireReader["decode"]>>();
  const digests = new WeakMap<Envelope, { readonly domain: Hex; readonly digest: Hex }>();
  const decodeSmall = (bytes: Uint8Array): ReturnType<WireReader["decode"]> => {
    const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("latin1");
    const known = small.get(text);
    if (known !== undefined) return known;
    const decoded = wireReader.decode(bytes);
    small.set(text, decoded);
    if (small.size > maxSmall) small.delete(small.keys().next().value as string);
    return decoded;
  };
  return {
    decode: (bytes) => {
      const known = read.get(bytes);
      if (known !== undefined) return known;
      const decoded = bytes.length <= smallBytes ? decodeSmall(bytes) : wireReader.decode(bytes);
      read.set(bytes, decoded);
      return decoded;
    },
    digest: (domain, envelope, bytes) => {
      const known = digests.get(envelope);
      if (known?.domain === domain) return known.digest;
      const digest = wireReader.digest(domain, envelope, bytes);
      digests.set(envelope, { domain, digest });
      return digest;
    },
  };
}
