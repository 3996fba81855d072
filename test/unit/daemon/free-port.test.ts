import { execFile } from "node:child_process";
import { createServer } from "node:net";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, it } from "vitest";
import { freePorts } from "../../../daemon/free-port.ts";
import { projectRoot } from "../../../scripts/paths.ts";

it("returns different free ports outside the ephemeral range", async () => {
  const ports = await freePorts(40);
  expect(new Set(ports).size).toBe(40);
  for (const port of ports) {
    expect(port).toBeLessThan(32_768);
    const server = createServer();
    await new Promise<void>((done, fail) => {
      server.once("error", fail);
      server.listen({ port, host: "127.0.0.1" }, done);
    });
    await new Promise((done) => server.close(done));
  }
});

/** Draws ports in a process of its own, which holds them until its standard input ends. */
const drawing = `
  import { freePorts } from ${JSON.stringify(join(projectRoot, "daemon/free-port.ts"))};
  console.log(JSON.stringify(await freePorts(800)));
  process.stdin.resume();
`;

it("returns no port that another process has drawn and does not use yet", async () => {
  // Without reservations 28 of 800 ports would be drawn twice.
  const first = promisify(execFile)(process.execPath, ["--input-type=module", "--eval", drawing]);
  first.child.stdin?.on("error", () => undefined);
  const drawn = await new Promise<number[]>((done) => {
    first.child.stdout?.once("data", (line: Buffer) => done(JSON.parse(line.toString()) as number[]));
  });
  const own = await freePorts(800);
  first.child.stdin?.end();
  await first;
  expect(own.filter((port) => drawn.includes(port))).toEqual([]);
});
