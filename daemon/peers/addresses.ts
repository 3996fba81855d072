/** Registered addresses of peers. */
import { multiaddr } from "@multiformats/multiaddr";
import type { Multiaddr } from "@multiformats/multiaddr";

/** Addresses with the peer id, so that no other peer can answer at them. Addresses with another peer id are left out. */
export function addressesOf(peerId: string, texts: readonly string[]): Multiaddr[] {
  const addresses: Multiaddr[] = [];
  for (const text of texts) {
    // No relay is named: there is nothing to dial.
    if (text.startsWith(askRelays)) continue;
    // `…/p2p/RELAY/p2p-circuit` leads to the peer whose registration it is in.
    const address = parsed(text.endsWith("/p2p-circuit") ? `${text}/p2p/${peerId}` : text);
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

/** A relay that a keeper offers, as the keeper's registration names it. */
export type RelayAddress = {
  /** Text form of the relay's peer id. */
  readonly peerId: string;
  /** With the peer id at the end. */
  readonly addresses: readonly string[];
};

/** A registration with this address says that relays know the peer's present addresses. */
export const askRelays = "/p2p-circuit";

/** Whether the address leads over a relay. */
export function isCircuit(text: string): boolean {
  return text.includes("/p2p-circuit");
}

/** True for a wildcard address or port 0: valid for listening, but not for dialling. */
export function isUndialable(text: string): boolean {
  return /^\/ip4\/0\.0\.0\.0\/|^\/ip6\/::\/|\/tcp\/0(\/|$)/.test(text);
}

/** The relay's peer id in an address that leads over it. */
export function relayOf(text: string): string | undefined {
  return /\/p2p\/([^/]+)\/p2p-circuit/.exec(text)?.[1];
}

/**
 * The relays of a keeper: addresses of its registration that name another peer. They are directly reached, and there is one peer id for
 * all relays of one keeper at most.
 */
export function relaysOf(keeperPeerId: string, texts: readonly string[]): RelayAddress[] {
  const byPeer = new Map<string, string[]>();
  for (const text of texts) {
    const named = isCircuit(text) ? undefined : /\/p2p\/([^/]+)$/.exec(text)?.[1];
    if (named === undefined || named === keeperPeerId || parsed(text) === undefined) continue;
    byPeer.set(named, [...(byPeer.get(named) ?? []), text]);
  }
  return [...byPeer].map(([peerId, addresses]) => ({ peerId, addresses }));
}
