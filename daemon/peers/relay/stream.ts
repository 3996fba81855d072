/** Opens streams to a peer, over a relay if it must be. */
import type { Connection, Libp2p, Stream } from "@libp2p/interface";
import { peerIdFromString } from "@libp2p/peer-id";
import type { Multiaddr } from "@multiformats/multiaddr";
import { relayedLife } from "../../../protocol/limits/relay.ts";
import type { RelayedLife } from "../../../protocol/limits/relay.ts";

export type DialingNode = Pick<Libp2p, "dial" | "getConnections">;

/** A relay's limits count both directions, and encryption adds a little: what a request may need, times the requests under way at once. */
const requestsAtOnce = 16;

export type StreamOptions = {
  readonly signal: AbortSignal;
  /** Most bytes of the request and its answer. */
  readonly bytes: number;
};

/** Whether less than the reserve is left of a connection over a relay. */
export function isWornOut({ limits, timeline }: Connection, { ends, reserve }: RelayedLife): boolean {
  if (limits === undefined) return false;
  const left = limits.bytes ?? BigInt(ends.bytes);
  const age_ms = Date.now() - timeline.open;
  return left < BigInt(reserve.bytes) || age_ms > ends.duration_ms - reserve.duration_ms;
}

/** Of the connections to one peer those that are open: direct ones first, then those over relays, the newest first. */
export function bestFirst(connections: readonly Connection[]): Connection[] {
  const rank = ({ limits }: Connection): number => (limits === undefined ? 0 : 1);
  return connections
    .filter(({ status }) => status === "open")
    .toSorted((a, b) => rank(a) - rank(b) || rank(a) * (b.timeline.open - a.timeline.open));
}

/** Closes those over which nothing goes. A relay limits the connections of a peer, and these would count until their time is over. */
export function closeIdle(connections: readonly Connection[]): void {
  for (const connection of connections) {
    if (connection.status !== "open" || connection.streams.length > 0) continue;
    connection.close().catch((error: unknown) => connection.abort(error as Error));
  }
}

/**
 * Opens a stream of the protocol on an open connection to the peer, else dials the addresses in their order. libp2p itself would dial
 * for each stream anew, because it never takes a connection with limits for an existing one.
 */
export async function streamTo(
  node: DialingNode,
  peerId: string,
  addresses: readonly Multiaddr[],
  protocol: string,
  { signal, bytes }: StreamOptions,
): Promise<Stream> {
  const { ends, reserve } = relayedLife;
  const life = { ends, reserve: { ...reserve, bytes: requestsAtOnce * bytes } };
  const open = bestFirst(node.getConnections(peerIdFromString(peerId)));
  let connection = open.find((one) => !isWornOut(one, life));
  if (connection === undefined) {
    if (addresses.length === 0) throw new Error("no address of this peer is known");
    connection = await node.dial([...addresses], { signal, force: true });
  }
  closeIdle(open.filter((one) => one !== connection && isWornOut(one, life)));
  return connection.newStream(protocol, { signal, runOnLimitedConnection: true });
}
