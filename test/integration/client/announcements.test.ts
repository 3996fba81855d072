/** Which groups announced a manifest, from the events of real contracts. */
import { afterAll, beforeAll, expect, it } from "vitest";
import { announcedIn } from "../../../client/archives.ts";
import * as client from "../../../client/index.ts";
import { ClientWorld } from "../../support/contracts/client-world.ts";

let scene: ClientWorld;
beforeAll(async () => {
  scene = await ClientWorld.open();
});
afterAll(() => scene.chain.close());

const [first, second, other] = ["11", "22", "33"].map((byte) => `0x${byte.repeat(32)}` as const) as [
  `0x${string}`,
  `0x${string}`,
  `0x${string}`,
];

it("are none before anybody is registered, and then those of the factory, each with its newest manifest", async () => {
  const at = { registry: await scene.world.registry.getAddress(), factory: scene.factory };
  const found = (...roots: `0x${string}`[]) => announcedIn(scene.provider, at, roots);
  expect(await found(first)).toEqual([]);
  const committee = await scene.form(await scene.world.keepers(4));
  expect(await found(first)).toEqual([]);
  const [a, b] = [await scene.group(committee), await scene.group(committee)];
  await scene.run(client.planManifest(scene.payer, a.at, { root: first }));
  await scene.run(client.planManifest(scene.payer, b.at, { root: first }));
  await scene.run(client.planManifest(scene.payer, a.at, { root: second, previous: first }));
  await scene.run(client.planManifest(scene.payer, b.at, { root: other, previous: first }));
  expect(await found(first, second)).toMatchObject([
    { group: b.at.address, root: first },
    { group: a.at.address, root: second },
  ]);
  expect(await found(`0x${"44".repeat(32)}`)).toEqual([]);
});
