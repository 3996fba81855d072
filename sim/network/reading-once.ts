/** How keepers in one process read what they hear. */
import { wireReader } from "../../protocol/codec/message.ts";
import type { Envelope, WireReader } from "../../protocol/codec/message.ts";
import type { Hex } from "../../protocol/hash.ts";

/** Reads each message once, whoever hears it: nobody changes bytes, or what was made of them, after they were said. */
export function readingOnce(): WireReader {
  const read = new WeakMap<Uint8Array, ReturnType<WireReader["decode"]>>();
  const digests = new WeakMap<Envelope, { readonly domain: Hex; readonly digest: Hex }>();
  return {
    decode: (bytes) => {
      const known = read.get(bytes);
      if (known !== undefined) return known;
      const decoded = wireReader.decode(bytes);
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
