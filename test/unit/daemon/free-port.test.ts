import { createServer } from "node:net";
import { expect, it } from "vitest";
import { freePorts } from "../../../daemon/free-port.ts";

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
