/**
 * Links between keepers: for each ordered pair a TCP forwarder that the first keeper dials to reach the second. A cut or stalled link
 * affects all bytes of a connection, gossip and streams, without any change in a keeper.
 */
import { connect, createServer } from "node:net";
import type { AddressInfo, Server, Socket } from "node:net";

type Connection = {
  readonly dialer: number;
  readonly target: number;
  readonly client: Socket;
  readonly upstream: Socket;
};

function direction(from: number, to: number): string {
  return `${from}>${to}`;
}

export class Links {
  readonly #targets: readonly number[];
  readonly #servers: Server[] = [];
  readonly #ports = new Map<string, number>();
  readonly #connections = new Set<Connection>();
  readonly #stalled = new Set<string>();
  readonly #cut = new Set<string>();
  readonly #carried = new Map<string, number>();

  private constructor(targets: readonly number[]) {
    this.#targets = targets;
  }

  /** `targets` are the ports on which the keepers listen, by index. */
  static async open(targets: readonly number[]): Promise<Links> {
    const links = new Links(targets);
    for (const dialer of targets.keys()) {
      for (const target of targets.keys()) if (dialer !== target) await links.#listen(dialer, target);
    }
    return links;
  }

  /** Address at which `dialer` reaches `target`. */
  address(dialer: number, target: number): string {
    return `/ip4/127.0.0.1/tcp/${this.#ports.get(direction(dialer, target))}`;
  }

  /** Ends the connections between the two and refuses new ones. */
  cut(a: number, b: number): void {
    this.#cut.add(direction(a, b)).add(direction(b, a));
    for (const connection of this.#connections)
      if (this.#isCut(connection.dialer, connection.target)) destroy(connection);
  }

  /** Holds the bytes from `from` to `to`; the other direction continues. */
  stall(from: number, to: number): void {
    this.#stalled.add(direction(from, to));
    for (const connection of this.#connections) this.#flow(connection);
  }

  /** Restores all links and delivers held bytes. */
  heal(): void {
    this.#cut.clear();
    this.#stalled.clear();
    for (const connection of this.#connections) this.#flow(connection);
  }

  /** Bytes forwarded so far between all keepers, in both directions. */
  get carriedBytes(): number {
    return [...this.#carried.values()].reduce((sum, bytes) => sum + bytes, 0);
  }

  async close(): Promise<void> {
    for (const connection of this.#connections) destroy(connection);
    await Promise.all(this.#servers.map((server) => new Promise((done) => server.close(done))));
  }

  #isCut(a: number, b: number): boolean {
    return this.#cut.has(direction(a, b));
  }

  #listen(dialer: number, target: number): Promise<void> {
    const server = createServer((client) => this.#accept(dialer, target, client));
    this.#servers.push(server);
    return new Promise((done, fail) => {
      server.once("error", fail);
      server.listen(0, "127.0.0.1", () => {
        this.#ports.set(direction(dialer, target), (server.address() as AddressInfo).port);
        done();
      });
    });
  }

  #accept(dialer: number, target: number, client: Socket): void {
    if (this.#isCut(dialer, target)) return void client.destroy();
    const upstream = connect({ host: "127.0.0.1", port: this.#targets[target] ?? 0 });
    const connection = { dialer, target, client, upstream };
    this.#connections.add(connection);
    for (const socket of [client, upstream]) {
      socket.setNoDelay(true);
      socket.on("error", () => destroy(connection));
      socket.on("close", () => {
        this.#connections.delete(connection);
        destroy(connection);
      });
    }
    client.on("data", (bytes) => this.#count(dialer, target, bytes.length));
    upstream.on("data", (bytes) => this.#count(target, dialer, bytes.length));
    this.#flow(connection);
  }

  #count(from: number, to: number, bytes: number): void {
    const key = direction(from, to);
    this.#carried.set(key, (this.#carried.get(key) ?? 0) + bytes);
  }

  #flow({ dialer, target, client, upstream }: Connection): void {
    this.#pipe(client, upstream, this.#stalled.has(direction(dialer, target)));
    this.#pipe(upstream, client, this.#stalled.has(direction(target, dialer)));
  }

  #pipe(from: Socket, to: Socket, stalled: boolean): void {
    from.unpipe(to);
    if (stalled) from.pause();
    else from.pipe(to);
  }
}

function destroy({ client, upstream }: Connection): void {
  client.destroy();
  upstream.destroy();
}
