/** Forgets strangers: the library keeps what it knows of each peer for hours, and their number would grow (L4). */
import type { Libp2p } from "@libp2p/interface";

/** From now on, a peer is forgotten with its last connection. */
export function forgetPeers(node: Libp2p): void {
  node.addEventListener("connection:close", ({ detail: { remotePeer } }) => {
    if (node.getConnections(remotePeer).length === 0) {
      void node.peerStore.delete(remotePeer).catch(() => undefined);
    }
  });
}
