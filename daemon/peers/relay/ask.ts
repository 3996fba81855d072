/** The asking side of `/whitepay/address/1`. */
import type { Stream } from "@libp2p/interface";
import { lpStream } from "@libp2p/utils";
import {
  addressProtocol,
  decodeAddressAnswer,
  encodeAddressRequest,
  maxAddressAnswerBytes,
} from "../../../protocol/codec/address.ts";
import type { AddressAnswer, AddressRequest } from "../../../protocol/codec/address.ts";
import { addressesOf } from "../addresses.ts";
import type { RelayAddress } from "../addresses.ts";
import { streamTo } from "./stream.ts";
import type { DialingNode } from "./stream.ts";

/** A relay tries a peer's addresses before it answers. */
const ask_ms = 15_000;

/** One question to one relay. @throws if the relay is not reached, or answers with something else */
export async function askRelay(
  node: DialingNode,
  relay: RelayAddress,
  request: AddressRequest,
  stopped?: AbortSignal,
): Promise<AddressAnswer> {
  const limit = AbortSignal.timeout(ask_ms);
  const signal = stopped === undefined ? limit : AbortSignal.any([stopped, limit]);
  const addresses = addressesOf(relay.peerId, relay.addresses);
  let stream: Stream | undefined;
  try {
    const bytes = maxAddressAnswerBytes;
    stream = await streamTo(node, relay.peerId, addresses, addressProtocol, { signal, bytes });
    const io = lpStream(stream, { maxDataLength: maxAddressAnswerBytes });
    await io.write(encodeAddressRequest(request), { signal });
    const decoded = decodeAddressAnswer((await io.read({ signal })).slice());
    if (!decoded.ok) throw new Error(`the relay's answer: ${decoded.detail}`);
    await stream.close({ signal });
    return decoded.value;
  } catch (error) {
    stream?.abort(error as Error);
    throw error;
  }
}
