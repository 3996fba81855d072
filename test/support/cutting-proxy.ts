/** A TCP proxy that ends each connection after a number of bytes. */
import { connect, createServer } from "node:net";
import type { AddressInfo, Server, Socket } from "node:net";

export type Cut = {
  /** The direction in which bytes are counted. */
  readonly counted: "sent" | "received";
  /** Bytes that pass before the cut. */
  readonly after: number;
  /** `close` sends a FIN, `reset` a RST. */
  readonly by: "close" | "reset";
};

export class CuttingProxy {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  /** What the next connection gets; undefined: it is not cut. */
  next: Cut | undefined;
  /** Bytes that passed through the last connection. */
  passed = { sent: 0, received: 0 };
  #hosts = 0;

  private constructor(port: number) {
    this.#server = createServer((near) => this.#join(near, port));
  }

  static async open(port: number): Promise<CuttingProxy> {
    const proxy = new CuttingProxy(port);
    await new Promise<void>((done) => proxy.#server.listen(0, "127.0.0.1", done));
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Refuses new connections; those that are open remain. */
  refuse(): void {
    this.#server.close();
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((done) => this.#server.close(done));
  }

  #join(near: Socket, port: number): void {
    const cut = this.next;
    // Each connection comes from another loopback address: the limit of connections a second counts by host.
    const localAddress = `127.0.1.${1 + (this.#hosts++ % 250)}`;
    const far = connect({ port, host: "127.0.0.1", localAddress });
    const passed = { sent: 0, received: 0 };
    this.passed = passed;
    const both = [near, far];
    for (const socket of both) {
      this.#sockets.add(socket);
      socket.on("error", () => undefined);
      socket.on("close", () => {
        this.#sockets.delete(socket);
        for (const other of both) other.destroy();
      });
    }
    const pass = (counted: Cut["counted"], to: Socket) => (chunk: Buffer) => {
      const room = cut?.counted === counted ? Math.max(0, cut.after - passed[counted]) : chunk.length;
      passed[counted] += Math.min(room, chunk.length);
      if (room >= chunk.length) return void to.write(chunk);
      to.write(chunk.subarray(0, room), () => {
        for (const socket of both) {
          if (cut?.by === "reset") socket.resetAndDestroy();
          else socket.end();
        }
      });
    };
    near.on("data", pass("sent", far));
    far.on("data", pass("received", near));
  }
}
