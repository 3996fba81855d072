/** The read-only HTTP API: health, metrics, JSON and the dashboard. No request changes anything, and no answer has a secret. */
import type { OpenAPIHono } from "@hono/zod-openapi";
import { addLastRoutes, httpApp } from "../../daemon/http/app.ts";
import type { HttpOptions } from "../../daemon/http/app.ts";
import type { Live } from "../../daemon/http/live.ts";
import { metricsType } from "../../daemon/http/schemas.ts";
import { dashboard } from "./dashboard.ts";
import { addLedgerRoutes } from "./ledger-answers.ts";
import { routes } from "./routes.ts";
import { headAgeOf, problemsOf, statusOf } from "./status.ts";
import type { StatusSource } from "./status.ts";
import type { Keeper } from "../runtime/keeper.ts";

export type ApiSource = StatusSource & {
  readonly keeper: Pick<Keeper, "work">;
  /** Metrics in the text format of Prometheus. */
  readonly metrics: () => Promise<string>;
};

/** The routes without a server. */
export function apiApp(options: HttpOptions, source: ApiSource, live: Live): OpenAPIHono {
  const app = httpApp(options);
  app.openapi(routes.health, (context) => context.json({ status: "alive" }, 200));
  app.openapi(routes.ready, (context) => {
    const problems = problemsOf(source);
    const ready = problems.length === 0;
    return context.json({ ready, problems, ...headAgeOf(source) }, ready ? 200 : 503);
  });
  app.openapi(routes.metrics, async (context) =>
    context.text(await source.metrics(), 200, { "Content-Type": metricsType }),
  );
  app.openapi(routes.status, async (context) => context.json(await statusOf(source), 200));
  app.openapi(routes.work, (context) => context.json(source.keeper.work(), 200));
  addLedgerRoutes(app, source);
  app.openAPIRegistry.registerPath(routes.events);
  app.get("/v1/events", (context) => live.answer(context));
  const fault = {
    error: "the ledger or the state could not be read",
    expected: "a ledger that can be read",
  };
  addLastRoutes(app, { title: "WhitePay keeper", pages: dashboard, fault });
  return app;
}
