/**
 * Runs inside a network namespace of its own, which has a loopback interface and nothing else. Forwards the ports that the router lets out,
 * and runs a program. Arguments: the router's socket, the ports with commas, and the program's script and arguments.
 */
import { spawn, spawnSync } from "node:child_process";
import { connect, createServer } from "node:net";
import "../../scripts/fleet/exit-with-parent.ts";

const [socket = "", ports = "", ...args] = process.argv.slice(2);

const up = spawnSync("ip", ["link", "set", "lo", "up"]);
if (up.status !== 0) throw new Error(`the loopback interface does not come up: ${String(up.stderr)}`);

await Promise.all(
  ports.split(",").map((text) => {
    const port = Number(text);
    const server = createServer((inside) => {
      const outside = connect(socket);
      // Before what the program sends, which may come while this connects.
      outside.write(Uint8Array.of(port >> 8, port & 255));
      inside.pipe(outside).pipe(inside);
      for (const [one, other] of [
        [inside, outside],
        [outside, inside],
      ] as const) {
        one.on("error", () => other.destroy());
        one.on("close", () => other.destroy());
      }
    });
    return new Promise<void>((done, fail) => {
      server.once("error", fail);
      server.listen(port, "127.0.0.1", () => done());
    });
  }),
);

const child = spawn(process.execPath, args, { stdio: ["pipe", "inherit", "inherit"] });
process.once("SIGTERM", () => child.kill("SIGTERM"));
child.once("close", (code) => process.exit(code ?? 1));
