/** Scene: two processes use one keeper's keys, and another keeper's endpoint is slow. Checks the reports and after how many blocks they come. */
import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "vitest";
import { firing } from "../support/alerts.ts";
import { startTwin } from "../process/scenarios/instances.ts";
import { looks, openPage, pageSays } from "./chromium.ts";
import type { Look } from "./chromium.ts";
import { eventually, onFile, patience_ms } from "./watched-fleet.ts";
import type { WatchedFleet } from "./watched-fleet.ts";

/** Longer than a keeper's timeout for an endpoint. */
const slow_ms = 6_000;
const pause_ms = 400;

type Seen = { readonly newerAfter: number; readonly olderAfter: number };

async function isDoubled(api: string): Promise<boolean> {
  const status = (await (await fetch(`${api}/v1/status`)).json()) as {
    groups: { secondInstance: boolean }[];
  };
  return status.groups[0]?.secondInstance === true;
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

/** The keeper with the slow endpoint answers HTTP requests at once and is not ready; the others are ready. */
async function slowEndpoint(scene: WatchedFleet, index: number): Promise<void> {
  const { fleet } = scene;
  const limit_s = (await scene.statusOf(index)).headAgeLimit_s;
  const isSeen = async (): Promise<boolean> => {
    await fleet.mine();
    await sleep(pause_ms);
    const asked_ms = performance.now();
    const { status } = await scene.ask(index, "/readyz");
    expect(performance.now() - asked_ms).toBeLessThan(2_000);
    return status === 503;
  };
  await eventually("the keeper with the slow endpoint says so", isSeen, limit_s * 1000 + patience_ms);
  const figures = String((await scene.ask(index, "/metrics")).body);
  expect(firing("WhitepayChainStopped", figures)).toHaveLength(1);
  expect(figures).toMatch(/whitepay_reasons_total\{group="",code="rpc-down"\} [1-9]/);
  expect((await scene.statusOf(index)).problems.join()).toContain(
    "the chain has stopped or cannot be reached",
  );
  const watched = await openPage(scene.browser, fleet.apiOf(index), looks[2] as Look);
  await pageSays(watched.page, "#problems", "the chain has stopped or cannot be reached");
  await watched.close();
  expect((await scene.ask(onFile, "/readyz")).status).toBe(200);
}

/** @returns number of blocks after which each of two processes with one key noticed the other one */
export async function twinsAndSlowEndpoint(scene: WatchedFleet): Promise<Seen> {
  const { fleet } = scene;
  // In each pair the keeper with the lower peer id dials, so only a second process of that keeper gets connections.
  const [twice, slow] = [2, 3].sort((a, b) => (fleet.peerIdOf(a) < fleet.peerIdOf(b) ? -1 : 1)) as [
    number,
    number,
  ];
  fleet.ignored.add(slow);
  fleet.front.slow(String(slow), slow_ms);
  const slowed_ms = performance.now();
  const seen = await doubled(scene, twice);
  process.stdout.write(
    `two instances of a key: the newer noticed after ${seen.newerAfter} blocks, the older after ${seen.olderAfter}; a slot has ${fleet.params.slot}\n`,
  );
  await slowEndpoint(scene, slow);
  const after_s = (performance.now() - slowed_ms) / 1000;
  process.stdout.write(
    `slow endpoint (${slow_ms / 1000} s an answer): its keeper had said so ${after_s.toFixed(0)} s after it became slow, at the latest\n`,
  );
  fleet.front.slow(String(slow), 0);
  await eventually("its endpoint is fast again, and it is ready", async () => {
    await fleet.mine();
    return (await scene.ask(slow, "/readyz")).status === 200;
  });
  fleet.ignored.delete(slow);
  return seen;
}
