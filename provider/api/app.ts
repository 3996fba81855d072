/**
 * The provider's read-only HTTP interface for its operator: on loopback by default, host names checked. Routes for others belong on a
 * server of their own (`startHttp` in daemon/http), with limits and headers of their own; `provider/compose.ts` starts both.
 */
import type { OpenAPIHono } from "@hono/zod-openapi";
import { addLastRoutes, httpApp } from "../../daemon/http/app.ts";
import type { HttpOptions } from "../../daemon/http/app.ts";
import { Live } from "../../daemon/http/live.ts";
import { metricsType } from "../../daemon/http/schemas.ts";
import { startHttp } from "../../daemon/http/server.ts";
import type { HttpServer } from "../../daemon/http/server.ts";
import { cpuShare } from "../../protocol/limits/derived.ts";
import { dashboard } from "./dashboard.ts";
import { challengeDocument, monthDocuments, outcomeDocument, paymentDocument } from "./documents.ts";
import { routes } from "./routes.ts";
import { readinessOf, statusOf } from "./status.ts";
import type { StatusSource } from "./status.ts";

export type ApiSource = StatusSource & {
  /** Metrics in the text format of Prometheus. */
  readonly metrics: () => Promise<string>;
};

/** The routes without a server. */
function apiApp(options: HttpOptions, source: ApiSource, live: Live): OpenAPIHono {
  const app = httpApp(options);
  app.openapi(routes.health, (context) => context.json({ status: "alive" }, 200));
  app.openapi(routes.ready, (context) => {
    const document = readinessOf(source);
    return context.json(document, document.ready ? 200 : 503);
  });
  app.openapi(routes.metrics, async (context) =>
    context.text(await source.metrics(), 200, { "Content-Type": metricsType }),
  );
  app.openapi(routes.status, async (context) => context.json(await statusOf(source), 200));
  app.openapi(routes.challenges, (context) => {
    const { group } = context.req.valid("param");
    const { before, limit } = context.req.valid("query");
    const items = source.challenges.of(group.toLowerCase(), limit, before).map(challengeDocument);
    return context.json({ items }, 200);
  });
  app.openapi(routes.payments, (context) => {
    const { group } = context.req.valid("param");
    const { limit } = context.req.valid("query");
    const known = source.books.of(group.toLowerCase() as `0x${string}`)?.payments ?? [];
    return context.json({ items: known.slice(-limit).toReversed().map(paymentDocument) }, 200);
  });
  app.openapi(routes.outcomes, (context) =>
    context.json({ items: source.challenges.counts.map(outcomeDocument) }, 200),
  );
  app.openapi(routes.earnings, (context) => context.json({ items: monthDocuments(source) }, 200));
  app.openAPIRegistry.registerPath(routes.events);
  app.get("/v1/events", (context) => live.answer(context));
  const fault = { error: "the state could not be read", expected: "a data folder that can be read" };
  addLastRoutes(app, { title: "WhitePay provider", pages: dashboard, fault });
  return app;
}

/** The status of 1,000 groups takes 5.2 ms of CPU: 48 a second are a quarter of a core, as for other protocols. */
const limits = {
  // A page asks for some 20 files and answers at once, then four times in five seconds.
  requests: { burst: 200, perSecond: 20 },
  allRequests: { burst: 400, perSecond: (cpuShare * 1_000) / 5.2 },
};

export async function startApi(
  options: HttpOptions & { readonly port: number },
  source: ApiSource,
): Promise<HttpServer> {
  const live = new Live(() => statusOf(source));
  return startHttp(apiApp(options, source, live), { ...options, ...limits }, () => live.stop());
}
