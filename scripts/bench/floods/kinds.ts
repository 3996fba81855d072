/** What a flooding process can be told to do, and what it says afterwards. */
export type Flood =
  /** A provider that pours gossip over whoever calls it. */
  | { readonly kind: "provider"; readonly size: number; readonly seconds: number }
  /** A keeper that proves itself and then pours. */
  | {
      readonly kind: "keeper";
      readonly index: number;
      readonly target: { readonly peerId: string; readonly addresses: readonly string[] };
      readonly size: number;
      readonly seconds: number;
    }
  /** One peer with many connections that it does not use. */
  | {
      readonly kind: "idle";
      readonly multiaddrs: readonly string[];
      readonly count: number;
      readonly seconds: number;
    }
  /** One host with many sockets that never say a word. */
  | { readonly kind: "mute"; readonly port: number; readonly count: number; readonly seconds: number };

export type FloodReport = {
  /** Messages, or connections made. */
  sent: number;
  bytes: number;
  /** Streams or connections that were refused. */
  refused: number;
  /** Connections that were still open. */
  open: number;
};
