/**
 * Connections that end at every point of the handshake and of a frame, on real libp2p. A library's error outside a promise would end
 * a daemon; here it fails the run, because nodes and tests share a process (L4).
 */
import { afterAll, beforeAll, expect, it } from "vitest";
import { multiaddr } from "@multiformats/multiaddr";
import { providerClient } from "../../keeper/adapters/libp2p/provider.ts";
import type { RunningProvider } from "../../provider/compose.ts";
import { CuttingProxy } from "../support/cutting-proxy.ts";
import type { Cut } from "../support/cutting-proxy.ts";
import { sharedFolder } from "../support/files.ts";
import { providerScene, verdicts } from "../support/provider-scene.ts";
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
  scene = await providerScene(shared.folder, [[10_000]]);
  keeper = scene.keepers[1] as Keeper;
  running = await scene.start();
  proxy = await CuttingProxy.open(Number(/tcp\/(\d+)/.exec(running.addrs[0] ?? "")?.[1]));
});

afterAll(async () => {
  await running.stop();
  await proxy.close();
  await scene.close();
  await removeFolder();
});

/** The keeper's challenge through the proxy, over a new connection: the leaves that it proved, or why there is no answer. */
async function challenged(slot: number, cut?: Cut): Promise<string> {
  proxy.next = cut;
  const addrs = [`/ip4/127.0.0.1/tcp/${proxy.port}/p2p/${running.peerId}`];
  const request = await scene.request(keeper, slot);
  const result = await providerClient(keeper.calling).challenge({ ...running, addrs }, request, limits);
  await keeper.calling.libp2p.hangUp(multiaddr(addrs[0]));
  return verdicts(scene, request, result.ok ? result.answers : result.reason);
}

it("a provider and a keeper survive connections that end at any byte, and are reachable afterwards", async () => {
  const slot = await scene.nextSlot();
  expect(await challenged(slot)).toBe("16");
  const whole = proxy.passed;
  expect(whole.sent).toBeGreaterThan(500);
  expect(whole.received).toBeGreaterThan(1_000);
  for (const counted of ["sent", "received"] as const) {
    for (const by of ["close", "reset"] as const) {
      for (let point = 0; point < points; point++) {
        const after = Math.floor((whole[counted] * point) / points);
        // The last bytes of a direction only close the connection: the answer may be complete without them.
        await challenged(slot, { counted, after, by });
      }
    }
  }
  expect(await challenged(await scene.nextSlot())).toBe("16");
});
