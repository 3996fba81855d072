/** R43: what a provider looks at again after it accepted a request, and what it counts. */
import { afterAll, beforeAll, expect, it } from "vitest";
import { dialingNode } from "../../cli/group/retrieve/download.ts";
import { offersOf } from "../../cli/store/discover.ts";
import { connectRpc } from "../../client/connect.ts";
import type { Offer } from "../../protocol/codec/offer.ts";
import { maxBodiesInFlight } from "../../protocol/limits/derived.ts";
import type { Hex } from "../../protocol/hash.ts";
import type { RunningProvider } from "../../provider/compose.ts";
import { seededBytes } from "../support/files.ts";
import { parcelOf } from "../support/store-payer.ts";
import type { StorePayer } from "../support/store-payer.ts";
import { StoreScene } from "../support/store-scene.ts";
import type { StoreProvider } from "../support/store-scene.ts";

let scene: StoreScene;
let provider: StoreProvider;
let running: RunningProvider;

beforeAll(async () => {
  scene = await StoreScene.open();
  provider = await scene.provider("provider", { minLockup: 50 });
  running = await provider.start();
});

afterAll(async () => {
  await running.stop();
  await scene.close();
});

const payerOf = (group: Hex, keeper?: number): Promise<StorePayer> =>
  scene.payer(provider, () => running, group, keeper);

it("a list with other bytes than the request is refused, however many the request names", async () => {
  const group = await scene.group();
  const payer = await payerOf(group.address);
  for (const [i, more] of [1n, -1n].entries()) {
    const data = parcelOf([seededBytes(5_000, i), seededBytes(3_000, i + 10)]);
    const named = { list: { ...data.list, totalBytes: data.list.totalBytes + more } };
    expect(await payer.propose(named)).toMatchObject({ kind: "accepted" });
    expect(await payer.sendList(named)).toBe("malformed");
    expect(await scene.consent(payer, named, group)).not.toHaveProperty("kind", "consented");
  }
});

it("a consent needs an escrow that carries the data when it is given", async () => {
  const group = await scene.group();
  const data = parcelOf([seededBytes(5_000, 21)]);
  // 1,000 units carry the data for the lockup of 100 blocks at this price.
  const price = (1_000n * 2n ** 64n) / (100n * data.list.totalBytes);
  const payer = (await payerOf(group.address)).with({ price });
  const { convener } = scene.chain.world;
  await group.send("withdrawPayer", [10n ** 24n - 1_000n, convener.address]);
  await payer.store(data);
  expect(await scene.consent(payer, data, group)).toMatchObject({ kind: "consented" });
  await group.send("withdrawPayer", [1n, convener.address]);
  expect(await scene.consent(payer, data, group)).toBe("underfunded");
});

it("nothing is accepted for a group that its payer ended, from the notice on", async () => {
  const group = await scene.group();
  const payer = await payerOf(group.address);
  const data = parcelOf([seededBytes(5_000, 31)]);
  expect(await payer.propose(data)).toMatchObject({ kind: "accepted" });
  await group.send("terminate", []);
  expect(await payer.propose(data)).toBe("not-offered");
  expect(await payer.propose(parcelOf([seededBytes(5_000, 32)]))).toBe("not-offered");
});

it("more ranges are taken one after another than at a time", async () => {
  const group = await scene.group();
  const payer = await payerOf(group.address, 1);
  const data = parcelOf(Array.from({ length: maxBodiesInFlight + 1 }, (_, i) => seededBytes(100, 100 + i)));
  expect(await payer.store(data)).toBe(maxBodiesInFlight + 1);
});

it("a payer takes an offer through its last block, and not after it", async () => {
  const { operator } = provider;
  await scene.announce(provider, running);
  const chain = await connectRpc(scene.chain.endpoint.url);
  const libp2p = await dialingNode();
  try {
    const { chainId } = scene.chain;
    const registry = await scene.chain.registry();
    const at = async (head: number): Promise<Offer | string | undefined> =>
      (await offersOf({ provider: chain, line: { libp2p }, chainId, registry, head }, [operator])).get(
        operator,
      );
    const answer = await (await payerOf(`0x${"77".repeat(20)}`)).offer();
    if (typeof answer === "string" || answer.kind === "refusal") throw new Error(JSON.stringify(answer));
    const last = answer.offer.validUntil;
    expect(await at(last)).toMatchObject({ operator, validUntil: last });
    expect(await at(last + 1)).toBe(`its offer ended with block ${last}`);
  } finally {
    await libp2p.stop();
    chain.destroy();
  }
});
