/** Checks each answer of a keeper's HTTP server against openapi.json, errors included. */
import { expect } from "vitest";
import { errorSchema, healthSchema, readySchema } from "../../daemon/http/schemas.ts";
import * as schemas from "../../keeper/api/schemas.ts";
import { onFile } from "./watched-fleet.ts";
import type { WatchedFleet } from "./watched-fleet.ts";

/** @returns the paths in openapi.json, and the paths whose answers were checked */
export async function answersAsDescribed(
  scene: WatchedFleet,
): Promise<{ readonly described: readonly string[]; readonly answered: readonly string[] }> {
  const document = (await scene.ask(onFile, "/openapi.json")).body as {
    openapi: string;
    paths: Record<string, { get: { responses: Record<string, unknown> } }>;
  };
  expect(document.openapi).toBe("3.1.0");
  const root = `/v1/groups/${scene.group}`;
  const list = (item: { parse(value: unknown): unknown }) => (body: unknown) => {
    const { items } = body as { items: unknown[] };
    expect(items.length).toBeGreaterThan(0);
    for (const one of items) item.parse(one);
  };
  const answers: Record<string, [path: string, check: (body: unknown) => unknown]> = {
    "/healthz": ["/healthz", (body) => healthSchema.parse(body)],
    "/readyz": ["/readyz", (body) => readySchema.parse(body)],
    "/metrics": ["/metrics", (body) => expect(body).toContain("# HELP whitepay_")],
    "/v1/status": ["/v1/status", (body) => schemas.statusSchema.parse(body)],
    "/v1/work": ["/v1/work", (body) => schemas.workSchema.parse(body)],
    "/v1/peers": ["/v1/peers", list(schemas.peerSchema)],
    "/v1/reasons": ["/v1/reasons", list(schemas.reasonSchema)],
    "/v1/groups/{group}/settlements": [`${root}/settlements`, list(schemas.settlementSchema)],
    "/v1/groups/{group}/challenges": [`${root}/challenges`, list(schemas.challengeSchema)],
    "/v1/groups/{group}/outcomes": [`${root}/outcomes`, list(schemas.outcomeSchema)],
    "/v1/groups/{group}/space": [`${root}/space`, (body) => schemas.spaceSchema.parse(body)],
  };
  await scene.fleet.mine();
  for (const [path, check] of Object.values(answers)) {
    const { status, body } = await scene.ask(onFile, path);
    expect({ path, status }).toEqual({ path, status: 200 });
    check(body);
  }
  for (const [path, status] of [
    [`${root}/settlements?limit=1000`, 400],
    [`${root}/challenges?before=x`, 400],
    [`/v1/groups/0x${"77".repeat(20)}/outcomes`, 404],
    ["/v1/groups/here/outcomes", 400],
    ["/../keys", 404],
    ["/tsconfig.json", 404],
  ] as const) {
    const answer = await scene.ask(onFile, path);
    expect({ path, status: answer.status }).toEqual({ path, status });
    errorSchema.parse(answer.body);
  }
  const written = await fetch(`${scene.fleet.apiOf(onFile)}/v1/status`, { method: "POST" });
  expect(written.status).toBe(404);
  return { described: Object.keys(document.paths), answered: Object.keys(answers) };
}
