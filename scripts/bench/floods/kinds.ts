/** The task of a flooding process, and its report. */
export type Flood =
  /** A provider that sends gossip to each peer that connects to it. */
  | { readonly kind: "provider"; readonly size: number; readonly seconds: number }
  /** A keeper that first proves its peer id (R3), then floods. */
  | {
      readonly kind: "keeper";
      readonly index: number;
      readonly target: { readonly peerId: string; readonly addresses: readonly string[] };
      readonly size: number;
      readonly seconds: number;
    }
  /** One peer with many unused connections. */
  | {
      readonly kind: "idle";
      readonly multiaddrs: readonly string[];
      readonly count: number;
      readonly seconds: number;
    }
  /** One host with many sockets that send nothing. */
  | { readonly kind: "mute"; readonly port: number; readonly count: number; readonly seconds: number };

export type FloodReport = {
  /** Messages sent, or connections made. */
  sent: number;
  bytes: number;
  /** Streams or connections that were refused. */
  refused: number;
  /** Connections that were still open. */
  open: number;
};
