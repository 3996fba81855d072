/** Finds free ports. */
import { randomInt } from "node:crypto";
import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { isRunning } from "../storage/disk/is-running.ts";

/**
 * Below the range of ephemeral ports (from 32768 on Linux, from 49152 elsewhere): an outgoing connection may take a port of that
 * range before the daemon listens on it.
 */
const lowestPort = 10_000;
const highestPort = 32_767;
const maxTries = 1_000;

/** Files with the process ids of those that drew a port and may not listen on it yet. */
const reservations = join(tmpdir(), `whitepay-ports-${userInfo().uid}`);
const reserved = new Set<number>();

const fileOf = (port: number): string => join(reservations, String(port));

/** Removes the files of processes that were killed; those of other processes remove themselves. */
function sweep(): void {
  for (const name of readdirSync(reservations)) {
    const file = join(reservations, name);
    let owner = "";
    try {
      owner = readFileSync(file, "utf8");
    } catch {
      // Its process has just ended.
    }
    // Empty while its process writes it.
    if (owner !== "" && !isRunning(Number(owner))) rmSync(file, { force: true });
  }
}

function begin(): void {
  mkdirSync(reservations, { recursive: true });
  sweep();
  process.once("exit", () => {
    for (const drawn of reserved) rmSync(fileOf(drawn), { force: true });
  });
}

/** Until this process ends, no other process draws the port. False: another process has drawn it. */
function reserve(port: number): boolean {
  if (reserved.size === 0) begin();
  try {
    writeFileSync(fileOf(port), String(process.pid), { flag: "wx" });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
  reserved.add(port);
  return true;
}

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
 * `count` different free ports on 127.0.0.1, drawn at random. Holds all ports until it has found the last one. No other process on
 * this machine draws them while this one runs: a daemon may listen on its port much later than it was drawn.
 * @throws Error if it finds no free port
 */
export async function freePorts(count: number): Promise<number[]> {
  const held = new Map<number, Server>();
  for (let tries = 0; held.size < count; tries++) {
    if (tries === maxTries) throw new Error(`no ${count} free ports from ${lowestPort} to ${highestPort}`);
    const port = randomInt(lowestPort, highestPort + 1);
    const server = held.has(port) ? undefined : await listen(port);
    if (server === undefined) continue;
    if (reserve(port)) held.set(port, server);
    else await new Promise((done) => server.close(done));
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
