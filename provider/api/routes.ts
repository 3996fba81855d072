/** The routes of the provider's HTTP interface with their descriptions, from which openapi.json is made. */
import { createRoute, z } from "@hono/zod-openapi";
import { commonRoutes, errorSchema, groupParam, json, pageQuery } from "../../daemon/http/schemas.ts";
import { challengeSchema, monthSchema, outcomeSchema, paymentSchema, statusSchema } from "./schemas.ts";

const list = <T extends z.ZodType>(item: T) => z.object({ items: z.array(item) });
const notValid = json(errorSchema, "A parameter is not valid");

export const routes = {
  ...commonRoutes("the provider"),
  status: createRoute({
    method: "get",
    path: "/v1/status",
    summary: "The current state: stored data, volumes, scrub, groups with proofs and money",
    responses: { 200: json(statusSchema, "The status") },
  }),
  challenges: createRoute({
    method: "get",
    path: "/v1/groups/{group}/challenges",
    summary:
      "The last challenges of a group's data, newest first; `before` is a slot. The last 4,096 are kept in memory",
    request: { params: groupParam, query: pageQuery },
    responses: { 200: json(list(challengeSchema), "The challenges"), 400: notValid },
  }),
  payments: createRoute({
    method: "get",
    path: "/v1/groups/{group}/payments",
    summary: "The last payments and withdrawals of a group, newest first",
    request: { params: groupParam, query: pageQuery.pick({ limit: true }) },
    responses: { 200: json(list(paymentSchema), "The payments"), 400: notValid },
  }),
  outcomes: createRoute({
    method: "get",
    path: "/v1/outcomes",
    summary: "Number of challenges in the journal by group, outcome and reason",
    responses: { 200: json(list(outcomeSchema), "All counts") },
  }),
  earnings: createRoute({
    method: "get",
    path: "/v1/earnings",
    summary: "What was earned and withdrawn by month and group, newest month first",
    responses: { 200: json(list(monthSchema), "All months") },
  }),
};
