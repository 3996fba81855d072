/** The read-only HTTP API: health, figures, JSON and the dashboard. No answer holds a secret, and nothing can be changed. */
import { createRoute, OpenAPIHono, z } from "@hono/zod-openapi";
import type { Context } from "hono";
import { bitIndices } from "../../protocol/bitmap.ts";
import type { Hex } from "../../protocol/hash.ts";
import { reasons } from "../../protocol/reasons.ts";
import type { ReasonCode } from "../../protocol/reasons.ts";
import type { BookedSettlement } from "../ports/ledger.ts";
import { dashboardFile } from "./dashboard.ts";
import { Live } from "./live.ts";
import {
  challengeSchema,
  errorSchema,
  healthSchema,
  outcomeSchema,
  peerSchema,
  readySchema,
  reasonSchema,
  settlementSchema,
  spaceSchema,
  statusSchema,
  workSchema,
} from "./schemas.ts";
import type { SettlementDocument } from "./schemas.ts";
import { spaceOf } from "./space.ts";
import { headAgeOf, problemsOf, statusOf } from "./status.ts";
import type { StatusSource } from "./status.ts";

export type ApiSource = StatusSource & {
  /** Figures in the text form of Prometheus. */
  readonly metrics: () => Promise<string>;
};

export type ApiOptions = {
  readonly host: string;
  /** Names by which a browser may reach it, besides the host itself and localhost. */
  readonly names: readonly string[];
};

const maxPage = 200;
const maxPoints = 480;
/** What one answer reads of the ledger at most. */
const maxSpaceRows = 20_000;
const plainText = "text/plain; version=0.0.4; charset=utf-8";

function settlementDocument(booked: BookedSettlement): SettlementDocument {
  const { transaction, ts, te, committee, leader, digest } = booked;
  return {
    ts,
    te,
    committee,
    leader,
    failed: bitIndices(booked.failed),
    payees: bitIndices(booked.payees),
    signers: bitIndices(booked.signers),
    digest,
    tx: transaction.tx,
    block: transaction.block,
    blockHash: transaction.blockHash,
    sender: transaction.sender,
    gasUsed: transaction.gasUsed.toString(),
    gasPrice: transaction.gasPrice.toString(),
    items: booked.items.map((item) => ({
      provider: item.provider,
      signed: item.signed.toString(),
      spaceTime: item.spaceTime.toString(),
      amount: item.amount.toString(),
      toProvider: item.toProvider.toString(),
    })),
    shares: booked.shares.map(({ keeper, operator, amount }) => ({
      keeper,
      operator,
      amount: amount.toString(),
    })),
  };
}

const json = <T extends z.ZodType>(schema: T, description: string) => ({
  description,
  content: { "application/json": { schema } },
});

const page = <T extends z.ZodType>(item: T, name: string) =>
  z
    .object({ items: z.array(item), next: z.number().nullable() })
    .openapi(name, { description: "`next` is the `before` of the following page; null: there is none" });

const groupParam = z.object({
  group: z
    .string()
    .regex(/^0x[0-9a-fA-F]{40}$/, "0x and 40 hex digits")
    .openapi({ example: `0x${"2e".repeat(20)}` }),
});
const pageQuery = z.object({
  before: z.coerce
    .number()
    .int()
    .min(0)
    .max(2 ** 31 - 1)
    .optional(),
  limit: z.coerce.number().int().min(1).max(maxPage).default(50),
});
const spaceQuery = z.object({
  from: z.coerce
    .number()
    .int()
    .min(0)
    .max(2 ** 31 - 1)
    .default(0),
  points: z.coerce.number().int().min(2).max(maxPoints).default(120),
});
const notFound = {
  404: json(errorSchema, "No such group here"),
  400: json(errorSchema, "Not a valid question"),
};

function knownGroup(source: ApiSource, group: string): Hex | undefined {
  return source.groups.find((known) => known === group.toLowerCase());
}

function explain(code: string): string {
  return Object.hasOwn(reasons, code) ? reasons[code as ReasonCode].short : "";
}

function noGroup(source: ApiSource, actual: string): { error: string; expected: string; actual: string } {
  return { error: "no such group", expected: source.groups.join(", "), actual: actual.slice(0, 80) };
}

const routes = {
  health: createRoute({
    method: "get",
    path: "/healthz",
    summary: "Is the process alive?",
    responses: { 200: json(healthSchema, "It is") },
  }),
  ready: createRoute({
    method: "get",
    path: "/readyz",
    summary: "Can the keeper do its work, and if not, why?",
    responses: { 200: json(readySchema, "It can"), 503: json(readySchema, "It cannot; `problems` says why") },
  }),
  metrics: createRoute({
    method: "get",
    path: "/metrics",
    summary: "Figures for Prometheus (docs/metrics.md)",
    responses: { 200: { description: "Text form", content: { [plainText]: { schema: z.string() } } } },
  }),
  status: createRoute({
    method: "get",
    path: "/v1/status",
    summary: "All that the keeper knows now: groups, round, turn order, committee, means",
    responses: { 200: json(statusSchema, "The status") },
  }),
  work: createRoute({
    method: "get",
    path: "/v1/work",
    summary:
      "How far it is: two equal answers in a row with nothing under way, and it waits for the next block",
    responses: { 200: json(workSchema, "The work") },
  }),
  settlements: createRoute({
    method: "get",
    path: "/v1/groups/{group}/settlements",
    summary: "Payments, newest first; `before` is a ts",
    request: { params: groupParam, query: pageQuery },
    responses: { 200: json(page(settlementSchema, "Settlements"), "A page"), ...notFound },
  }),
  challenges: createRoute({
    method: "get",
    path: "/v1/groups/{group}/challenges",
    summary: "This keeper's challenges, newest slot first; `before` is a slot",
    request: { params: groupParam, query: pageQuery },
    responses: { 200: json(page(challengeSchema, "Challenges"), "A page of whole slots"), ...notFound },
  }),
  outcomes: createRoute({
    method: "get",
    path: "/v1/groups/{group}/outcomes",
    summary: "How often each provider proved or failed, with the reasons",
    request: { params: groupParam },
    responses: { 200: json(z.object({ items: z.array(outcomeSchema) }), "All of them"), ...notFound },
  }),
  space: createRoute({
    method: "get",
    path: "/v1/groups/{group}/space",
    summary: "Bytes proven over time, by provider, of slots from `from` on",
    request: { params: groupParam, query: spaceQuery },
    responses: { 200: json(spaceSchema, "At most `points` points"), ...notFound },
  }),
  reasons: createRoute({
    method: "get",
    path: "/v1/reasons",
    summary: "What was skipped, refused or missed, by day (docs/reasons.md)",
    request: { query: pageQuery.pick({ limit: true }) },
    responses: { 200: json(z.object({ items: z.array(reasonSchema) }), "Newest first"), 400: notFound[400] },
  }),
  events: createRoute({
    method: "get",
    path: "/v1/events",
    summary: "The status as server-sent events named `status`, at once and at every change",
    responses: {
      200: { description: "A stream", content: { "text/event-stream": { schema: z.string() } } },
      503: json(errorSchema, "Too many listen already; Retry-After says when to come back"),
    },
  }),
  peers: createRoute({
    method: "get",
    path: "/v1/peers",
    summary: "Other keepers, when they were last connected, and how far they are",
    responses: { 200: json(z.object({ items: z.array(peerSchema) }), "All that were ever seen") },
  }),
};

function addBooks(app: OpenAPIHono, source: ApiSource): void {
  const { books } = source;
  app.openapi(routes.settlements, async (context) => {
    const group = knownGroup(source, context.req.valid("param").group);
    if (group === undefined) return context.json(noGroup(source, context.req.valid("param").group), 404);
    const { before, limit } = context.req.valid("query");
    const items = (await books.settlements(group, before, limit)).map(settlementDocument);
    return context.json({ items, next: items.length < limit ? null : (items.at(-1)?.ts ?? null) }, 200);
  });
  app.openapi(routes.challenges, async (context) => {
    const group = knownGroup(source, context.req.valid("param").group);
    if (group === undefined) return context.json(noGroup(source, context.req.valid("param").group), 404);
    const { before, limit } = context.req.valid("query");
    const found = await books.challenges(group, before, limit);
    // The last slot may go on behind the page's end: it comes whole with the next one.
    const last = found.at(-1)?.slot;
    const whole = found.length < limit ? found : found.filter(({ slot }) => slot !== last);
    const items = whole.length > 0 ? whole : found;
    return context.json({ items, next: found.length < limit ? null : (items.at(-1)?.slot ?? null) }, 200);
  });
  app.openapi(routes.outcomes, async (context) => {
    const group = knownGroup(source, context.req.valid("param").group);
    if (group === undefined) return context.json(noGroup(source, context.req.valid("param").group), 404);
    const items = (await books.outcomes(group)).map(({ bytesProven, bytesCommitted, ...row }) => ({
      ...row,
      bytesProven: bytesProven.toString(),
      bytesCommitted: bytesCommitted.toString(),
      explanation: row.reason === "" ? "" : explain(`challenge-${row.reason}`),
    }));
    return context.json({ items }, 200);
  });
  app.openapi(routes.space, async (context) => {
    const group = knownGroup(source, context.req.valid("param").group);
    if (group === undefined) return context.json(noGroup(source, context.req.valid("param").group), 404);
    const { from, points } = context.req.valid("query");
    return context.json(spaceOf(await books.space(group, from, maxSpaceRows), points), 200);
  });
  app.openapi(routes.reasons, async (context) => {
    const found = await books.reasons(context.req.valid("query").limit);
    return context.json({ items: found.map((row) => ({ ...row, explanation: explain(row.code) })) }, 200);
  });
  app.openapi(routes.peers, async (context) => context.json({ items: await books.peers() }, 200));
}

/** DNS rebinding makes a stranger's page ask here under its own name: only names that are this machine's are answered. */
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
      "Read only. Amounts, bytes and gas are decimal strings, since they may exceed what a JSON number holds; blocks, slots and indices are numbers.",
  },
};

/** The routes alone, for the document that describes them. */
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
        { error: "unknown host name; api.names in the configuration adds one", expected, actual },
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
    context.text(await source.metrics(), 200, { "Content-Type": plainText }),
  );
  app.openapi(routes.status, async (context) => context.json(await statusOf(source), 200));
  app.openapi(routes.work, (context) => context.json(source.keeper.work(), 200));
  addBooks(app, source);
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
      { error: "the answer could not be made", expected: "a ledger that can be read", actual: "see the log" },
      500,
    ),
  );
  return app;
}
