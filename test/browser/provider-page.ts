/** The HTTP interface and the page of a provider that has lost a part of its data, checked against the chain. */
import { get } from "node:http";
import { expect } from "vitest";
import { z } from "zod";
import { errorSchema, healthSchema, readySchema } from "../../daemon/http/schemas.ts";
import { exactAmount } from "../../daemon/page/format.ts";
import * as schemas from "../../provider/api/schemas.ts";
import { providerMetrics } from "../../provider/metrics.ts";
import { keepScreenshot, openPage, pageSays, tabTo, textOf } from "./chromium.ts";
import type { Look } from "./chromium.ts";
import { poor } from "./data-lost.ts";
import { isWellFormed } from "./well-formed.ts";
import { eventually } from "./watched-fleet.ts";
import type { WatchedFleet } from "./watched-fleet.ts";

const list = <T extends z.ZodType>(item: T) => z.object({ items: z.array(item).min(1) });

/** Metrics of what never happens in this fleet: nobody offers, stores or reads over HTTP. */
const unfed = [
  "whitepay_provider_store_refusals_total",
  "whitepay_provider_received_bytes_total",
  "whitepay_provider_dropped_bytes_total",
  "whitepay_provider_read_bytes_total",
];

function statusUnder(name: string, url: string): Promise<number | undefined> {
  return new Promise((done, fail) => {
    get(url, { headers: { host: name } }, (response) => {
      response.resume();
      done(response.statusCode);
    }).once("error", fail);
  });
}

/** What the chain says that a provider was credited in a group. */
async function earnedOnChain({ fleet }: WatchedFleet, group: string): Promise<bigint> {
  const all = (await fleet.settlements(group)).flatMap(({ providers }) => providers);
  return all
    .filter(({ provider }) => provider === poor.provider)
    .reduce((sum, { amount }) => sum + amount, 0n);
}

/** Paths in openapi.json, and those whose answers were checked. */
type Answered = { readonly described: readonly string[]; readonly answered: readonly string[] };
type Api = (path: string) => Promise<{ readonly status: number; readonly body: unknown }>;

function apiOf({ fleet }: WatchedFleet): Api {
  const url = fleet.chain.providers.apiOf(poor.provider);
  return async (path) => {
    const response = await fetch(`${url}${path}`);
    const isJson = response.headers.get("content-type")?.includes("json") === true;
    return { status: response.status, body: isJson ? await response.json() : await response.text() };
  };
}

async function bookedAsTheChain(scene: WatchedFleet, api: Api): Promise<void> {
  for (const group of scene.fleet.groups) {
    const expected = await earnedOnChain(scene, group);
    expect(expected).toBeGreaterThan(0n);
    await eventually("the provider has booked what the chain has", async () => {
      const { items } = list(schemas.monthSchema).parse((await api("/v1/earnings")).body);
      const own = items.filter((one) => one.group === group.toLowerCase());
      return own.reduce((sum, { earned }) => sum + BigInt(earned), 0n) === expected;
    });
    const { body } = await api(`/v1/groups/${group}/payments`);
    const settled = (await scene.fleet.settlements(group)).map(({ through, tx }) => `${through} ${tx}`);
    const { items } = list(schemas.paymentSchema).parse(body);
    expect(items.map(({ throughBlock, tx }) => `${throughBlock} ${tx}`).toReversed()).toEqual(settled);
  }
}

async function answersAsDescribed(group: string, api: Api): Promise<Answered> {
  const { body } = await api("/openapi.json");
  const { paths } = z.object({ paths: z.record(z.string(), z.unknown()) }).parse(body);
  const root = `/v1/groups/${group}`;
  const answers: Record<string, [path: string, schema: z.ZodType]> = {
    "/healthz": ["/healthz", healthSchema],
    "/readyz": ["/readyz", readySchema],
    "/metrics": ["/metrics", z.string().regex(/^# HELP whitepay_/m)],
    "/v1/status": ["/v1/status", schemas.statusSchema.strict()],
    "/v1/earnings": ["/v1/earnings", list(schemas.monthSchema)],
    "/v1/outcomes": ["/v1/outcomes", list(schemas.outcomeSchema)],
    "/v1/groups/{group}/challenges": [`${root}/challenges?limit=7`, list(schemas.challengeSchema)],
    "/v1/groups/{group}/payments": [`${root}/payments`, list(schemas.paymentSchema)],
  };
  for (const [path, schema] of Object.values(answers)) {
    const answer = await api(path);
    expect({ path, status: answer.status }).toEqual({ path, status: 200 });
    schema.parse(answer.body);
  }
  for (const [path, status] of [
    [`${root}/challenges?limit=1000`, 400],
    [`${root}/challenges?before=x`, 400],
    ["/v1/groups/here/payments", 400],
    ["/../keys", 404],
    ["/provider.yaml", 404],
  ] as const) {
    const answer = await api(path);
    expect({ path, status: answer.status }).toEqual({ path, status });
    errorSchema.parse(answer.body);
  }
  return { described: Object.keys(paths), answered: Object.keys(answers) };
}

/** Answers of the HTTP interface, with money as the chain has it. */
export async function providerAnswers(scene: WatchedFleet): Promise<Answered> {
  const api = apiOf(scene);
  const url = scene.fleet.chain.providers.apiOf(poor.provider);
  await scene.fleet.mine();
  await eventually("the provider is ready", async () => (await api("/readyz")).status === 200);
  expect(new URL(url).hostname).toBe("127.0.0.1");
  expect(await statusUnder("evil.example", `${url}/v1/status`)).toBe(421);
  expect(await statusUnder("localhost", `${url}/v1/status`)).toBe(200);
  await bookedAsTheChain(scene, api);
  const answered = await answersAsDescribed(scene.group, api);
  const status = schemas.statusSchema.parse((await api("/v1/status")).body);
  expect(status.groups.map(({ group }) => group)).toEqual(scene.fleet.groups.map(String).sort());
  for (const { provider, committee, late, money, committedBytes } of status.groups) {
    expect({ provider, committee }).toEqual({ provider: poor.provider, committee: scene.fleet.committee });
    // It has lost a part of every piece.
    expect(late.partial).toBeGreaterThan(0);
    expect(BigInt(late.bytesProven)).toBeLessThan(BigInt(late.bytesCommitted));
    expect(BigInt(committedBytes)).toBeGreaterThan(0n);
    expect(BigInt(money?.credit ?? 0)).toBeGreaterThan(0n);
    expect(money?.isFundingKnown).toBe(true);
    expect(money?.runway_s).toBeGreaterThan(0);
  }
  const text = String((await api("/metrics")).body);
  const fed = new Set([...text.matchAll(/^(whitepay_\w+)(?:\{[^}]*\})? \S+$/gm)].map((line) => line[1]));
  expect(Object.keys(providerMetrics).filter((name) => !fed.has(name) && !unfed.includes(name))).toEqual([]);
  return answered;
}

/** The page at one viewport and colour scheme. Returns the path of a screenshot. */
export async function providerPage(scene: WatchedFleet, look: Look): Promise<string> {
  const { fleet } = scene;
  const url = fleet.chain.providers.apiOf(poor.provider);
  await fleet.mine();
  const watched = await openPage(scene.browser, url, look);
  const { page, troubles, requests } = watched;
  await page.waitForSelector("#challenges table");
  await page.waitForSelector("#payments table");
  await page.waitForSelector("#earnings table");
  await pageSays(page, "#outcomes", "lost-data");
  expect(await textOf(page, '#glance [data-key="Bytes proven"]')).toMatch(/2 groups not whole/);
  const status = schemas.statusSchema.parse((await apiOf(scene)("/v1/status")).body);
  const [first] = status.groups;
  const token = first?.money?.token ?? { symbol: "", decimals: 0 };
  let earned = 0n;
  for (const group of fleet.groups) earned += await earnedOnChain(scene, group);
  // Whole tokens on the page; all digits in the title.
  const title = `${exactAmount(earned, token.decimals)} ${token.symbol}`;
  expect(await page.locator(`#earnings td:first-of-type [title="${title}"]`).count()).toBe(1);
  expect(await page.locator("#groups tbody tr").count()).toBe(fleet.groups.length);
  // The other group is shown after its choice.
  const other = status.groups.at(-1)?.group ?? "";
  await tabTo(page, "#group");
  await page.locator("#group").selectOption(other);
  await page.waitForSelector(`#groups tr[aria-current][data-key="${other}"]`);
  await isWellFormed(page, look);
  const kept = await keepScreenshot(page, `provider-${look.name}`);
  expect(troubles).toEqual([]);
  expect(requests.filter((asked) => new URL(asked).origin !== new URL(url).origin)).toEqual([]);
  await watched.close();
  return kept;
}
