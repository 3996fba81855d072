/** Schemas and routes that the HTTP interfaces of keeper and provider share. */
import { createRoute, z } from "@hono/zod-openapi";

export const decimal = z
  .string()
  .regex(/^-?\d+$/)
  .openapi({ description: "An exact integer in decimal digits" });
export const count = z.number().int();
export const address = z.string().openapi({ example: `0x${"1f".repeat(20)}` });

export const errorSchema = z
  .object({ error: z.string(), expected: z.string(), actual: z.string() })
  .openapi("Error");

export const healthSchema = z.object({ status: z.string() }).openapi("Health");
export const readySchema = z
  .object({
    ready: z.boolean(),
    problems: z.array(z.string()),
    headAge_s: z.number(),
    headAgeLimit_s: z.number(),
  })
  .openapi("Readiness");
export type ReadyDocument = z.infer<typeof readySchema>;

const maxPage = 200;
/** Media type of Prometheus's text format. */
export const metricsType = "text/plain; version=0.0.4; charset=utf-8";

export const json = <T extends z.ZodType>(schema: T, description: string) => ({
  description,
  content: { "application/json": { schema } },
});

/** A block, slot, time or number of a row in a query. */
export const position = z.coerce
  .number()
  .int()
  .min(0)
  .max(2 ** 31 - 1);

export const pageQuery = z.object({
  before: position.optional(),
  limit: z.coerce.number().int().min(1).max(maxPage).default(50),
});

export const groupParam = z.object({
  group: z
    .string()
    .regex(/^0x[0-9a-fA-F]{40}$/, "0x and 40 hex digits")
    .openapi({ example: `0x${"2e".repeat(20)}` }),
});
/** @param who the daemon, in words: "the keeper" or "the provider" */
export const commonRoutes = (who: string) => ({
  health: createRoute({
    method: "get",
    path: "/healthz",
    summary: "Whether the process runs",
    responses: { 200: json(healthSchema, "It runs") },
  }),
  ready: createRoute({
    method: "get",
    path: "/readyz",
    summary: `Whether ${who} can do its work, and if not, why`,
    responses: {
      200: json(readySchema, "It can"),
      503: json(readySchema, "It cannot; `problems` has the reasons"),
    },
  }),
  metrics: createRoute({
    method: "get",
    path: "/metrics",
    summary: "Metrics for Prometheus (docs/metrics.md)",
    responses: {
      200: { description: "Prometheus text format", content: { [metricsType]: { schema: z.string() } } },
    },
  }),
  events: createRoute({
    method: "get",
    path: "/v1/events",
    summary: "The status as server-sent events named `status`: the first at once, then one at each change",
    responses: {
      200: { description: "The stream", content: { "text/event-stream": { schema: z.string() } } },
      503: json(errorSchema, "Too many listeners; retry after the time in Retry-After"),
    },
  }),
});
