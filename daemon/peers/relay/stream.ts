/** Opens streams to a peer, over a relay if it must be. */
import type { Connection, Libp2p, Stream } from "@libp2p/interface";
import { peerIdFromString } from "@libp2p/peer-id";
import type { Multiaddr } from "@multiformats/multiaddr";
import { relayedConnection } from "../../../protocol/limits/relay.ts";

export type DialingNode = Pick<Libp2p, "dial" | "getConnections">;

/** A relay's limits count both directions, and encryption adds a little: what a request may need, times the requests under way at once. */
const requestsAtOnce = 16;
/** A request that begins now may take this long. */
const longestRequest_ms = 60_000;

export type StreamOptions = {
  readonly signal: AbortSignal;
  /** Most bytes of the request and its answer. */
  readonly bytes: number;
};

/** Whether a connection may end by its relay's limits before the request does. */
function isWornOut({ limits, timeline }: Connection, bytes: number): boolean {
  if (limits === undefined) return false;
  const left = limits.bytes ?? BigInt(relayedConnection.bytes);
  const age_ms = Date.now() - timeline.open;
  return left < BigInt(requestsAtOnce * bytes) || age_ms > relayedConnection.duration_ms - longestRequest_ms;
}

/**
 * Of the connections to one peer, that for requests: a direct one, else the newest over a relay that has enough left.
 * @param bytes most bytes of a request and its answer
 */
export function bestOf(connections: readonly Connection[], bytes: number): Connection | undefined {
  const open = connections.filter(({ status }) => status === "open");
  return (
    open.find(({ limits }) => limits === undefined) ??
    open
      .toSorted((a, b) => b.timeline.open - a.timeline.open)
      .find((connection) => !isWornOut(connection, bytes))
  );
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
  let connection = bestOf(node.getConnections(peerIdFromString(peerId)), bytes);
  if (connection === undefined) {
    if (addresses.length === 0) throw new Error("no address of this peer is known");
    // The other connections of the peer, if there are any, are worn out.
    connection = await node.dial([...addresses], { signal, force: true });
  }
  return connection.newStream(protocol, { signal, runOnLimitedConnection: true });
}
