import fc from "fast-check";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { Hex } from "../../protocol/hash.ts";
import { domainSeparator, settlementDigest } from "../../protocol/settlement.ts";
import { World } from "../support/contracts/world.ts";
import type { Group } from "../support/contracts/world.ts";

let world: World;
let group: Group;

beforeAll(async () => {
  world = await World.open();
  group = await world.group(4);
});
afterAll(() => world.chain.close());

const block = fc.nat({ max: 2 ** 40 });
const bits = fc.bigInt({ min: 0n, max: (1n << 124n) - 1n });
const settlements = fc.record({
  ts: block,
  te: block,
  committee: block,
  leader: fc.nat({ max: 255 }),
  failed: bits,
  payees: bits,
  items: fc.array(
    fc.record({
      provider: fc.nat({ max: 2 ** 32 - 1 }),
      spaceTime: fc.bigInt({ min: 0n, max: (1n << 128n) - 1n }),
    }),
    { maxLength: 6 },
  ),
});

it("keepers sign the digest that the contract checks, for any settlement (R27)", async () => {
  const { chainId } = await world.chain.provider.getNetwork();
  const domain = domainSeparator(Number(chainId), (await group.address()).toLowerCase() as Hex);
  await fc.assert(
    fc.asyncProperty(settlements, async (settlement) => {
      expect(settlementDigest(domain, settlement)).toBe(await group.digest(settlement));
    }),
    { numRuns: 100 },
  );
});
