/**
 * Connections that end at every point of the handshake and of a frame, on real libp2p. A library's error outside a promise would end
 * a daemon; here it fails the run, because nodes and tests share a process (L4).
 */
import { afterAll, beforeAll, expect, it } from "vitest";
import { setTimeout as sleep } from "node:timers/promises";
import { multiaddr } from "@multiformats/multiaddr";
import { providerClient } from "../../keeper/adapters/libp2p/provider.ts";
import type { RunningProvider } from "../../provider/compose.ts";
import { CuttingProxy } from "../support/cutting-proxy.ts";
import type { Cut } from "../support/cutting-proxy.ts";
import { sharedFolder } from "../support/files.ts";
import { providerScene, startKeeper } from "../support/provider-scene.ts";
import type { Keeper, Scene } from "../support/provider-scene.ts";

const points = 25;
const limits = { timeout_ms: 10_000 };

let keeper: Keeper;
let scene: Scene;
let running: RunningProvider;
let proxy: CuttingProxy;
let removeFolder: () => Promise<void>;

beforeAll(async () => {
  const shared = await sharedFolder();
  removeFolder = shared.remove;
  keeper = await startKeeper(1);
  scene = await providerScene(shared.folder, [keeper], [10_000]);
  running = await scene.start();
  proxy = await CuttingProxy.open(Number(/tcp\/(\d+)/.exec(running.addrs[0] ?? "")?.[1]));
});

afterAll(async () => {
  await running.stop();
  await keeper.calling.libp2p.stop();
  await proxy.close();
  await scene.chain.close();
  await removeFolder();
});

/** Moves the chain into a slot; the provider reads the head at most every 100 ms. */
async function enterSlot(slot: number): Promise<void> {
  scene.chain.state.head = 10 + slot * 5 + 1;
  await sleep(110);
}

/** The keeper's challenge through the proxy, over a new connection. */
async function challenged(slot: number, cut?: Cut): Promise<object> {
  proxy.next = cut;
  const addrs = [`/ip4/127.0.0.1/tcp/${proxy.port}/p2p/${running.peerId}`];
  const target = { ...running, addrs };
  const result = await providerClient(keeper.calling).challenge(target, scene.request(keeper, slot), limits);
  await keeper.calling.libp2p.hangUp(multiaddr(addrs[0]));
  return result;
}

it("a provider and a keeper survive connections that end at any byte, and are reachable afterwards", async () => {
  await enterSlot(20);
  expect(await challenged(20)).toMatchObject({ ok: true });
  const whole = proxy.passed;
  expect(whole.sent).toBeGreaterThan(500);
  expect(whole.received).toBeGreaterThan(1_000);
  for (const counted of ["sent", "received"] as const) {
    for (const by of ["close", "reset"] as const) {
      for (let point = 0; point < points; point++) {
        const after = Math.floor((whole[counted] * point) / points);
        // The last bytes of a direction only close the connection: the answer may be complete without them.
        await challenged(20, { counted, after, by });
      }
    }
  }
  await enterSlot(30);
  expect(await challenged(30)).toMatchObject({ ok: true });
});
