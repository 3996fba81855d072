/** A keeper whose chain endpoints fail, refuse, limit or lie (D7): a real node behind a proxy with faults. */
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from "vitest";
import type { JsonRpcProvider } from "ethers";
import type { GroupSnapshot } from "../../protocol/group.ts";
import type { Hex } from "../../protocol/hash.ts";
import type { Submission } from "../../keeper/ports/chain.ts";
import { connectRpc } from "../../client/connect.ts";
import { simulate } from "../../client/transactions.ts";
import { groupParams } from "../../scripts/demo/params.ts";
import { groupAt } from "../../scripts/contracts/artifacts.ts";
import { certified, keeperChain, mine, until } from "../support/certified.ts";
import { openChainScene } from "../support/chain-scene.ts";
import type { ChainScene } from "../support/chain-scene.ts";
import { RpcFront } from "../support/fleet/rpc-front.ts";
import type { RpcFault } from "../support/fleet/rpc-front.ts";

/** Turns long enough for several blocks in their last third. */
const params = { ...groupParams({ keepers: 4, providers: 1 }), interval: 120, turn: 60, lockup: 240 };
const internal: RpcFault = { code: -32_603, message: "internal error" };

let scene: ChainScene;
let provider: JsonRpcProvider;
let front: RpcFront;
let sound: string;
let group: Hex;

beforeAll(async () => {
  scene = await openChainScene();
  ({ provider } = scene);
  front = await RpcFront.open(scene.rpc);
  group = await scene.group(params);
  await provider.send("evm_setAutomine", [false]);
  sound = (await provider.send("evm_snapshot", [])) as string;
});

afterAll(async () => {
  await front.close();
  await scene.close();
});

beforeEach(async () => {
  await provider.send("evm_revert", [sound]);
  sound = (await provider.send("evm_snapshot", [])) as string;
});

const head = (): Promise<number> => provider.getBlockNumber();

/** A client name of the front for one test, without faults when the test is over. */
function endpoint(name: string): string {
  onTestFinished(() => {
    front.recover(name);
    front.tellTruth(name);
  });
  return front.url(name);
}

type Followed = {
  readonly snapshots: GroupSnapshot[];
  readonly troubles: { code: string; detail: string }[];
  readonly heads: number[];
  readonly hashes: Map<number, Hex>;
};

/** Follows the group until the test is over. */
function follow(urls: readonly string[]): Followed {
  const abort = new AbortController();
  const seen: Followed = { snapshots: [], troubles: [], heads: [], hashes: new Map() };
  const done = keeperChain(scene, urls).follow(
    [group],
    async ({ blocks, groups }) => {
      seen.snapshots.push(...groups);
      const first = blocks[0]?.number ?? 0;
      for (const number of seen.hashes.keys()) if (number >= first) seen.hashes.delete(number);
      for (const block of blocks) seen.hashes.set(block.number, block.hash);
      seen.heads.push(blocks.at(-1)?.number ?? -1);
    },
    (code, detail) => seen.troubles.push({ code, detail }),
    abort.signal,
  );
  onTestFinished(async () => {
    abort.abort();
    await done;
  });
  return seen;
}

/** Moves on so that blocks name their parents again, which those of `hardhat_mine` do not, and the settlement is still valid. */
async function certifiedHere(): Promise<Submission> {
  const [submission] = (await certified(scene, params, group)) as [Submission];
  await mine(scene, 2);
  return submission;
}

async function settle(submission: Submission): Promise<void> {
  const result = keeperChain(scene).submit(submission, new AbortController().signal);
  await until(async () => (await pendingTo(group)).length > 0, "a pending settlement");
  await mine(scene, 1);
  expect((await result).kind).toBe("mined");
}

type RawTransaction = { to: string; gas: string; maxFeePerGas: string; maxPriorityFeePerGas: string };

async function pendingTo(to: string): Promise<RawTransaction[]> {
  const block = (await provider.send("eth_getBlockByNumber", ["pending", true])) as {
    transactions: RawTransaction[];
  };
  return block.transactions.filter((transaction) => transaction.to === to.toLowerCase());
}

describe("a new settlement", () => {
  it("is seen although every eth_call fails at the only endpoint", async () => {
    const url = endpoint("only");
    const submission = await certifiedHere();
    const seen = follow([url]);
    await until(() => seen.snapshots.length > 0, "a first snapshot");
    front.fail("only", (method) => (method === "eth_call" ? internal : undefined));
    await settle(submission);
    await mine(scene, 1);
    await until(() => seen.troubles.length > 0, "a word of the failure");
    front.recover("only");
    await mine(scene, 1);
    await until(() => seen.snapshots.length > 1, "the settlement");
    expect(seen.snapshots.map(({ ts }) => ts)).toEqual([submission.settlement.ts, submission.settlement.te]);
  });

  it("is read from the next endpoint if a call fails at the first", async () => {
    const urls = [endpoint("first"), endpoint("second")];
    const submission = await certifiedHere();
    const seen = follow(urls);
    await until(() => seen.snapshots.length > 0, "a first snapshot");
    await settle(submission);
    front.fail("first", (method) =>
      method === "eth_call" || method === "eth_getLogs" ? internal : undefined,
    );
    await mine(scene, 1);
    await until(() => seen.snapshots.length > 1, "the settlement");
    expect(seen.snapshots.map(({ ts }) => ts)).toEqual([submission.settlement.ts, submission.settlement.te]);
  });

  it("is seen after missed blocks of a slot although ranges of logs are refused", async () => {
    const url = endpoint("single");
    const single = (method: string, [filter]: readonly unknown[]): RpcFault | undefined =>
      method === "eth_getLogs" && !("blockHash" in (filter as object))
        ? { code: -32_602, message: "ranges are not served" }
        : undefined;
    front.fail("single", single);
    const submission = await certifiedHere();
    const seen = follow([url]);
    await until(() => seen.snapshots.length > 0, "a first snapshot");
    const { originBlock, slot } = (seen.snapshots[0] as GroupSnapshot).params;
    const intoSlot = async (): Promise<number> =>
      ((await head()) - params.confirmations - originBlock) % slot;
    while ((await intoSlot()) !== 0) await mine(scene, 1);
    const began = await head();
    await until(() => seen.heads.at(-1) === began, "the slot's first view");
    front.fail("single", () => "cut");
    await settle(submission);
    await mine(scene, 2);
    front.fail("single", single);
    await until(() => seen.heads.at(-1) === began + 3, "the head");
    expect(await intoSlot()).toBe(3);
    expect(seen.snapshots.map(({ ts }) => ts)).toEqual([submission.settlement.ts, submission.settlement.te]);
  });

  it("is seen within a slot at an endpoint that returns no logs", async () => {
    const url = endpoint("forgetful");
    front.lie("forgetful", (method, _params, result) => (method === "eth_getLogs" ? [] : result));
    const submission = await certifiedHere();
    const seen = follow([url]);
    await until(() => seen.snapshots.length > 0, "a first snapshot");
    await settle(submission);
    const { originBlock, slot } = (seen.snapshots[0] as GroupSnapshot).params;
    const view = (await head()) - params.confirmations;
    const nextSlot = originBlock + (Math.floor((view - originBlock) / slot) + 1) * slot;
    await mine(scene, nextSlot - view);
    await until(() => seen.snapshots.length > 1, "the settlement");
    expect(seen.snapshots.map(({ ts }) => ts)).toEqual([submission.settlement.ts, submission.settlement.te]);
  });
});

describe("endpoints with different states of a group", () => {
  /** The number of settled blocks is the first word of `state()`. */
  const other = (method: string, call: readonly unknown[], result: unknown): unknown => {
    const { data } = (call[0] ?? {}) as { data?: string };
    const isState = method === "eth_call" && data === "0xc19d93fb";
    return isState ? `0x${"7".padStart(64, "0")}${(result as string).slice(66)}` : result;
  };

  it("are named, and neither of two is believed", async () => {
    const urls = [endpoint("a"), endpoint("b")];
    const seen = follow(urls);
    await until(() => seen.snapshots.length > 0, "a first snapshot");
    const told = seen.snapshots.length;
    front.lie("a", other);
    await mine(scene, 2 * params.slot);
    const target = await head();
    await until(() => seen.heads.at(-1) === target, "the head");
    expect(seen.troubles.map(({ code }) => code)).toContain("rpc-disagrees");
    expect(seen.snapshots.slice(told).map(({ ts }) => ts)).not.toContain(7);
  });

  it("are outvoted by two others", async () => {
    const urls = [endpoint("a"), endpoint("b"), endpoint("c")];
    front.lie("a", other);
    const seen = follow(urls);
    await until(() => seen.snapshots.length > 0, "a first snapshot");
    expect(seen.snapshots[0]?.ts).toBe(seen.snapshots[0]?.params.originBlock);
    expect(seen.troubles.map(({ code }) => code)).toContain("rpc-disagrees");
  });
});

describe("an outage of many blocks", () => {
  it("is caught up in bounded steps, past an endpoint that limits ranges of logs", async () => {
    const url = endpoint("limited");
    const limited = (method: string, [filter]: readonly unknown[]): RpcFault | undefined => {
      if (method !== "eth_getLogs") return undefined;
      const { fromBlock, toBlock } = filter as { fromBlock?: string; toBlock?: string };
      const tooWide = Number(toBlock) - Number(fromBlock) >= 10;
      return tooWide ? { code: -32_602, message: "block range too large" } : undefined;
    };
    front.fail("limited", limited);
    await mine(scene, 1);
    const seen = follow([url]);
    await until(() => seen.snapshots.length > 0, "a first snapshot");
    const before = await head();
    front.fail("limited", () => "cut");
    const blocks = 1_500;
    for (let i = 0; i < blocks / 50; i++)
      await Promise.all(Array.from({ length: 50 }, () => provider.send("evm_mine", [])));
    const traffic = front.traffic("limited");
    const earlier = traffic.calls.length;
    traffic.most = 0;
    front.fail("limited", limited);
    const target = await head();
    await until(() => seen.heads.at(-1) === target, "the head");
    const slots = Math.ceil((blocks + params.interval) / params.slot);
    const calls = traffic.calls.slice(earlier).filter(({ method }) => method === "eth_getBlockByNumber");
    expect(calls.length).toBeLessThan(slots + 128 + params.turn + 50);
    expect(traffic.most).toBeGreaterThan(1);
    expect(traffic.most).toBeLessThanOrEqual(16);
    const { originBlock, slot } = (seen.snapshots[0] as GroupSnapshot).params;
    for (let n = originBlock; n <= target; n += slot) expect(seen.hashes.get(n), `block ${n}`).toBeDefined();
    for (let n = Math.max(before, target - 100); n <= target; n++) {
      expect(seen.hashes.get(n)).toBe((await provider.getBlock(n))?.hash);
    }
  });

  it("reports a reorg during the outage from its first block on", async () => {
    const url = endpoint("away");
    const seen = follow([url]);
    await until(() => seen.snapshots.length > 0, "a first snapshot");
    const fork = (await provider.send("evm_snapshot", [])) as string;
    const kept = await head();
    await mine(scene, 3);
    await until(() => seen.heads.at(-1) === kept + 3, "three blocks");
    front.fail("away", () => "cut");
    await provider.send("evm_revert", [fork]);
    await provider.send("hardhat_setCoinbase", [`0x${"c0".repeat(20)}`]);
    await mine(scene, 400);
    front.recover("away");
    await until(() => seen.heads.at(-1) === kept + 400, "the other branch");
    for (let n = kept + 1; n <= kept + 3; n++) {
      expect([undefined, (await provider.getBlock(n))?.hash]).toContain(seen.hashes.get(n));
    }
    expect(seen.hashes.get(kept + 1)).toBe((await provider.getBlock(kept + 1))?.hash);
  });
});

describe("a pending settlement", () => {
  /** No transaction is mined while the base fee is above every fee limit. */
  async function mineDear(blocks: number): Promise<void> {
    for (let i = 0; i < blocks; i++) {
      await provider.send("hardhat_setNextBlockBaseFeePerGas", [`0x${(10n ** 14n).toString(16)}`]);
      await mine(scene, 1);
      await new Promise((done) => setTimeout(done, 100));
    }
  }

  it("is not cancelled if eth_estimateGas or eth_call fails", async () => {
    const url = endpoint("flaky");
    const submission = await certifiedHere();
    const result = keeperChain(scene, [url]).submit(submission, new AbortController().signal);
    await until(async () => (await pendingTo(group)).length > 0, "a pending settlement");
    const unable: RpcFault = { code: -32_000, message: "execution aborted (timeout = 5s)" };
    front.fail("flaky", (method) => (["eth_estimateGas", "eth_call"].includes(method) ? unable : undefined));
    await mineDear(7);
    await provider.send("hardhat_setNextBlockBaseFeePerGas", ["0x1"]);
    await mine(scene, 1);
    expect((await result).kind).toBe("mined");
  });

  it("reaches the chain although the first endpoint accepts and drops it", async () => {
    const urls = [endpoint("swallows"), endpoint("honest")];
    const submission = await certifiedHere();
    front.fail("swallows", (method) =>
      method === "eth_sendRawTransaction" ? { result: `0x${"ab".repeat(32)}` } : undefined,
    );
    const result = keeperChain(scene, urls).submit(submission, new AbortController().signal);
    await until(async () => (await pendingTo(group)).length > 0, "a pending settlement");
    await mine(scene, 1);
    expect((await result).kind).toBe("mined");
  });

  it("is mined after an outage of the endpoint", async () => {
    const url = endpoint("flaky");
    const submission = await certifiedHere();
    const result = keeperChain(scene, [url]).submit(submission, new AbortController().signal);
    await until(async () => (await pendingTo(group)).length > 0, "a pending settlement");
    front.fail("flaky", () => "cut");
    await new Promise((done) => setTimeout(done, 300));
    await mine(scene, 1);
    front.recover("flaky");
    expect((await result).kind).toBe("mined");
  });

  it("is cancelled if the contract reports that another one was first", async () => {
    const url = endpoint("slow");
    const submission = await certifiedHere();
    const stop = new AbortController();
    const result = keeperChain(scene, [url]).submit(submission, stop.signal);
    await until(async () => (await pendingTo(group)).length > 0, "a pending settlement");
    // Keeper 1's is mined while keeper 0's cannot be: its fee is below what a block asks for.
    const [waiting] = await pendingTo(group);
    const price = `0x${(BigInt(waiting?.maxFeePerGas ?? 0n) + 1n).toString(16)}`;
    await provider.send("hardhat_setNextBlockBaseFeePerGas", [price]);
    await mine(scene, 1);
    await provider.send("hardhat_setNextBlockBaseFeePerGas", [price]);
    const other = { ...scene, keepers: scene.keepers.slice(1) };
    const first = keeperChain(other).submit(submission, stop.signal);
    await until(async () => (await pendingTo(group)).length > 0, "the other keeper's");
    await mine(scene, 1);
    expect((await first).kind).toBe("mined");
    await until(async () => {
      await mine(scene, 1);
      return Promise.race([result.then(() => true), new Promise<false>((no) => setTimeout(no, 100, false))]);
    }, "the end of the other one");
    expect(await result).toMatchObject({ kind: "superseded" });
  });

  it("never has a gas limit above the cap of a transaction, and reports if the cap is too low", async () => {
    const url = endpoint("dear");
    const submission = await certifiedHere();
    const estimate = (gas: number): void =>
      front.lie("dear", (method, _params, result) =>
        method === "eth_estimateGas" ? `0x${gas.toString(16)}` : result,
      );
    estimate(14_000_000);
    const result = keeperChain(scene, [url]).submit(submission, new AbortController().signal);
    await until(async () => (await pendingTo(group)).length > 0, "a pending settlement");
    expect((await pendingTo(group)).map(({ gas }) => Number(gas))).toEqual([16_777_216]);
    await mine(scene, 1);
    expect((await result).kind).toBe("mined");
    estimate(16_777_217);
    const next = (await certified(scene, params, group))[0] as Submission;
    const refused = await keeperChain(scene, [url]).submit(next, new AbortController().signal);
    expect(refused).toMatchObject({ kind: "failed" });
    expect("detail" in refused ? refused.detail : "").toMatch(/at most 16777216.*actual 16777217/);
  });
});

describe("a payer's transaction", () => {
  it("never has a gas limit above the cap, and is refused with an explanation if the cap is too low", async () => {
    const url = endpoint("payer");
    const payer = await connectRpc(url);
    onTestFinished(() => payer.destroy());
    const signer = await payer.getSigner(0);
    const contract = groupAt(group, signer);
    const plan = { what: "terminating the group", contract, method: "terminate", args: [] };
    const estimate = (gas: number): void =>
      front.lie("payer", (method, _params, result) =>
        method === "eth_estimateGas" ? `0x${gas.toString(16)}` : result,
      );
    estimate(14_000_000);
    expect((await simulate(plan, signer)).gas).toBe(16_777_216n);
    estimate(16_777_217);
    await expect(simulate(plan, signer)).rejects.toMatchObject({
      code: "refused",
      expected: "at most 16777216",
      actual: "16777217",
    });
  });
});
