/** A provider's view of the chain while its endpoints stall, throttle, lag or serve another chain, and after a reorg (D7). */
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import type { Hex } from "../../protocol/hash.ts";
import { EthersChainView } from "../../provider/chain-ethers.ts";
import { until } from "../support/committee-scene.ts";
import type { Committee } from "../support/contracts/committee-contract.ts";
import { headStuck, RpcFront } from "../support/fleet/rpc-front.ts";
import { lower, ProviderChain } from "../support/provider-chain.ts";
import type { Group, Keeper } from "../support/provider-chain.ts";

const operator: Hex = `0x${"a1".repeat(20)}`;

let chain: ProviderChain;
let keepers: Keeper[];
let committee: Committee;
let group: Group;
let front: RpcFront;
let view: EthersChainView;

beforeAll(async () => {
  chain = await ProviderChain.open();
  keepers = await chain.keepers(0, 4);
  committee = await chain.committee(keepers);
  group = await chain.group(committee);
});

afterAll(() => chain.close());

beforeEach(async () => {
  front = await RpcFront.open(chain.endpoint.url);
  view = new EthersChainView({
    chainId: chain.chainId,
    rpc: [front.url("first"), front.url("second")],
    registry: await chain.registry(),
    groups: [group.address],
    operator,
  });
});

afterEach(async () => {
  view.close();
  await front.close();
});

const now = (): Promise<number> => chain.world.chain.block();
const mine = (blocks: number): Promise<unknown> =>
  chain.world.chain.rpc("hardhat_mine", [`0x${blocks.toString(16)}`]);

it("follows the other endpoint if the first one's head stalls", async () => {
  const before = await now();
  const stuck = headStuck();
  front.lie("first", (method, params, result) =>
    method === "eth_blockNumber" ? `0x${before.toString(16)}` : stuck(method, params, result),
  );
  expect(await view.head()).toBe(before);
  await mine(30);
  await until(async () => (await view.head()) === before + 30, "the head of the other endpoint");
  expect(await view.blockHash(before + 20)).toBe(await chain.blockHash(before + 20));
});

it("does not wait for an endpoint that throttles", async () => {
  front.fail("first", () => ({ status: 429 }));
  const began = performance.now();
  expect(await view.nextConsentSequence(group.address)).toBe(1);
  expect(performance.now() - began).toBeLessThan(1_000);
});

it("asks the next endpoint for a block that the first does not have", async () => {
  front.lie("first", (method, params, result) =>
    method === "eth_getBlockByNumber" && params[0] !== "latest" ? null : result,
  );
  const head = await now();
  expect(await view.blockHash(head - 5)).toBe(await chain.blockHash(head - 5));
  expect(await view.blockHash(head + 1)).toBeUndefined();
});

it("does not use an endpoint that serves another chain after a reconnect", async () => {
  const before = await now();
  expect(await view.head()).toBe(before);
  front.fail("first", () => "cut");
  await view.nextConsentSequence(group.address);
  front.recover("first");
  front.lie("first", (method, _params, result) => {
    if (method === "eth_chainId") return "0x1";
    return method === "eth_getBlockByNumber"
      ? { ...(result as object), hash: `0x${"ab".repeat(32)}` }
      : result;
  });
  front.fail("second", () => "cut");
  await expect(view.nextConsentSequence(group.address)).rejects.toMatchObject({ name: "ChainError" });
  front.recover("second");
  await mine(40);
  await until(async () => (await view.head()) === before + 40, "the head");
  expect(await view.blockHash(before + 20)).toBe(await chain.blockHash(before + 20));
});

it("reports that no endpoint answers, and apart from that an address without a contract", async () => {
  const nobody: Hex = `0x${"12".repeat(20)}`;
  await expect(view.nextConsentSequence(nobody)).rejects.toMatchObject({ name: "NoContract" });
  for (const name of ["first", "second"]) front.fail(name, () => "cut");
  await expect(view.nextConsentSequence(group.address)).rejects.toMatchObject({
    name: "ChainError",
    message: expect.stringMatching(/^no chain endpoint answers: /),
  });
});

/** Whether the view names a keeper as a member of the committee. */
const isMember = async ({ operator: keeper }: Keeper): Promise<boolean> =>
  (await view.keeper(lower(committee.address), keeper)) !== undefined;

it("knows the committee of its group and its members; no other committee and no other keeper", async () => {
  expect(await view.committee(lower(committee.address))).toEqual({
    originBlock: Number(await committee.read("originBlock")),
    slot: 5,
  });
  const other = await chain.committee(keepers);
  expect(await view.committee(lower(other.address))).toBeUndefined();
  expect(await isMember(keepers[0] as Keeper)).toBe(true);
  expect(await view.keeper(lower(committee.address), operator)).toBeUndefined();
  expect((await view.keeperPeers()).size).toBe(4);
  expect(view.scale()).toEqual({ committees: 1, groups: 1, keepers: 4 });
});

it("reads everything again if an endpoint leaves events out, serves none, or the chain was reorganised", async () => {
  const newcomer = (await chain.keepers(4, 1))[0] as Keeper;
  const snapshot = await chain.world.chain.rpc("evm_snapshot");
  const complete = async (): Promise<void> => {
    const next = [...keepers.slice(0, 3), newcomer].map(({ member }) => member);
    const version = await committee.propose(next);
    for (const { member } of [newcomer, ...keepers.slice(0, 3)])
      await committee.send(member.operator, "consent", [version]);
  };
  expect(await isMember(newcomer)).toBe(false);
  for (const name of ["first", "second"])
    front.lie(name, (method, _params, result) => (method === "eth_getLogs" ? [] : result));
  await complete();
  await until(() => isMember(newcomer), "the member of the next version, without an event");
  await chain.world.chain.rpc("evm_revert", [snapshot]);
  await mine(10);
  await until(async () => !(await isMember(newcomer)), "no such member after the reorg");
  for (const name of ["first", "second"])
    front.lie(name, (method, _params, result) => (method === "eth_getLogs" ? null : result));
  await complete();
  await until(() => isMember(newcomer), "the member of the next version, with an answer that is no list");
});
