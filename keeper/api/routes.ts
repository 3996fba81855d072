/** The routes of the HTTP API with their descriptions, from which openapi.json is made. */
import { createRoute, z } from "@hono/zod-openapi";
import {
  commonRoutes,
  errorSchema,
  groupParam,
  json,
  pageQuery,
  position,
} from "../../daemon/http/schemas.ts";
import {
  challengeSchema,
  outcomeSchema,
  peerSchema,
  reasonSchema,
  settlementSchema,
  spaceSchema,
  statusSchema,
  workSchema,
} from "./schemas.ts";

const maxPoints = 480;

const page = <T extends z.ZodType>(item: T, name: string) =>
  z
    .object({ items: z.array(item), next: z.number().nullable() })
    .openapi(name, { description: "`next` is the `before` of the next page; null: this is the last page" });

const spaceQuery = z.object({
  from: position.default(0),
  points: z.coerce.number().int().min(2).max(maxPoints).default(120),
});
const notFound = {
  404: json(errorSchema, "The keeper serves no such group"),
  400: json(errorSchema, "A parameter is not valid"),
};

export const routes = {
  ...commonRoutes("the keeper"),
  status: createRoute({
    method: "get",
    path: "/v1/status",
    summary: "The current state: groups, round, turn order, committee, funds, machine",
    responses: { 200: json(statusSchema, "The status") },
  }),
  work: createRoute({
    method: "get",
    path: "/v1/work",
    summary:
      "Progress. The keeper waits for the next block if two answers in a row are equal and `underWay` is 0",
    responses: { 200: json(workSchema, "The progress") },
  }),
  settlements: createRoute({
    method: "get",
    path: "/v1/groups/{group}/settlements",
    summary: "Payments, newest first; `before` is the `ts` of a payment",
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
    summary: "Number of challenges by provider, outcome and reason",
    request: { params: groupParam },
    responses: { 200: json(z.object({ items: z.array(outcomeSchema) }), "All counts"), ...notFound },
  }),
  space: createRoute({
    method: "get",
    path: "/v1/groups/{group}/space",
    summary: "Bytes proven over time by provider, from slot `from` on",
    request: { params: groupParam, query: spaceQuery },
    responses: { 200: json(spaceSchema, "At most `points` points"), ...notFound },
  }),
  reasons: createRoute({
    method: "get",
    path: "/v1/reasons",
    summary: "What the keeper skipped, refused or missed, by day (docs/reasons.md)",
    request: { query: pageQuery.pick({ limit: true }) },
    responses: { 200: json(z.object({ items: z.array(reasonSchema) }), "Newest first"), 400: notFound[400] },
  }),
  peers: createRoute({
    method: "get",
    path: "/v1/peers",
    summary: "Other keepers, with the time of the last connection and the latency",
    responses: { 200: json(z.object({ items: z.array(peerSchema) }), "All keepers ever seen") },
  }),
};
