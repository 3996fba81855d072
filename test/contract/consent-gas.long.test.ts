import { afterAll, beforeAll, expect, it } from "vitest";
import { consentGas } from "../../protocol/succession.ts";
import type { Keeper } from "../support/contracts/basics.ts";
import { CommitteeWorld } from "../support/contracts/committee-world.ts";

let world: CommitteeWorld;
beforeAll(async () => {
  world = await CommitteeWorld.whole();
});
afterAll(() => world.chain.close());

// The committee has no group, so the last consent also puts the version in force: the dearest case.
it.each([4, 13])("a consent that completes a version of %i members costs less than its bound", async (n) => {
  const keepers = await world.keepers(n + 1);
  const [leaver, joiner] = keepers.slice(n - 1) as [Keeper, Keeper];
  const committee = await world.committee(keepers.slice(0, n));
  await committee.send(leaver.operator, "resign");
  const version = await committee.propose([...keepers.slice(0, n - 1), joiner]);
  await committee.send(joiner.operator, "consent", [version]);
  let last = 0n;
  for (const keeper of keepers.slice(0, n)) {
    if (Number(await committee.read("currentVersion")) === version) break;
    last = (await committee.send(keeper.operator, "consent", [version])).gasUsed;
  }
  expect(Number(await committee.read("currentVersion"))).toBe(version);
  expect(last).toBeLessThan(consentGas(n));
  expect(last).toBeGreaterThan((consentGas(n) * 3n) / 4n);
});
