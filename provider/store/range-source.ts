/** Reads ranges of public pieces from other providers over libp2p. */
import { byteStream } from "@libp2p/utils";
import { addressesOf } from "../../daemon/peers/addresses.ts";
import { streamTo } from "../../daemon/peers/relay/stream.ts";
import type { DialingNode } from "../../daemon/peers/relay/stream.ts";
import {
  decodeRetrieveResponse,
  encodeRetrieveRequest,
  maxRetrieveResponseBytes,
  retrieveProtocol,
} from "../../protocol/codec/retrieve.ts";
import { concatBytes, toHex } from "../../storage/core/bytes.ts";
import type { RangeSource } from "./ports.ts";

/** @param node the provider's own node, undefined before it is started */
export function rangeSource(chainId: number, node: () => DialingNode | undefined): RangeSource {
  return async (source, { entry, range, ...permission }, signal) => {
    const libp2p = node();
    if (libp2p === undefined) throw new Error("the node is not started");
    const addresses = addressesOf(source.peerId, source.addrs);
    if (addresses.length === 0) throw new Error("the registry has no valid address of that provider");
    const bytes = maxRetrieveResponseBytes;
    const stream = await streamTo(libp2p, source.peerId, addresses, retrieveProtocol, { signal, bytes });
    try {
      const io = byteStream(stream, { maxBufferSize: maxRetrieveResponseBytes + 1 });
      const { root, size } = entry;
      const request = { chainId, pieceRoot: toHex(root), size, range, ...permission };
      await io.write(encodeRetrieveRequest(request), { signal });
      await stream.close({ signal });
      const chunks: Uint8Array[] = [];
      for (let bytes = 0; ;) {
        const chunk = await io.read({ signal });
        if (chunk === null) break;
        bytes += chunk.byteLength;
        if (bytes > maxRetrieveResponseBytes) throw new Error("that provider's answer is too long");
        chunks.push(...chunk);
      }
      const decoded = decodeRetrieveResponse(concatBytes(...chunks));
      if (!decoded.ok) throw new Error(`that provider's answer: ${decoded.detail}`);
      if (decoded.value.kind === "refusal") throw new Error(`${decoded.value.code}: ${decoded.value.detail}`);
      return decoded.value;
    } catch (error) {
      stream.abort(error as Error);
      throw error;
    }
  };
}
