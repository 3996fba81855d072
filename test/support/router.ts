/**
 * A machine behind a router that lets connections out and none in: a network namespace (Linux), joined to this machine by a Unix socket,
 * over which connections begin inside alone.
 */
import { spawn, spawnSync } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { connect, createServer } from "node:net";
import type { Server, Socket } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { projectRoot } from "../../scripts/paths.ts";

const inside = fileURLToPath(new URL("behind-router.ts", import.meta.url));

/** Arguments of `unshare` with which this user makes a network namespace. @throws if none work */
function namespaceArguments(): readonly string[] {
  for (const flags of [["-n"], ["-U", "-r", "-n"]]) {
    if (spawnSync("unshare", [...flags, "ip", "link", "set", "lo", "up"]).status === 0) return flags;
  }
  throw new Error("expected network namespaces (unshare, ip), actual none for this user");
}

export class Router {
  readonly #server: Server;
  readonly #path: string;
  /** Ports outside by port inside. */
  readonly #ports: ReadonlyMap<number, number>;
  readonly #open = new Set<Socket>();
  /** Connections that were made from inside, by port. */
  readonly made = new Map<number, number>();

  private constructor(path: string, ports: ReadonlyMap<number, number>) {
    this.#path = path;
    this.#ports = ports;
    this.#server = createServer((socket) => this.#pass(socket));
  }

  /** @param ports of loopback here, by the numbers under which they are reached from inside */
  static async open(folder: string, ports: ReadonlyMap<number, number>): Promise<Router> {
    const router = new Router(join(folder, "router.sock"), ports);
    await new Promise<void>((done, fail) => {
      router.#server.once("error", fail);
      router.#server.listen(router.#path, () => done());
    });
    return router;
  }

  /** Runs a script of this project inside. */
  run(args: readonly string[]): { readonly child: ChildProcess; readonly output: () => string } {
    const node = [process.execPath, "--disable-warning=ExperimentalWarning", inside, this.#path];
    const child = spawn(
      "unshare",
      [...namespaceArguments(), ...node, [...this.#ports.keys()].join(","), ...args],
      {
        cwd: projectRoot,
        stdio: ["pipe", "pipe", "pipe"],
      },
    );
    let output = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text: string) => (output += text));
    }
    return { child, output: () => output };
  }

  async close(): Promise<void> {
    for (const socket of this.#open) socket.destroy();
    await new Promise<void>((done) => this.#server.close(() => done()));
  }

  #pass(socket: Socket): void {
    this.#open.add(socket);
    socket.once("close", () => this.#open.delete(socket));
    socket.once("readable", () => {
      const head = socket.read(2) as Buffer | null;
      if (head === null) return void socket.destroy();
      const port = head.readUInt16BE(0);
      this.made.set(port, (this.made.get(port) ?? 0) + 1);
      const out = connect(this.#ports.get(port) ?? 0, "127.0.0.1");
      this.#open.add(out);
      out.once("close", () => this.#open.delete(out));
      socket.pipe(out).pipe(socket);
      for (const [one, other] of [
        [socket, out],
        [out, socket],
      ] as const) {
        one.on("error", () => other.destroy());
        one.on("close", () => other.destroy());
      }
    });
  }
}
