/** Floods of a provider on real libp2p: what strangers and faulty keepers make it do is bounded, and honest keepers are answered (D6, L4). */
import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { setTimeout as sleep } from "node:timers/promises";
import { multiaddr } from "@multiformats/multiaddr";
import { startCallingNode } from "../../keeper/adapters/libp2p/node.ts";
import type { CallingNode } from "../../keeper/adapters/libp2p/node.ts";
import { maxTargets } from "../../protocol/codec/challenge.ts";
import type { ChallengeRequest } from "../../protocol/codec/challenge.ts";
import { toHex } from "../../protocol/hash.ts";
import {
  challengeRate,
  pendingConnections,
  providerConnections,
  strangerChallengeRate,
  streamsOfCaller,
  wrongSeedRate,
} from "../../protocol/limits/derived.ts";
import type { ProviderScale } from "../../protocol/limits/derived.ts";
import type { Rate } from "../../protocol/limits/token-buckets.ts";
import type { RunningProvider } from "../../provider/compose.ts";
import type { FloodReport } from "../../scripts/bench/floods/kinds.ts";
import { Flooder } from "../../scripts/bench/floods/measure.ts";
import { seededBytes, sharedFolder } from "../support/files.ts";
import { askFrom, callsOfWatch, provenBy, providerScene } from "../support/provider-scene.ts";
import type { Keeper, Scene } from "../support/provider-scene.ts";
import { secretOf } from "../support/secrets.ts";

let scene: Scene;
let running: RunningProvider;
let removeFolder: () => Promise<void>;
const flooders: Flooder[] = [];
const nodes: CallingNode[] = [];

beforeAll(async () => {
  const shared = await sharedFolder();
  removeFolder = shared.remove;
  scene = await providerScene(shared.folder, [[10_000], [20_000]]);
  running = await scene.start();
  await scene.nextSlot();
  await scene.nextSlot();
});

afterEach(async () => {
  for (const one of flooders.splice(0)) one.stop();
  for (const { libp2p } of nodes.splice(0)) await libp2p.stop();
});

afterAll(async () => {
  await running.stop();
  await scene.close();
  await removeFolder();
});

const keeper = (index: number): Keeper => scene.keepers[index] as Keeper;
/** One committee of four keepers serves two groups. */
const scale: ProviderScale = { committees: 1, groups: 2, keepers: 4 };
const seconds = 2;
/** A busy machine may send less than the bound for a while: then the flood goes on until the provider has refused something. */
const most_s = 60;

function flooder(...flood: ConstructorParameters<typeof Flooder>): Flooder {
  const one = new Flooder(...flood);
  flooders.push(one);
  return one;
}

async function stranger(index: number): Promise<CallingNode> {
  const node = await startCallingNode(toHex(secretOf(800 + index)));
  nodes.push(node);
  return node;
}

/** An honest keeper that was not connected asks and is answered. */
async function isAnswered(): Promise<void> {
  await keeper(3).calling.libp2p.hangUp(multiaddr(running.addrs[0]));
  const slot = await scene.nextSlot();
  expect(await provenBy(scene, running, keeper(3), await scene.request(keeper(3), slot))).toBe("16 16");
}

/** Sends a request again and again over all streams that one peer may have. Returns the number of answers by what they say. */
async function flooding(
  calling: CallingNode,
  request: ChallengeRequest,
): Promise<{ readonly said: ReadonlyMap<string, number>; readonly elapsed_s: number }> {
  const said = new Map<string, number>();
  const begin = performance.now();
  const stream = async (): Promise<void> => {
    const lasts = (at_ms: number): boolean =>
      at_ms < seconds * 1_000 || (!said.has("busy") && at_ms < most_s * 1_000);
    while (lasts(performance.now() - begin)) {
      const told = await askFrom(calling, running, request);
      const what = typeof told === "string" ? told : "answers";
      said.set(what, (said.get(what) ?? 0) + 1);
    }
  };
  await Promise.all(Array.from({ length: streamsOfCaller.request - 1 }, stream));
  return { said, elapsed_s: (performance.now() - begin) / 1_000 };
}

const most = ({ burst, perSecond }: Rate, elapsed_s: number): number => burst + perSecond * elapsed_s;

it("reads a bounded number of all strangers' challenges, and the chain once a head for them, while a keeper is answered", async () => {
  const callers = await Promise.all([0, 1, 2].map(stranger));
  const slot = await scene.nextSlot();
  const request = await scene.request(keeper(0), slot);
  const asked = { ...request, keeper: `0x${"99".repeat(20)}` as const };
  // What a stranger's first challenge reads is read once.
  await askFrom(callers[0]!, running, asked);
  const { calls } = scene.chain.endpoint;
  calls.clear();
  const begin_ms = performance.now();
  const floods = await Promise.all(callers.map((calling) => flooding(calling, asked)));
  const read = floods.reduce((sum, { said }) => sum + (said.get("not-a-member") ?? 0), 0);
  const elapsed_s = Math.max(...floods.map((flood) => flood.elapsed_s));
  expect(read).toBeGreaterThan(0);
  expect(read).toBeLessThanOrEqual(most(strangerChallengeRate, elapsed_s));
  expect(floods.some(({ said }) => (said.get("busy") ?? 0) > 0)).toBe(true);
  expect(calls.get("eth_call") ?? 0).toBeLessThanOrEqual(callsOfWatch(begin_ms, scene.targets.length));
  expect(calls.get("eth_getCode") ?? 0).toBe(0);
  await isAnswered();
});

it("checks a bounded number of a keeper's wrong seeds, while another keeper is answered", async () => {
  const slot = await scene.nextSlot();
  const wrong = { ...(await scene.request(keeper(0), slot)), seed: seededBytes(48, 1) };
  const flood = flooding(keeper(0).calling, wrong);
  const honest = provenBy(scene, running, keeper(1), await scene.request(keeper(1), slot));
  const { said, elapsed_s } = await flood;
  expect(said.get("wrong-seed")).toBeGreaterThan(0);
  expect(said.get("wrong-seed")).toBeLessThanOrEqual(most(wrongSeedRate(scale), elapsed_s));
  expect(said.get("busy")).toBeGreaterThan(said.get("wrong-seed") ?? 0);
  expect(await honest).toBe("16 16");
});

it("counts every group of a keeper's challenges, so a repeated long one is answered at a bounded rate", async () => {
  const slot = await scene.nextSlot();
  const unknown = Array.from({ length: maxTargets - 2 }, (_, i) => {
    return { group: toHex(seededBytes(20, 50 + i)), provider: 0 };
  });
  const request = await scene.request(keeper(0), slot, { targets: [...scene.targets, ...unknown] });
  const flood = flooding(keeper(0).calling, request);
  const honest = provenBy(scene, running, keeper(1), await scene.request(keeper(1), slot));
  const { said, elapsed_s } = await flood;
  expect(said.get("answers")).toBeGreaterThan(0);
  expect(said.get("busy")).toBeGreaterThan(0);
  expect((said.get("answers") ?? 0) * maxTargets).toBeLessThanOrEqual(most(challengeRate(scale), elapsed_s));
  expect(await honest).toBe("16 16");
});

it("is reachable for its keepers while one peer holds 128 unused connections", async () => {
  const idle = flooder({ kind: "idle", multiaddrs: running.addrs, count: 128, seconds: 3 });
  const made = await idle.next<FloodReport>();
  expect(made.sent + made.refused).toBe(128);
  // The keeper comes from the flooder's host, which has used up its new connections of this second.
  await sleep(1_100);
  await isAnswered();
  const { open } = await idle.next<FloodReport>();
  expect(open).toBeLessThanOrEqual(providerConnections.perPeer);
});

it("is reachable for its keepers while one host opens silent sockets", async () => {
  const port = Number(/tcp\/(\d+)/.exec(running.addrs[0] ?? "")?.[1]);
  const mute = flooder({ kind: "mute", port, count: 600, seconds: 1 });
  await mute.next<FloodReport>();
  await isAnswered();
  const { open } = await mute.next<FloodReport>();
  expect(open).toBeLessThanOrEqual(pendingConnections.perHost);
});
