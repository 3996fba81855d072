/** What providers committed and proved, read from the events of real contracts and compared with what the test made them do. */
import { hexlify, randomBytes } from "ethers";
import { afterAll, beforeAll, expect, it } from "vitest";
import { blockSince } from "../../../client/archives.ts";
import { fundersOf } from "../../../client/funders.ts";
import { groupHoldings } from "../../../client/holdings.ts";
import * as client from "../../../client/index.ts";
import { ClientWorld, gibibyte, listRoot } from "../../support/contracts/client-world.ts";

let scene: ClientWorld;
beforeAll(async () => {
  scene = await ClientWorld.open();
});
afterAll(() => scene.chain.close());

it("the first block of a time is found, and the head's next one for a time to come", async () => {
  const head = await scene.provider.getBlockNumber();
  const time = async (number: number): Promise<number> =>
    (await scene.provider.getBlock(number))?.timestamp ?? 0;
  // Blocks of one second have one first block.
  const first = async (number: number): Promise<number> =>
    number > 0 && (await time(number - 1)) === (await time(number)) ? first(number - 1) : number;
  for (const number of [head, head - 1, Math.floor(head / 2)]) {
    expect(await blockSince(scene.provider, await time(number))).toBe(await first(number));
  }
  expect(await blockSince(scene.provider, (await time(head)) + 1)).toBe(head + 1);
  expect(await blockSince(scene.provider, 0, 2)).toBe(2);
});

it("follow additions, changes, notices and settlements of a group", async () => {
  const committee = await scene.form(await scene.world.keepers(4));
  const served = await scene.group(committee);
  const { at } = served;
  const [whole, half] = [await scene.add(at, "whole"), await scene.add(at, "half")];
  const accounts = (): Promise<readonly client.ProviderAccount[]> =>
    new client.GroupView(scene.provider, at).providers();
  const begins = (await accounts()).map(({ activeFrom }) => activeFrom);

  const share = 5n * gibibyte;
  await scene.certify(committee, [served], { proven: { 1: share } });
  const first = (await new client.GroupView(scene.provider, at).page()).state.settledThrough;
  const otherList = hexlify(randomBytes(32)) as `0x${string}`;
  await scene.change(at, whole, { listRoot: otherList, bytes: 2n * gibibyte });
  const changed = (await accounts())[0]?.data.at(-1)?.from as number;
  expect(changed).toBeGreaterThan(first);
  await scene.run(await client.planRemoveProvider(scene.payer, at, 1));
  const leaves = (await accounts())[1]?.leavesAt as number;
  await scene.fund(at, 7n);
  await scene.certify(committee, [served]);
  const second = (await new client.GroupView(scene.provider, at).page()).state.settledThrough;
  expect(second).toBeGreaterThan(changed);

  const { held, proven, deposits, settledThrough } = await groupHoldings(scene.provider, at, {
    blocksAtOnce: 7,
  });
  expect(settledThrough).toBe(second);
  expect(deposits.map(({ from, amount }) => [from, amount])).toEqual([
    [scene.factory, 10n ** 24n],
    [scene.payer.address, 7n],
  ]);
  const page = await new client.GroupView(scene.provider, at).page();
  const contracts = { registry: await scene.world.registry.getAddress(), factory: scene.factory };
  const funders = await fundersOf(scene.provider, contracts, { page, deposits });
  expect(funders.map(({ from, amount }) => [from, amount])).toEqual([
    [scene.payer.address, 10n ** 24n],
    [scene.payer.address, 7n],
  ]);
  const [a, b] = [
    { provider: 0, operator: whole.address },
    { provider: 1, operator: half.address },
  ];
  expect(held).toEqual([
    { ...a, listRoot, bytes: gibibyte, from: begins[0], to: changed },
    { ...a, listRoot: otherList, bytes: 2n * gibibyte, from: changed, to: undefined },
    { ...b, listRoot, bytes: gibibyte, from: begins[1], to: leaves },
  ]);
  const blocks = (from: number, to: number): bigint => BigInt(to - from);
  const before = gibibyte * blocks(first, changed) + 2n * gibibyte * blocks(changed, second);
  const untilLeft = Math.min(second, leaves);
  expect(proven).toEqual([
    {
      ...a,
      from: begins[0],
      to: first,
      proven: gibibyte * blocks(begins[0] as number, first),
      committed: gibibyte * blocks(begins[0] as number, first),
    },
    {
      ...b,
      from: begins[1],
      to: first,
      proven: share,
      committed: gibibyte * blocks(begins[1] as number, first),
    },
    { ...a, from: first, to: second, proven: before, committed: before },
    {
      ...b,
      from: first,
      to: untilLeft,
      proven: gibibyte * blocks(first, untilLeft),
      committed: gibibyte * blocks(first, untilLeft),
    },
  ]);
});
