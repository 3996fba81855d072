/** Scene: two processes use one keeper's keys, and another keeper's endpoint is slow. Checks the reports and after how many blocks they come. */
import { expect } from "vitest";
import { readySchema } from "../../daemon/http/schemas.ts";
import { firing } from "../support/alerts.ts";
import { startTwin } from "../process/scenarios/instances.ts";
import { looks, openPage, pageSays } from "./chromium.ts";
import type { Look } from "./chromium.ts";
import { eventually, onFile, patience_ms } from "./watched-fleet.ts";
import type { WatchedFleet } from "./watched-fleet.ts";

/** Longer than a keeper's timeout for an endpoint. */
export const slow_ms = 6_000;

type Seen = { readonly newerAfter: number; readonly olderAfter: number };
type SeenSlow = { readonly readyAfter_s: number; readonly statusAfter_s: number; readonly limit_s: number };

async function isDoubled(api: string): Promise<boolean> {
  const status = (await (await fetch(`${api}/v1/status`)).json()) as {
    committees: { secondInstance: boolean }[];
  };
  return status.committees[0]?.secondInstance === true;
}

/** Number of blocks after which each process noticed the other one. */
async function doubled(scene: WatchedFleet, index: number): Promise<Seen> {
  const { fleet } = scene;
  const begun = await fleet.head();
  const twin = await startTwin(fleet, index);
  const after = new Map<string, number>();
  const apis = { newer: twin.api, older: fleet.apiOf(index) };
  await fleet.until(
    "both processes notice",
    async () => {
      for (const [name, api] of Object.entries(apis)) {
        if (!after.has(name) && (await isDoubled(api))) after.set(name, (await fleet.head()) - begun);
      }
      return after.size === 2;
    },
    3 * fleet.params.slot,
  );
  const words = "another process uses this keeper's key";
  const { stdout } = await scene.statusCommand(index);
  expect(stdout).toMatch(/^keeper {4}up, but cannot work, /);
  expect(stdout).toContain(words);
  expect((await scene.ask(index, "/readyz")).status).toBe(503);
  expect(firing("WhitepaySecondInstance", String((await scene.ask(index, "/metrics")).body))).toHaveLength(1);
  const watched = await openPage(scene.browser, fleet.apiOf(index), looks[2] as Look);
  await pageSays(watched.page, "#problems", words);
  await watched.close();
  await twin.end();
  await fleet.stopKeeper(index);
  await fleet.restart(index);
  return { newerAfter: after.get("newer") as number, olderAfter: after.get("older") as number };
}

const stopped = "no new block: the chain has stopped or cannot be reached";

/** Polls keeper `index` until it says that the chain has stopped; it answers at once, although its endpoint does not. */
async function untilNotReady(scene: WatchedFleet, index: number, limit_s: number): Promise<void> {
  const isSeen = async (): Promise<boolean> => {
    const asked_ms = performance.now();
    const { status, body } = await scene.ask(index, "/readyz");
    expect(performance.now() - asked_ms).toBeLessThan(2_000);
    // While another keeper has two processes, too few may be connected: that is another problem.
    return status === 503 && readySchema.parse(body).problems.join().includes(stopped);
  };
  await eventually("the keeper with the slow endpoint says so", isSeen, limit_s * 1000 + patience_ms);
}

/**
 * `whitepay keeper status` prints the keeper's part before it reads the chain itself.
 * @returns seconds until it printed the problem
 */
async function statusSays(scene: WatchedFleet, index: number): Promise<number> {
  const started_ms = performance.now();
  const command = await scene.startStatusCommand(index);
  await command.said(`problem ${stopped}`);
  const after_s = (performance.now() - started_ms) / 1000;
  scene.fleet.front.slow(String(index), 0);
  const { code, stdout, stderr } = await command.ended;
  expect(code, stderr).toBe(0);
  expect(stdout).toMatch(/^keeper {4}up, but cannot work, /);
  expect(stdout).toMatch(/^chain {5}block \d+/m);
  return after_s;
}

/** The keeper with the slow endpoint reports it everywhere; the others are ready. */
async function slowEndpoint(scene: WatchedFleet, index: number): Promise<void> {
  const { fleet } = scene;
  const figures = String((await scene.ask(index, "/metrics")).body);
  expect(firing("WhitepayChainStopped", figures)).toHaveLength(1);
  expect(figures).toMatch(/whitepay_reasons_total\{contract="",code="rpc-down"\} [1-9]/);
  expect((await scene.statusOf(index)).problems.join()).toContain(stopped);
  const watched = await openPage(scene.browser, fleet.apiOf(index), looks[2] as Look);
  await pageSays(watched.page, "#problems", stopped);
  await watched.close();
  await fleet.mine();
  await eventually(
    "another keeper is ready",
    async () => (await scene.ask(onFile, "/readyz")).status === 200,
  );
  expect((await scene.ask(index, "/readyz")).status).toBe(503);
}

/** Number of blocks after which two processes with one key noticed each other, and of seconds after which a slow endpoint was reported. */
export async function twinsAndSlowEndpoint(scene: WatchedFleet): Promise<Seen & SeenSlow> {
  const { fleet } = scene;
  // In each pair the keeper with the lower peer id dials, so only a second process of that keeper gets connections.
  const [twice, slow] = [2, 3].sort((a, b) => (fleet.peerIdOf(a) < fleet.peerIdOf(b) ? -1 : 1)) as [
    number,
    number,
  ];
  const limit_s = (await scene.statusOf(slow)).headAgeLimit_s;
  fleet.ignored.add(slow);
  fleet.front.slow(String(slow), slow_ms);
  const slowed_ms = performance.now();
  const since_s = (): number => (performance.now() - slowed_ms) / 1000;
  const [seen, readyAfter_s] = await Promise.all([
    doubled(scene, twice),
    untilNotReady(scene, slow, limit_s).then(since_s),
  ]);
  process.stdout.write(
    `two instances of a key: the newer noticed after ${seen.newerAfter} blocks, the older after ${seen.olderAfter}; a slot has ${fleet.params.slot}\n`,
  );
  await slowEndpoint(scene, slow);
  const statusAfter_s = await statusSays(scene, slow);
  process.stdout.write(
    `slow endpoint (${slow_ms / 1000} s an answer): its keeper is not ready after ${readyAfter_s.toFixed(1)} s (limit ${limit_s} s); keeper status says so after ${statusAfter_s.toFixed(1)} s\n`,
  );
  await eventually("its endpoint is fast again, and it is ready", async () => {
    await fleet.mine();
    return (await scene.ask(slow, "/readyz")).status === 200;
  });
  fleet.ignored.delete(slow);
  return { ...seen, readyAfter_s, statusAfter_s, limit_s };
}
