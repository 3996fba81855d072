/** Free ports. */
import { randomInt } from "node:crypto";
import { createServer, type Server } from "node:net";

/**
 * Below the range from which systems take the ports of outgoing connections (32768 and up on Linux, 49152 elsewhere):
 * a port from there may be in use again, by a mere call to the chain, before the daemon it was found for listens on it.
 */
const lowestPort = 10_000;
const highestPort = 32_767;
const maxTries = 1_000;

/** A server on the port, or undefined if the port is taken. */
function listen(port: number, host = "127.0.0.1"): Promise<Server | undefined> {
  return new Promise((done, fail) => {
    const server = createServer();
    server.once("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "EADDRINUSE" || error.code === "EACCES") done(undefined);
      else fail(error);
    });
    server.listen({ port, host }, () => done(server));
  });
}

/**
 * `count` different ports on 127.0.0.1 that are free now, drawn at random so that two demos rarely meet. All are held
 * before the first is given back.
 * @throws Error if so many ports are taken that it finds none
 */
export async function freePorts(count: number): Promise<number[]> {
  const held = new Map<number, Server>();
  for (let tries = 0; held.size < count; tries++) {
    if (tries === maxTries) throw new Error(`no ${count} free ports from ${lowestPort} to ${highestPort}`);
    const port = randomInt(lowestPort, highestPort + 1);
    const server = held.has(port) ? undefined : await listen(port);
    if (server !== undefined) held.set(port, server);
  }
  await Promise.all([...held.values()].map((server) => new Promise((done) => server.close(done))));
  return [...held.keys()];
}

/**
 * The first port from `first` on that is free on the host now and is none of `taken`: for a configuration that is made once.
 * @throws Error if so many ports are taken that it finds none
 */
export async function freePortFrom(
  first: number,
  host: string,
  taken: readonly number[] = [],
): Promise<number> {
  for (let port = first; port < first + maxTries; port++) {
    const server = taken.includes(port) ? undefined : await listen(port, host);
    if (server === undefined) continue;
    await new Promise((done) => server.close(done));
    return port;
  }
  throw new Error(`no free port from ${first} to ${first + maxTries - 1} on ${host}`);
}
