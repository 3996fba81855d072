/** An endpoint that does not execute a call says nothing about the contract: no signature, token or provider is refused for it. */
import { Wallet, hashMessage, type JsonRpcProvider } from "ethers";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { registeredLocator } from "../../../cli/chain/relays.ts";
import { describeFailure } from "../../../cli/console/exit.ts";
import { offersOf } from "../../../cli/store/discover.ts";
import * as client from "../../../client/index.ts";
import { signPermit } from "../../../client/permit.ts";
import { allParties, registryAt } from "../../../client/registry.ts";
import { isSignedBy } from "../../../client/signed-by.ts";
import { RpcPool } from "../../../daemon/chain/rpc.ts";
import { dialingNode } from "../../../cli/group/retrieve/download.ts";
import { fromHex } from "../../../protocol/hash.ts";
import type { Hex } from "../../../protocol/hash.ts";
import { GroupReads } from "../../../provider/store/group-facts.ts";
import { startChainEndpoint } from "../../support/chain-endpoint.ts";
import type { ChainEndpoint } from "../../support/chain-endpoint.ts";
import { deployContract } from "../../support/contracts/chain.ts";
import { ClientWorld } from "../../support/contracts/client-world.ts";

/** Errors of endpoints that execute no call, in answers with the HTTP status 200. */
const faults = [
  { code: -32_005, message: "too many requests" },
  { code: -32_603, message: "internal error" },
  { code: -32_000, message: "header not found" },
];

let scene: ClientWorld;
let endpoint: ChainEndpoint;
let provider: JsonRpcProvider;
let pool: RpcPool;
/** What the endpoint answers to every eth_call. */
let fault: { readonly code: number; readonly message: string; readonly data?: string } | undefined;

beforeAll(async () => {
  scene = await ClientWorld.open();
  endpoint = await startChainEndpoint(async (method, params) => {
    if (method === "eth_call" && fault !== undefined) throw Object.assign(new Error(), fault);
    return scene.chain.rpc(method, params);
  });
  provider = await client.connectRpc(endpoint.url);
  const chainId = Number(scene.chain.chainId);
  pool = new RpcPool({ chainId, urls: [endpoint.url] }, () => performance.now());
});

afterAll(async () => {
  provider.destroy();
  pool.close();
  await endpoint.close();
  await scene.chain.close();
});

afterEach(() => {
  fault = undefined;
});

const lower = (address: string): Hex => address.toLowerCase() as Hex;
const digest = hashMessage("a consent") as Hex;

/** The two readers of signatures: of consents and offers, and of requests to store. */
const readers: readonly [string, (account: string, signature: Hex) => Promise<boolean>][] = [
  ["a payer", (account, signature) => isSignedBy(provider, account, digest, signature)],
  [
    "a provider",
    (account, signature) =>
      new GroupReads((method, params) => pool.send(method, params), lower(scene.factory)).signed(
        lower(account),
        digest,
        fromHex(signature),
      ),
  ],
];

describe.each(readers)("a contract's signature, checked by %s", (_, isSigned) => {
  const owner = new Wallet(`0x${"5e".repeat(32)}`);
  const signature = owner.signingKey.sign(digest).serialized as Hex;

  it("is the one that the contract accepts", async () => {
    const account = await scene.chain.account("owner of a wallet");
    const wallet = await (await deployContract("ContractWallet", account)).getAddress();
    const own = account.signingKey.sign(digest).serialized as Hex;
    expect(await isSigned(wallet, own)).toBe(true);
    expect(await isSigned(account.address, own)).toBe(true);
    expect(await isSigned(wallet, signature)).toBe(false);
    for (fault of faults) await expect(isSigned(wallet, own)).rejects.toThrow(/./);
  });

  it.each([
    ["has no code", "0x"],
    ["reverts without data", "0x5f5ffd"],
    ["reverts with the value of acceptance", "0x631626ba7e60e01b5f5260205ffd"],
    ["has an invalid instruction", "0xfe"],
    ["uses all gas", "0x63ffffffff51"],
    ["returns nothing", "0x00"],
    ["returns less than a word", "0x631626ba7e60e01b5f52601f5ff3"],
    ["returns the value of acceptance with more behind it", "0x631626ba7e60e01b6001175f5260205ff3"],
    ["returns its input", "0x365f5f37365ff3"],
  ])("is none if the contract %s", async (_fault, code) => {
    const account = `0x${"c0de".repeat(10)}`;
    await scene.chain.rpc("hardhat_setCode", [account, code]);
    expect(await isSigned(account, signature)).toBe(false);
  });

  it("is accepted if the contract returns the value of acceptance, and more words", async () => {
    const account = `0x${"acce".repeat(10)}`;
    await scene.chain.rpc("hardhat_setCode", [account, "0x631626ba7e60e01b5f5260605ff3"]);
    expect(await isSigned(account, signature)).toBe(true);
    // A signature of any length is passed on whole.
    expect(await isSigned(account, "0x")).toBe(true);
    expect(await isSigned(account, `0x${"ab".repeat(100)}`)).toBe(true);
  });
});

describe.each(faults)("an endpoint that answers calls with: $message", (stated) => {
  it("fails by its own words, with the exit code of the network", async () => {
    fault = stated;
    const thrown: unknown = await provider
      .call({ to: scene.factory, data: "0x" })
      .catch((error: unknown) => error);
    const { code, lines } = describeFailure(thrown);
    expect(code).toBe(3);
    expect(lines[0]).toBe(`whitepay: the chain's endpoint refused a call: ${stated.message}`);
  });

  it("is not taken for a missing token or contract", async () => {
    const token = await scene.world.token.getAddress();
    expect(await client.readToken(provider, token)).toMatchObject({ address: token });
    fault = stated;
    const refused = { code: "CALL_EXCEPTION" };
    await expect(client.readToken(provider, token)).rejects.toMatchObject(refused);
    const registry = registryAt(await scene.world.registry.getAddress(), provider);
    await expect(allParties(registry, "provider")).rejects.toMatchObject(refused);
  });

  it("is not taken for a refusal of the contract", async () => {
    const committee = await scene.form(await scene.world.keepers(4));
    const { at } = await scene.group(committee);
    const payer = scene.payer.connect(provider);
    const plan = await client.planTerminate(payer, at);
    fault = stated;
    await expect(client.simulate(plan, payer)).rejects.toMatchObject({ code: "CALL_EXCEPTION" });
  });

  it("is not taken for a token without permits, or one with another version", async () => {
    const token = await client.readToken(provider, await scene.world.token.getAddress());
    const payer = scene.payer.connect(provider);
    const wish = { spender: scene.factory, amount: 1n };
    expect(await signPermit(payer, token, wish)).toMatchObject(wish);
    fault = stated;
    await expect(signPermit(payer, token, wish)).rejects.toMatchObject({ code: "CALL_EXCEPTION" });
  });

  it("is not taken for a provider without an offer", async () => {
    const operator = (await scene.operator("provider with an offer")).address;
    const libp2p = await dialingNode();
    try {
      const registry = lower(await scene.world.registry.getAddress());
      const scope = { provider, line: { libp2p }, chainId: Number(scene.chain.chainId), registry, head: 1 };
      // Its address belongs to nobody: the provider is silent.
      expect((await offersOf(scope, [operator])).get(operator)).toMatch(/unreachable/);
      fault = stated;
      await expect(offersOf(scope, [operator])).rejects.toMatchObject({ code: "CALL_EXCEPTION" });
    } finally {
      await libp2p.stop();
    }
  });
});

/** Nodes say in their own words that a contract failed, and some of them without the data of the revert. */
it.each([
  { code: 3, message: "execution reverted" },
  { code: -32_015, message: "VM execution error", data: "Reverted 0x" },
  { code: -32_603, message: "VM Exception while processing transaction: reverted without a reason" },
  { code: -32_000, message: "invalid opcode: INVALID" },
  { code: -32_000, message: "out of gas" },
])("an endpoint that answers a call with $message executed it: the contract failed", async (stated) => {
  const token = await scene.world.token.getAddress();
  fault = stated;
  await expect(client.readToken(provider, token)).rejects.toMatchObject({ code: "input" });
});

it("relays that could not be read are read again for the next question", async () => {
  const libp2p = await dialingNode();
  try {
    const registry = await scene.world.registry.getAddress();
    const locator = registeredLocator(libp2p, provider, async () => registry);
    const stranger = libp2p.peerId.toString();
    const calls = (): number => endpoint.calls.get("eth_call") ?? 0;
    [fault] = faults;
    expect(await locator.find(stranger)).toEqual([]);
    fault = undefined;
    const before = calls();
    expect(await locator.find(stranger)).toEqual([]);
    expect(calls()).toBeGreaterThan(before);
    // Now every relay was asked, and they are known.
    const after = calls();
    expect(await locator.find(stranger)).toEqual([]);
    expect(calls()).toBe(after);
  } finally {
    await libp2p.stop();
  }
});
