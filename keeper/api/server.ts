/** Serves the HTTP API. */
import { Live } from "../../daemon/http/live.ts";
import type { HttpOptions } from "../../daemon/http/app.ts";
import { startHttp } from "../../daemon/http/server.ts";
import type { HttpServer } from "../../daemon/http/server.ts";
import { apiApp } from "./app.ts";
import type { ApiSource } from "./app.ts";
import { statusOf } from "./status.ts";

export async function startApi(
  options: HttpOptions & { readonly port: number },
  source: ApiSource,
): Promise<HttpServer> {
  const live = new Live(() => statusOf(source));
  return startHttp(apiApp(options, source, live), options, () => live.stop());
}
