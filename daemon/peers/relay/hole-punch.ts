/**
 * Hole punching: over a connection that leads over a relay, both ends tell each other their addresses and dial at the same moment
 * (libp2p's DCUtR). Where it fails, the relayed connection stays. TCP without shared source ports passes few routers; it succeeds where
 * the caller has an open port, or this node's router forwards one.
 */
import { dcutr } from "@libp2p/dcutr";
import type { DCUtRServiceComponents } from "@libp2p/dcutr";
import type { Identify } from "@libp2p/identify";
import type { Connection, Libp2p, StreamHandler } from "@libp2p/interface";

/** Attempts on one connection; the library makes no more. */
const attempts = 3;

/** The service that answers attempts, on relayed connections alone: else any peer could make this node dial what it names. */
export function holePunching(): (components: DCUtRServiceComponents) => unknown {
  return (components) => {
    const { registrar } = components;
    const tried = new WeakMap<Connection, number>();
    const gated: typeof registrar = Object.create(registrar);
    gated.handle = (protocol, handler, options) => {
      const limited: StreamHandler = (stream, connection) => {
        const count = (tried.get(connection) ?? 0) + 1;
        tried.set(connection, count);
        if (connection.limits !== undefined && count <= attempts) return handler(stream, connection);
        stream.abort(new Error("no hole punching on this connection"));
      };
      return registrar.handle(protocol, limited, options);
    };
    gated.register = (protocol, topology) => registrar.register(protocol, topology);
    gated.unhandle = (protocol) => registrar.unhandle(protocol);
    gated.unregister = (id) => registrar.unregister(id);
    return dcutr()(Object.create(components, { registrar: { value: gated } }));
  };
}

/**
 * Begins an attempt for each call of a known peer that comes over a relay. The library does so when it has read who the peer is; what it
 * then knows of the peer is forgotten with the last connection, so that it stays bounded (L4).
 */
export function punchHoles(node: Libp2p<{ identify: Identify }>, isKnown: (peer: string) => boolean): void {
  node.addEventListener("connection:open", ({ detail: connection }) => {
    if (connection.direction !== "inbound" || connection.limits === undefined) return;
    if (!isKnown(connection.remotePeer.toString())) return;
    void node.services.identify.identify(connection).catch(() => undefined);
  });
  node.addEventListener("connection:close", ({ detail: { remotePeer } }) => {
    if (node.getConnections(remotePeer).length === 0) {
      void node.peerStore.delete(remotePeer).catch(() => undefined);
    }
  });
}
