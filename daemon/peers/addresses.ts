/** Registered addresses of peers. */
import { multiaddr } from "@multiformats/multiaddr";
import type { Multiaddr } from "@multiformats/multiaddr";

/** Addresses with the peer id, so that no other peer can answer at them. Addresses with another peer id are left out. */
export function addressesOf(peerId: string, texts: readonly string[]): Multiaddr[] {
  const addresses: Multiaddr[] = [];
  for (const text of texts) {
    const address = parsed(text);
    const named = address?.getComponents().findLast(({ name }) => name === "p2p")?.value;
    if (address === undefined || (named !== undefined && named !== peerId)) continue;
    addresses.push(named === undefined ? address.encapsulate(`/p2p/${peerId}`) : address);
  }
  return addresses;
}

/** Undefined if the text of the registry is not an address. */
function parsed(text: string): Multiaddr | undefined {
  try {
    return multiaddr(text);
  } catch {
    return undefined;
  }
}
