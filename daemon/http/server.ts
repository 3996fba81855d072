/** Serves an HTTP interface, with limits on connections, requests and the time of a request (L4). */
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { serve } from "@hono/node-server";
import type { HttpBindings } from "@hono/node-server";
import { TokenBuckets } from "../../protocol/limits/token-buckets.ts";
import type { Rate } from "../../protocol/limits/token-buckets.ts";

export type HttpServer = { readonly url: string; stop(): Promise<void> };

export type ServerOptions = {
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  /** Further connections are closed at once. */
  readonly maxConnections?: number;
  /** Further connections of one remote address are closed at once. Default: the limit of all. */
  readonly maxConnectionsOfAddress?: number;
  /** Requests of one remote address; further ones are answered with 429. */
  readonly requests?: Rate;
  /** Requests of all addresses together; default: no limit. */
  readonly allRequests?: Rate;
  /** Time in which a request must arrive. */
  readonly requestTimeout_ms?: number;
};

const defaultLimits = {
  maxConnections: 128,
  requestTimeout_ms: 10_000,
  // A page asks for some 25 files at once; a program that follows the work of a daemon asks 25 times a second.
  requests: { burst: 600, perSecond: 200 },
} as const;

/** Remote addresses whose requests are counted; beyond it, the one that was silent for the longest time is forgotten. */
const maxAddresses = 4_096;
/** A peer that reads or writes nothing for this time is disconnected. */
const idleTimeout_ms = 60_000;

type App = { readonly fetch: (request: Request, env?: object) => Response | Promise<Response> };

function tooMany({ burst, perSecond }: Rate): Response {
  const expected = `at most ${burst} at once and ${perSecond} a second`;
  const error = { error: "too many requests", expected, actual: "one more" };
  return Response.json(error, { status: 429, headers: { "Retry-After": "1", "Cache-Control": "no-store" } });
}

/** Limits the requests to the app: those of each remote address to `rate`, and those of all addresses to `all`. */
function limited(
  app: App,
  rate: Rate,
  all: Rate | undefined,
): (request: Request, env: unknown) => Response | Promise<Response> {
  const buckets = new TokenBuckets(maxAddresses, () => performance.now());
  return (request, env) => {
    const { incoming } = env as HttpBindings;
    const address = incoming.socket.remoteAddress ?? "";
    if (!buckets.take(address, rate)) return tooMany(rate);
    if (all !== undefined && !buckets.take("all addresses", all)) return tooMany(all);
    return app.fetch(request, env as object);
  };
}

/** Closes connections of an address beyond `most`. */
function limitAddresses(server: Server, most: number): void {
  const open = new Map<string, number>();
  server.on("connection", (socket) => {
    const address = socket.remoteAddress ?? "";
    const before = open.get(address) ?? 0;
    if (before >= most) {
      socket.destroy();
      return;
    }
    open.set(address, before + 1);
    socket.once("close", () => {
      const left = (open.get(address) ?? 1) - 1;
      if (left === 0) open.delete(address);
      else open.set(address, left);
    });
  });
}

/**
 * @param onStop ends what keeps connections open
 * @throws if the address cannot be listened on
 */
export async function startHttp(
  app: App,
  options: ServerOptions,
  onStop: () => void = () => undefined,
): Promise<HttpServer> {
  const { host, port, maxConnections, requestTimeout_ms, requests } = { ...defaultLimits, ...options };
  return new Promise((resolve, reject) => {
    // Node looks for late requests every 30 seconds only, unless it is told otherwise.
    const serverOptions = { connectionsCheckingInterval: Math.ceil(requestTimeout_ms / 4) };
    const served = {
      fetch: limited(app, requests, options.allRequests),
      hostname: host,
      port,
      serverOptions,
    };
    const server = serve(served, (info: AddressInfo) => {
      const stop = (): Promise<void> =>
        new Promise((done) => {
          onStop();
          server.close(() => done());
          if ("closeAllConnections" in server) server.closeAllConnections();
        });
      const name = host.includes(":") ? `[${host}]` : host;
      resolve({ url: `http://${name}:${info.port}`, stop });
    }) as Server;
    server.maxConnections = maxConnections;
    server.requestTimeout = requestTimeout_ms;
    server.headersTimeout = requestTimeout_ms;
    server.timeout = idleTimeout_ms;
    limitAddresses(server, options.maxConnectionsOfAddress ?? maxConnections);
    server.on("error", reject);
  });
}
