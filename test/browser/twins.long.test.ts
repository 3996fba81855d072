import { afterAll, beforeAll, expect, it } from "vitest";
import { slow_ms, twinsAndSlowEndpoint } from "./twins.ts";
import { eventually, onFile, WatchedFleet } from "./watched-fleet.ts";

const limit_ms = 300_000;

let scene: WatchedFleet;
beforeAll(async () => {
  scene = await WatchedFleet.start();
}, limit_ms);
afterAll(() => scene.stop(), limit_ms);

it(
  "keepers report within two slots, in both processes, that a key is used twice, and that an endpoint is slow",
  async () => {
    await eventually("keeper 0 is ready", async () => (await scene.ask(onFile, "/readyz")).status === 200);
    const seen = await twinsAndSlowEndpoint(scene);
    const limit = 2 * scene.fleet.params.slot + 2;
    expect(seen.newerAfter).toBeLessThanOrEqual(limit);
    expect(seen.olderAfter).toBeLessThanOrEqual(limit);
    // The age is checked every second, and later on a busy machine.
    expect(seen.readyAfter_s).toBeLessThan(seen.limit_s + 8);
    // Its own reads of the chain need three answers of the endpoint, one after the other.
    expect(seen.statusAfter_s).toBeLessThan((3 * slow_ms) / 1000);
  },
  limit_ms,
);
