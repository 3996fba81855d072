/** A provider's view of the chain while its endpoints stall, throttle, lag or serve another chain (D7). */
import { afterEach, beforeEach, expect, it } from "vitest";
import type { Hex } from "../../protocol/hash.ts";
import { EthersChainView } from "../../provider/chain-ethers.ts";
import { until } from "../support/certified.ts";
import { startChainEndpoint } from "../support/chain-endpoint.ts";
import type { ChainEndpoint } from "../support/chain-endpoint.ts";
import { headStuck, RpcFront } from "../support/fleet/rpc-front.ts";

const group: Hex = `0x${"67".repeat(20)}`;
const operator: Hex = `0x${"a1".repeat(20)}`;

let chain: ChainEndpoint;
let front: RpcFront;
let view: EthersChainView;

beforeEach(async () => {
  chain = await startChainEndpoint({
    chainId: 31_337,
    head: 100,
    originBlock: 10,
    slot: 5,
    confirmations: 1,
    members: [],
    providers: [],
    consentSequence: 4,
  });
  front = await RpcFront.open(chain.url);
  view = new EthersChainView({
    chainId: 31_337,
    rpc: [front.url("first"), front.url("second")],
    registry: `0x${"b2".repeat(20)}`,
    groups: [group],
    operator,
  });
});

afterEach(async () => {
  view.close();
  await front.close();
  await chain.close();
});

it("follows the other endpoint if the first one's head stalls", async () => {
  const stuck = headStuck();
  front.lie("first", (method, params, result) =>
    method === "eth_blockNumber" ? "0x64" : stuck(method, params, result),
  );
  expect(await view.head()).toBe(100);
  chain.state.head = 130;
  await until(async () => (await view.head()) === 130, "the head of the other endpoint");
  expect(await view.blockHash(120)).toBe(chain.hashOf(120));
});

it("does not wait for an endpoint that throttles", async () => {
  front.fail("first", () => ({ status: 429 }));
  const began = performance.now();
  expect(await view.nextConsentSequence(group)).toBe(5);
  expect(performance.now() - began).toBeLessThan(1_000);
});

it("asks the next endpoint for a block that the first does not have", async () => {
  front.lie("first", (method, params, result) =>
    method === "eth_getBlockByNumber" && params[0] !== "latest" ? null : result,
  );
  expect(await view.blockHash(95)).toBe(chain.hashOf(95));
  expect(await view.blockHash(101)).toBeUndefined();
});

it("does not use an endpoint that serves another chain after a reconnect", async () => {
  expect(await view.head()).toBe(100);
  front.fail("first", () => "cut");
  await view.nextConsentSequence(group);
  front.recover("first");
  front.lie("first", (method, _params, result) => {
    if (method === "eth_chainId") return "0x1";
    return method === "eth_getBlockByNumber"
      ? { ...(result as object), hash: `0x${"ab".repeat(32)}` }
      : result;
  });
  front.fail("second", () => "cut");
  await expect(view.nextConsentSequence(group)).rejects.toMatchObject({ name: "ChainError" });
  front.recover("second");
  chain.state.head = 140;
  await until(async () => (await view.head()) === 140, "the head");
  expect(await view.blockHash(120)).toBe(chain.hashOf(120));
});

it("reports that no endpoint answers, and apart from that an address without a contract", async () => {
  const nobody: Hex = `0x${"12".repeat(20)}`;
  front.lie("first", (method, _params, result) => (method === "eth_call" ? "0x" : result));
  front.lie("second", (method, _params, result) => (method === "eth_call" ? "0x" : result));
  await expect(view.nextConsentSequence(nobody)).rejects.toMatchObject({ name: "NoContract" });
  for (const name of ["first", "second"]) front.fail(name, () => "cut");
  await expect(view.nextConsentSequence(group)).rejects.toMatchObject({
    name: "ChainError",
    message: expect.stringMatching(/^no chain endpoint answers: /),
  });
});
