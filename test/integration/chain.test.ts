import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { JsonRpcProvider } from "ethers";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { EthersChain } from "../../keeper/adapters/chain-ethers/index.ts";
import { systemClock } from "../../keeper/adapters/clock-system.ts";
import type { Hex } from "../../protocol/hash.ts";
import type { ChainUpdate } from "../../keeper/ports/chain.ts";
import { groupParams } from "../../scripts/demo/params.ts";
import type { Keeper } from "../../scripts/fleet/setup.ts";
import { devnetRhythm } from "../../cli/chain/presets.ts";
import { keeperChain } from "../support/certified.ts";
import { openChainScene } from "../support/chain-scene.ts";
import type { ChainScene } from "../support/chain-scene.ts";

let rpc: string;
let provider: JsonRpcProvider;
let keepers: readonly Keeper[];
let group: Hex;

let scene: ChainScene;
beforeAll(async () => {
  scene = await openChainScene();
  ({ rpc, provider, keepers } = scene);
  group = await scene.group(groupParams({ keepers: 4, providers: 3 }));
});

afterAll(() => scene.close());

type Following = {
  readonly updates: ChainUpdate[];
  readonly troubles: string[];
  readonly chain: EthersChain;
  /** Canonical hashes as the updates tell them. */
  hashes(): Map<number, Hex>;
  until(holds: () => boolean, what: string): Promise<void>;
  stop(): Promise<void>;
};

function follow(urls: readonly string[], followed: readonly Hex[] = [group]): Following {
  const chain = keeperChain(scene, urls);
  const abort = new AbortController();
  const updates: ChainUpdate[] = [];
  const troubles: string[] = [];
  const done = chain.follow(
    followed,
    async (update) => {
      updates.push(update);
    },
    (code) => troubles.push(code),
    abort.signal,
  );
  const hashes = (): Map<number, Hex> => {
    const known = new Map<number, Hex>();
    for (const { blocks } of updates) {
      const first = blocks[0]?.number ?? 0;
      for (const number of known.keys()) if (number >= first) known.delete(number);
      for (const block of blocks) known.set(block.number, block.hash);
    }
    return known;
  };
  const until = async (holds: () => boolean, what: string): Promise<void> => {
    const end = performance.now() + 10_000;
    while (!holds()) {
      if (performance.now() > end) throw new Error(`not within 10 s: ${what}`);
      await systemClock.sleep(10);
    }
  };
  const stop = async (): Promise<void> => {
    abort.abort();
    await done;
  };
  return { updates, troubles, chain, hashes, until, stop };
}

async function mine(blocks: number): Promise<void> {
  for (let i = 0; i < blocks; i++) await provider.send("evm_mine", []);
}

async function hashOf(number: number): Promise<string> {
  return (
    (await provider.send("eth_getBlockByNumber", [`0x${number.toString(16)}`, false])) as { hash: string }
  ).hash;
}

describe("the chain feed on a real node", () => {
  it("reads the group's state from the contract, with members and keys", async () => {
    const f = follow([rpc]);
    await f.until(() => f.updates.length > 0, "a first update");
    const snapshot = f.updates[0]?.groups[0];
    expect(snapshot?.committee.members.map((m) => m.operator)).toEqual(
      keepers.map((k) => k.operator.toLowerCase()),
    );
    expect(snapshot?.committee.members.every((m) => m.blsKey.length === 2 + 192)).toBe(true);
    expect(snapshot?.params).toMatchObject({ ...devnetRhythm });
    expect(snapshot?.ts).toBe(snapshot?.params.originBlock);
    expect(await f.chain.keeperEndpoint(keepers[1]?.operator.toLowerCase() as Hex)).toMatchObject({
      multiaddrs: ["/ip4/127.0.0.1/tcp/4002"],
    });
    await f.stop();
  });

  it("reports every block once, and a reorg as blocks that replace others", async () => {
    const f = follow([rpc]);
    await f.until(() => f.updates.length > 0, "a first update");
    const start = await provider.getBlockNumber();
    await mine(2);
    const fork = (await provider.send("evm_snapshot", [])) as string;
    await mine(3);
    await f.until(() => f.hashes().has(start + 5), "five blocks");
    const before = f.hashes().get(start + 4);
    await provider.send("evm_revert", [fork]);
    await provider.send("evm_increaseTime", [77]);
    await mine(4);
    await f.until(() => f.hashes().has(start + 6), "the other branch");
    for (let n = start + 1; n <= start + 6; n++) expect(f.hashes().get(n)).toBe(await hashOf(n));
    expect(f.hashes().get(start + 4)).not.toBe(before);
    await f.stop();
  });

  it("uses the next endpoint if the first is down, throttles or serves another chain, and reports it", async () => {
    let status = 429;
    const other = createServer((_request, response) => {
      response.writeHead(status, { "content-type": "application/json" });
      response.end(JSON.stringify({ jsonrpc: "2.0", id: 1, result: "0x1" }));
    });
    await new Promise<void>((done) => other.listen(0, "127.0.0.1", done));
    const bad = `http://127.0.0.1:${(other.address() as AddressInfo).port}`;
    const throttled = follow([bad, rpc]);
    await throttled.until(() => throttled.updates.length > 0, "an update past a throttling endpoint");
    expect(throttled.troubles).toContain("rpc-down");
    await throttled.stop();
    status = 200;
    const wrong = follow([bad, rpc]);
    await wrong.until(() => wrong.updates.length > 0, "an update past an endpoint of another chain");
    expect(wrong.troubles).toContain("rpc-wrong-chain");
    await wrong.stop();
    await new Promise((done) => other.close(done));
  });

  it("stops and reports it while a block's parent is not the block before it, and continues afterwards (D7)", async () => {
    const f = follow([rpc]);
    await f.until(() => f.updates.length > 0, "a first update");
    const sound = (await provider.send("evm_snapshot", [])) as string;
    // Blocks that this node makes many at a time name no parent.
    await provider.send("hardhat_mine", ["0x8"]);
    await f.until(() => f.troubles.length > 0, "a word of it");
    expect(new Set(f.troubles)).toEqual(new Set(["rpc-disagrees"]));
    expect(f.updates).toHaveLength(1);
    await provider.send("evm_revert", [sound]);
    await mine(2);
    const head = await provider.getBlockNumber();
    await f.until(() => f.hashes().has(head), "the sound head");
    await f.stop();
  });

  it("continues with its groups if one address is not a group, and names the address", async () => {
    const nobody: Hex = `0x${"12".repeat(20)}`;
    const f = follow([rpc], [nobody, group]);
    await f.until(() => f.updates.length > 0, "a first update");
    expect(f.updates[0]?.groups.map(({ address }) => address)).toEqual([group]);
    expect(f.troubles).toEqual(["group-unreadable"]);
    await f.stop();
  });

  it("explains a refusal of the contract", async () => {
    const f = follow([rpc]);
    await f.until(() => f.updates.length > 0, "a first update");
    const ts = f.updates[0]?.groups[0]?.ts ?? 0;
    const { interval, turn } = devnetRhythm;
    const settlement = { ts, te: ts + interval, committee: 1, leader: 0, failed: 0n, payees: 15n, items: [] };
    const generator: Hex =
      "0x97f1d3a73197d7942695638c4fa9ac0fc3688c4f9774b905a14e3a3f171bac586c55e83ff97a1aeffb3af00adb22c6bb";
    await mine(ts + interval + 5 - (await provider.getBlockNumber()));
    const submission = {
      group,
      settlement,
      signers: 3n,
      signature: generator,
      windowEnd: ts + interval + turn,
    };
    const result = await f.chain.submit(submission, new AbortController().signal);
    expect(result).toMatchObject({ kind: "failed" });
    expect("detail" in result ? result.detail : "").toContain("too few signers");
    await f.stop();
  });
});
