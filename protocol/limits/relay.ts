/**
 * Limits of a keeper's relay (L4): how many peers have a place there, and what one peer and all peers together may carry over it.
 * docs/figures/limits.md has the derivations as a table.
 */
import { cost_ms, cpuShare } from "./derived.ts";
import type { Room } from "./derived.ts";
import type { Rate } from "./token-buckets.ts";

const KiB = 1024;
const MiB = 1024 * KiB;

/** Flow-control window of a stream at a relay: the smallest that yamux allows. A relayed connection occupies at most two. */
export const relayWindowBytes = 256 * KiB;

/** Whom a relay serves. */
export type RelayScale = {
  /** Different keepers of the committees of the relay's keeper. */
  readonly keepers: number;
  /** Different providers of the groups of these committees. */
  readonly providers: number;
};

/** Places of peers that are reached through the relay. */
export type RelayPlaces = {
  /** One for each keeper and provider served. */
  readonly served: number;
  /** For registered peers that serve no group yet: a payer must reach them before they do. As many as the larger of the two. */
  readonly newcomers: number;
};

export function relayPlaces({ keepers, providers }: RelayScale): RelayPlaces {
  return { served: keepers + providers, newcomers: Math.max(keepers, providers) };
}

/** A peer tells its addresses again in this time; a place is free again when it missed two of them. */
export const tellAgain_ms = 10 * 60_000;
export const placeLife_ms = 3 * tellAgain_ms;
/** A reservation at the relay. The library refreshes it 5 minutes before its end. */
export const reservation_ms = 15 * 60_000;

/**
 * Bytes that a relay carries, of all peers together: a quarter of a core, at the cost of receiving bytes in their most expensive form.
 * The peers that are connected share it equally.
 */
export const relayBytesPerSecond = Math.floor((cpuShare * 1000 * MiB) / cost_ms.megabyte);

/** Bytes of one peer at a relay to which `connections` are open. The burst is one answer to a challenge, or a range with its proof. */
export function relayRate(connections: number): Rate {
  return { burst: 4 * MiB, perSecond: relayBytesPerSecond / Math.max(1, connections) };
}

/** The same for a stranger: a small burst, because there may be many of them. */
export function strangerRelayRate(connections: number): Rate {
  return { ...relayRate(connections), burst: relayWindowBytes };
}

/** Bytes that a relay may send to a peer that chose it: what it carries at most. */
export const chosenRelayRate: Rate = { burst: 8 * MiB, perSecond: relayBytesPerSecond };

/** When a relay ends a connection that it carries. */
export type RelayedEnds = { readonly duration_ms: number; readonly bytes: number };

/** One connection over a relay ends after this time, or after what the relay carries in a sixth of it. Then a new one is made. */
export const relayedConnection: RelayedEnds = {
  duration_ms: 30 * 60_000,
  bytes: relayBytesPerSecond * 5 * 60,
};

/** Ends of a connection over a relay, and what must be left before them: with less, a new connection is made. */
export type RelayedLife = { readonly ends: RelayedEnds; readonly reserve: RelayedEnds };

/** The reserve is the time of the longest request, and what the relay carries in it. */
export const relayedLife: RelayedLife = {
  ends: relayedConnection,
  reserve: { duration_ms: 60_000, bytes: relayBytesPerSecond * 60 },
};

/**
 * Connections of peers at a relay. Strangers are payers that call a provider over it, and peers that have not told who they are. A keeper
 * has two nodes with one peer key, that of the keepers and that which calls providers: for each of them one connection, and a new one while
 * the old one is not known to be dead.
 */
export const relayRoom: Room = { perPeer: 4, strangers: 32, idle_ms: 15_000 };

/** Connections that a stranger may have over one relay: more copies than a payer usually keeps. */
export const relayedOfStranger = 8;

/** Connections that a keeper of the committees may have over the relay: one to each peer with a place, and a second one while it is renewed. */
export function relayedOfKeeper(scale: RelayScale): number {
  const { served, newcomers } = relayPlaces(scale);
  return 2 * (served + newcomers);
}

/** Keepers of the registry whose relays others use and trust beside those of their committees: the first of them. */
export const registeredRelays = 64;

/** Requests for a relayed connection, of one peer. */
export const relayConnectRate: Rate = { burst: 32, perSecond: 1 };

/** Addresses told by one peer: at a start, and when its relays change. Each costs a call of the chain's endpoint and some dials. */
export const tellRate: Rate = { burst: 8, perSecond: 0.1 };
/** Of all peers that have no place yet. */
export const strangersTellRate: Rate = { burst: 32, perSecond: 2 };

/** Questions of one peer for addresses: one for each provider that it cannot reach. */
export const addressRate: Rate = { burst: 64, perSecond: 4 };
