/** The server for readers counts requests by address: behind a proxy by that which the proxy names, and by none that a reader invents. */
import { Agent, request } from "node:http";
import { describe, expect, it, onTestFinished } from "vitest";
import { ReaderLimits } from "../../../../provider/reading/limits.ts";
import { startReadingServer } from "../../../../provider/reading/server.ts";
import type { ReadingAnswers } from "../../../../provider/reading/server.ts";

/** No path here is a piece's, so nothing is looked for. */
const nothing = new Proxy({} as Omit<ReadingAnswers, "limits">, {
  get(_, name) {
    throw new Error(`${String(name)} was asked for`);
  },
});

async function opened(proxies: readonly string[]): Promise<(forwarded: string) => Promise<number>> {
  const limits = new ReaderLimits(() => performance.now(), undefined);
  const answers: ReadingAnswers = Object.assign(Object.create(nothing) as ReadingAnswers, { limits });
  const server = await startReadingServer({ host: "127.0.0.1", port: 0, proxies }, answers);
  const agent = new Agent({ keepAlive: true, maxSockets: 8 });
  onTestFinished(async () => {
    agent.destroy();
    await server.stop();
  });
  return (forwarded) =>
    new Promise((resolve, reject) => {
      const asked = request(server.url, { agent, headers: { "X-Forwarded-For": forwarded } }, (response) => {
        response.resume().once("end", () => resolve(response.statusCode ?? 0));
      });
      asked.once("error", reject).end();
    });
}

/** Far more than the burst and what is added meanwhile. */
async function flood(ask: (forwarded: string) => Promise<number>, address: string): Promise<number[]> {
  return Promise.all(Array.from({ length: 1_000 }, () => ask(address)));
}

const count = (statuses: readonly number[], status: number): number =>
  statuses.filter((one) => one === status).length;

describe("the server for readers", () => {
  it("limits each reader behind a proxy by itself, and a reader cannot invent another address", async () => {
    const ask = await opened(["127.0.0.1"]);
    const statuses = await flood(ask, "10.0.0.1");
    expect(count(statuses, 404)).toBeGreaterThanOrEqual(256);
    expect(count(statuses, 429)).toBeGreaterThan(0);
    expect(count(statuses, 404) + count(statuses, 429)).toBe(1_000);
    expect(await ask("10.0.0.2")).toBe(404);
    const forged = await flood(ask, "10.0.0.3, 10.0.0.1");
    expect(count(forged, 429)).toBeGreaterThan(0);
    expect(count(await Promise.all(Array.from({ length: 200 }, () => ask("10.0.0.3"))), 429)).toBe(0);
  });

  it("does not believe the field of a reader that is no proxy", async () => {
    const ask = await opened([]);
    const asked = Array.from({ length: 1_000 }, (_, i) => ask(`10.1.${i >> 8}.${i & 255}`));
    expect(count(await Promise.all(asked), 429)).toBeGreaterThan(0);
  });
});
