/** Limits on the connections of every node that strangers can reach, in the form of libp2p's connection manager (D6). */
import { hardMaxConnections, pendingConnections } from "../../protocol/limits/derived.ts";

export const connectionLimits = {
  maxConnections: hardMaxConnections,
  inboundConnectionThreshold: pendingConnections.perSecondAndHost,
  maxIncomingPendingConnections: pendingConnections.all,
  inboundUpgradeTimeout: pendingConnections.limit_ms,
} as const;
