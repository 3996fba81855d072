/** The read-only HTTP API: health, metrics, JSON and the dashboard. No request changes anything, and no answer has a secret. */
import { OpenAPIHono } from "@hono/zod-openapi";
import type { Context } from "hono";
import { dashboardFile } from "./dashboard.ts";
import { addLedgerRoutes } from "./ledger-answers.ts";
import type { Live } from "./live.ts";
import { metricsType, routes } from "./routes.ts";
import { headAgeOf, problemsOf, statusOf } from "./status.ts";
import type { StatusSource } from "./status.ts";
import type { Keeper } from "../runtime/keeper.ts";

export type ApiSource = StatusSource & {
  readonly keeper: Pick<Keeper, "work">;
  /** Metrics in the text format of Prometheus. */
  readonly metrics: () => Promise<string>;
};

export type ApiOptions = {
  readonly host: string;
  /** Host names that browsers may use, besides the host itself and localhost. */
  readonly names: readonly string[];
};

/** Only names of this machine are answered: with DNS rebinding a foreign page sends requests here under its own name. */
function hostAllowed(options: ApiOptions, header: string | undefined): boolean {
  if (header === undefined) return false;
  const name = header
    .replace(/:\d+$/, "")
    .replace(/^\[(.*)\]$/, "$1")
    .toLowerCase();
  return [options.host, "localhost", "127.0.0.1", "::1", ...options.names].some(
    (own) => own.toLowerCase() === name,
  );
}

const securityHeaders: Record<string, string> = {
  "Content-Security-Policy":
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  "X-Content-Type-Options": "nosniff",
  "Referrer-Policy": "no-referrer",
  "Cross-Origin-Resource-Policy": "same-origin",
  "Cross-Origin-Opener-Policy": "same-origin",
};

export const documentInfo = {
  openapi: "3.1.0",
  info: {
    title: "WhitePay keeper",
    version: "1",
    description:
      "Read only. Amounts, bytes and gas are decimal strings, since they may exceed the range of a JSON number. Blocks, slots and indices are numbers.",
  },
};

/** The routes without a server. */
export function apiApp(options: ApiOptions, source: ApiSource, live: Live): OpenAPIHono {
  const app = new OpenAPIHono({
    defaultHook: (result, context: Context) => {
      if (result.success) return undefined;
      const issue = result.error.issues[0];
      const at = issue?.path.join(".") ?? "";
      const error = {
        error: `${at} is not valid`,
        expected: issue?.message ?? "",
        actual: context.req.path.slice(0, 200),
      };
      return context.json(error, 400);
    },
  });
  app.use(async (context, next) => {
    if (!hostAllowed(options, context.req.header("host"))) {
      const expected = [options.host, "localhost", ...options.names].join(", ");
      const actual = (context.req.header("host") ?? "none").slice(0, 80);
      return context.json(
        { error: "unknown host name; add it to api.names in the configuration", expected, actual },
        421,
      );
    }
    await next();
    for (const [name, value] of Object.entries(securityHeaders)) context.header(name, value);
    if (!context.res.headers.has("cache-control")) context.header("Cache-Control", "no-store");
    return undefined;
  });
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
  app.doc31("/openapi.json", documentInfo);
  app.get("/*", async (context) => {
    const file = await dashboardFile(context.req.path);
    if (file !== undefined) return context.body(file.text, 200, { "Content-Type": file.type });
    return context.json(
      { error: "no such page", expected: "/, /v1/…, /openapi.json", actual: context.req.path.slice(0, 80) },
      404,
    );
  });
  app.onError((_error, context) =>
    context.json(
      {
        error: "the ledger or the state could not be read",
        expected: "a ledger that can be read",
        actual: "see the log",
      },
      500,
    ),
  );
  return app;
}
