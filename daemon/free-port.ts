/** Finds free ports. */
import { randomInt } from "node:crypto";
import { createServer, type Server } from "node:net";

/**
 * Below the range of ephemeral ports (from 32768 on Linux, from 49152 elsewhere): an outgoing connection may take a port of that
 * range before the daemon listens on it.
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
 * `count` different free ports on 127.0.0.1, drawn at random so that two demos rarely get the same. Holds all ports until it has
 * found the last one.
 * @throws Error if it finds no free port
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
 * The first free port of the host from `first` on that is not in `taken`, for a new configuration file.
 * @throws Error if it finds no free port
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
