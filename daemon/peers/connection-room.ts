/**
 * Limits connections: a number for each peer, a number for all strangers, and a time for idle strangers. Expected peers (registered
 * keepers) have their own connections and do not compete with strangers (D6, L4).
 */
import type { Room } from "../../protocol/limits/derived.ts";

/** A connection of libp2p. */
export type OpenConnection = {
  readonly remotePeer: { toString(): string };
  readonly status: string;
  readonly timeline: { readonly open: number };
  abort(error: Error): void;
};

export type RoomDependencies = {
  readonly connections: () => readonly OpenConnection[];
  readonly room: () => Room;
  /** Expected peers are not limited with the strangers and may be idle. */
  readonly isExpected: (peer: string) => boolean;
  readonly now_ms: () => number;
};

export class ConnectionRoom {
  readonly #on: RoomDependencies;
  /** Time of the last request of each peer. */
  readonly #used = new Map<string, number>();
  /** Number of connections that were closed or refused. */
  closed = 0;

  constructor(on: RoomDependencies) {
    this.#on = on;
  }

  /** Whether to accept a connection of this peer; closes an idle stranger's connection if none is free. */
  admits(peer: string): boolean {
    if (this.#on.isExpected(peer)) return true;
    const { strangers } = this.#on.room();
    const others = this.#strangers();
    if (others.length < strangers) return true;
    const [longestIdle] = this.#idle(others);
    if (longestIdle === undefined) this.closed++;
    else this.#close(longestIdle, "idle, and another peer needs the connection");
    return longestIdle !== undefined;
  }

  /** After a new connection, closes the oldest ones of this peer above its limit, so a peer that restarts is never locked out. */
  opened(connection: OpenConnection): void {
    const { perPeer } = this.#on.room();
    const peer = connection.remotePeer.toString();
    // The node may report a connection before it lists it.
    const all = new Set([...this.#on.connections(), connection]);
    const own = [...all].filter(
      ({ status, remotePeer }) => status === "open" && remotePeer.toString() === peer,
    );
    const oldestFirst = own.toSorted((a, b) => a.timeline.open - b.timeline.open);
    for (const one of oldestFirst.slice(0, Math.max(0, own.length - perPeer))) {
      this.#close(one, "too many connections of one peer");
    }
  }

  /** Notes a request of the peer, so that its connection is not idle. */
  used(peer: string): void {
    this.#used.set(peer, this.#on.now_ms());
  }

  /** Closes idle connections of strangers. */
  sweep(): void {
    for (const one of this.#idle(this.#strangers())) this.#close(one, "idle");
    const peers = new Set(this.#on.connections().map(({ remotePeer }) => remotePeer.toString()));
    for (const peer of this.#used.keys()) if (!peers.has(peer)) this.#used.delete(peer);
  }

  #strangers(): OpenConnection[] {
    return this.#on
      .connections()
      .filter(({ status, remotePeer }) => status === "open" && !this.#on.isExpected(remotePeer.toString()));
  }

  /** Connections that are idle for too long, the longest first. */
  #idle(connections: readonly OpenConnection[]): OpenConnection[] {
    const before_ms = this.#on.now_ms() - this.#on.room().idle_ms;
    const lastUse = ({ remotePeer, timeline }: OpenConnection): number =>
      Math.max(timeline.open, this.#used.get(remotePeer.toString()) ?? 0);
    return connections.filter((one) => lastUse(one) <= before_ms).toSorted((a, b) => lastUse(a) - lastUse(b));
  }

  #close(connection: OpenConnection, why: string): void {
    this.closed++;
    connection.abort(new Error(why));
  }
}
