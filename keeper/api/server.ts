/** Serves the HTTP API, with limits on connections and on the time of a request. */
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { serve } from "@hono/node-server";
import { apiApp } from "./app.ts";
import type { ApiOptions, ApiSource } from "./app.ts";
import { Live } from "./live.ts";
import { statusOf } from "./status.ts";

const maxConnections = 128;
const requestTimeout_ms = 10_000;

export type Api = { readonly url: string; stop(): Promise<void> };

export async function startApi(
  options: ApiOptions & { readonly port: number },
  source: ApiSource,
): Promise<Api> {
  const live = new Live(() => statusOf(source));
  const app = apiApp(options, source, live);
  const { host, port } = options;
  return new Promise((resolve, reject) => {
    const server = serve({ fetch: app.fetch, hostname: host, port }, (info: AddressInfo) => {
      const stop = (): Promise<void> =>
        new Promise((done) => {
          live.stop();
          server.close(() => done());
          if ("closeAllConnections" in server) server.closeAllConnections();
        });
      const name = host.includes(":") ? `[${host}]` : host;
      resolve({ url: `http://${name}:${info.port}`, stop });
    }) as Server;
    server.maxConnections = maxConnections;
    server.requestTimeout = requestTimeout_ms;
    server.headersTimeout = requestTimeout_ms;
    server.on("error", reject);
  });
}
