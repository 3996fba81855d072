/** Decodes each message once for all keepers of one process. */
import { wireReader } from "../../protocol/codec/message.ts";
import type { Envelope, WireReader } from "../../protocol/codec/message.ts";
import type { Hex } from "../../protocol/hash.ts";

/** Decodes each message once for all receivers; no code changes bytes or decoded messages after publication. */
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
