/**
 * Who may be connected, and for how long: so many connections a peer, a room for strangers, and no place for those who only sit
 * there. Peers that are expected (registered keepers) never compete with strangers (D6, L4).
 */
import type { Room } from "../../protocol/limits/derived.ts";

/** A connection, as libp2p has it. */
export type OpenConnection = {
  readonly remotePeer: { toString(): string };
  readonly status: string;
  readonly timeline: { readonly open: number };
  abort(error: Error): void;
};

export type RoomDependencies = {
  readonly connections: () => readonly OpenConnection[];
  readonly room: () => Room;
  /** Expected peers have places of their own and may be idle. */
  readonly isExpected: (peer: string) => boolean;
  readonly now_ms: () => number;
};

export class ConnectionRoom {
  readonly #on: RoomDependencies;
  /** When a peer last did something useful. */
  readonly #used = new Map<string, number>();
  /** Connections that were closed or refused. */
  closed = 0;

  constructor(on: RoomDependencies) {
    this.#on = on;
  }

  /** Whether a new connection of this peer has a place; an idle stranger makes room for it. */
  admits(peer: string): boolean {
    if (this.#on.isExpected(peer)) return true;
    const { strangers } = this.#on.room();
    const others = this.#strangers();
    if (others.length < strangers) return true;
    const [longestIdle] = this.#idle(others);
    if (longestIdle === undefined) this.closed++;
    else this.#close(longestIdle, "its place is needed");
    return longestIdle !== undefined;
  }

  /** A connection was made: the oldest of this peer beyond its number go, so a peer that came back is never locked out. */
  opened(connection: OpenConnection): void {
    const { perPeer } = this.#on.room();
    const peer = connection.remotePeer.toString();
    // The node may tell of it before it has it in its list.
    const all = new Set([...this.#on.connections(), connection]);
    const own = [...all].filter(
      ({ status, remotePeer }) => status === "open" && remotePeer.toString() === peer,
    );
    const oldestFirst = own.toSorted((a, b) => a.timeline.open - b.timeline.open);
    for (const one of oldestFirst.slice(0, Math.max(0, own.length - perPeer))) {
      this.#close(one, "too many connections of one peer");
    }
  }

  /** The peer did something that was worth its connection. */
  used(peer: string): void {
    this.#used.set(peer, this.#on.now_ms());
  }

  /** Closes connections of strangers that are of no use. */
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

  /** Those idle for too long, the longest first. */
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
