/** All consents are used in one transaction, so one that the contract refuses would stop them all (R33). */
import { afterAll, beforeAll, expect, it } from "vitest";
import { openStoring, type Storing } from "../support/storing.ts";
import { operatorOf, setFault, sourceOf, storing } from "../support/storing-steps.ts";

const minutes = 60_000;
let scene: Storing;
beforeAll(async () => {
  scene = await openStoring({ providers: 4, providerCommand: "provider-sim" });
}, 300_000);
afterAll(() => scene?.close(), 60_000);

it("a provider whose consent another key signed is replaced", { timeout: 6 * minutes }, async () => {
  await setFault(scene, 0, "forge-consent");
  const { code, stdout, stderr } = await scene.run(...storing(sourceOf(scene, "forged.bin", 300_001), 3));
  expect(code, stderr).toBe(0);
  expect(stderr).toMatch(new RegExp(`provider ${operatorOf(scene, 0)} is lost: [^]*not signed by it`));
  const { items } = JSON.parse(stdout) as { items: { copies: { provider: string }[] }[] };
  const holders = items[0]?.copies.map(({ provider }) => provider);
  expect(holders?.toSorted()).toEqual([1, 2, 3].map((index) => operatorOf(scene, index)).toSorted());
});
