/** Settlements of many groups from one account, on a real node that mines when the test requests it. */
import { Wallet } from "ethers";
import type { JsonRpcProvider } from "ethers";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { systemClock } from "../../keeper/adapters/clock-system.ts";
import type { Hex } from "../../protocol/hash.ts";
import type { Submission } from "../../keeper/ports/chain.ts";
import { groupParams } from "../../scripts/demo/params.ts";
import { fundOperators } from "../../scripts/fleet/setup.ts";
import type { Keeper } from "../../scripts/fleet/setup.ts";
import { certified as certifiedIn, keeperChain, mine as mineIn, until } from "../support/certified.ts";
import { openChainScene } from "../support/chain-scene.ts";
import type { ChainScene } from "../support/chain-scene.ts";
import { RpcFront } from "../support/fleet/rpc-front.ts";

const count = 5;
const params = groupParams({ keepers: 4, providers: 1 });

let rpc: string;
let provider: JsonRpcProvider;
let keepers: readonly Keeper[];
let groups: Hex[];
const stop = new AbortController();

let scene: ChainScene;
beforeAll(async () => {
  scene = await openChainScene();
  ({ rpc, provider, keepers } = scene);
  groups = [];
  for (let i = 0; i < count; i++) groups.push(await scene.group(params));
  await provider.send("evm_setAutomine", [false]);
});

afterAll(async () => {
  stop.abort();
  await scene.close();
});

const chain = (urls?: readonly string[]): ReturnType<typeof keeperChain> => keeperChain(scene, urls);
const certified = (...chosen: readonly Hex[]): Promise<Submission[]> => certifiedIn(scene, params, ...chosen);
const mine = (blocks: number): Promise<void> => mineIn(scene, blocks);
const head = (): Promise<number> => provider.getBlockNumber();

async function pendingOfKeeper(): Promise<number[]> {
  const block = (await provider.send("eth_getBlockByNumber", ["pending", true])) as {
    transactions: { from: string; nonce: string }[];
  };
  const own = keepers[0]?.operator.toLowerCase();
  return block.transactions.filter(({ from }) => from === own).map(({ nonce }) => Number(nonce));
}

async function sendSelf(nonce: number, maxFeePerGas: bigint): Promise<void> {
  const wallet = new Wallet(keepers[0]?.keys.operator ?? "");
  const raw = await wallet.signTransaction({
    type: 2,
    chainId: 31_337,
    to: wallet.address,
    nonce,
    gasLimit: 21_000,
    maxFeePerGas,
    maxPriorityFeePerGas: maxFeePerGas,
  });
  await provider.send("eth_sendRawTransaction", [raw]);
}

const minedCount = (): Promise<number> => provider.getTransactionCount(keepers[0]?.operator ?? "", "latest");

describe("settlements of several groups from one account", () => {
  it("are pending together, each with its own nonce, and are mined in one block", async () => {
    const [a, b] = [groups[0] as Hex, groups[1] as Hex];
    const [first, second] = (await certified(a, b)) as [Submission, Submission];
    const one = chain();
    const results = [one.submit(first, stop.signal), one.submit(second, stop.signal)];
    const start = await minedCount();
    await until(async () => (await pendingOfKeeper()).length === 2, "two pending transactions");
    expect((await pendingOfKeeper()).sort((x, y) => x - y)).toEqual([start, start + 1]);
    await mine(1);
    const [x, y] = await Promise.all(results);
    expect([x?.kind, y?.kind]).toEqual(["mined", "mined"]);
  });

  it("replace the pending transactions of an earlier process instead of waiting for them", async () => {
    const [submission] = (await certified(groups[2] as Hex)) as [Submission];
    const nonce = await minedCount();
    await sendSelf(nonce, 5_000_000_000n);
    const result = chain().submit(submission, stop.signal);
    await until(async () => {
      const block = (await provider.send("eth_getBlockByNumber", ["pending", true])) as {
        transactions: { to: string; nonce: string }[];
      };
      return block.transactions.some((tx) => tx.to === submission.group && Number(tx.nonce) === nonce);
    }, "the settlement in place of the old transaction");
    await mine(1);
    expect((await result).kind).toBe("mined");
  });

  it("free their nonce when the window ends, so that the next group's settlement can be mined", async () => {
    const [stuck] = (await certified(groups[3] as Hex)) as [Submission];
    const base = 10n ** 14n;
    const one = chain();
    const nonce = await minedCount();
    const result = one.submit(stuck, stop.signal);
    // The price of gas multiplies when it is on its way.
    await until(async () => (await pendingOfKeeper()).includes(nonce), "it is sent");
    while ((await head()) + 1 < stuck.windowEnd + 2) {
      await provider.send("hardhat_setNextBlockBaseFeePerGas", [`0x${base.toString(16)}`]);
      await mine(1);
      await systemClock.sleep(60);
    }
    await provider.send("hardhat_setNextBlockBaseFeePerGas", ["0x1"]);
    await until(async () => {
      await mine(1);
      return (await minedCount()) > nonce;
    }, "the nonce is used");
    const ended = await result;
    expect(ended.kind).toBe("superseded");
    const [next] = (await certified(groups[4] as Hex)) as [Submission];
    const after = one.submit(next, stop.signal);
    await until(async () => (await pendingOfKeeper()).length > 0, "the next settlement");
    await mine(1);
    expect((await after).kind).toBe("mined");
  });

  it("are refused with an explanation before they are sent if the account cannot pay", async () => {
    const [submission] = (await certified(groups[3] as Hex)) as [Submission];
    await provider.send("hardhat_setBalance", [keepers[0]?.operator, "0x1"]);
    const result = await chain().submit(submission, stop.signal);
    expect(result).toMatchObject({ kind: "failed" });
    expect("detail" in result ? result.detail : "").toMatch(/funds|insufficient|doesn't have enough/i);
    await fundOperators(provider, [keepers[0]?.operator ?? ""]);
  });
});

type Altered = { number: string; hash: string };

/** A node in front of the real one that changes what it says of blocks. */
async function liar(
  change: (block: Altered, tag: string) => Altered,
): Promise<{ url: string; close(): Promise<void> }> {
  const front = await RpcFront.open(rpc);
  front.lie("liar", (method, params, result) =>
    method === "eth_getBlockByNumber" && result !== null
      ? change(result as Altered, String(params[0]))
      : result,
  );
  return { url: front.url("liar"), close: () => front.close() };
}

type Followed = { readonly heads: number[]; readonly troubles: string[] };

async function following(urls: readonly string[], watch: (seen: Followed) => Promise<void>): Promise<void> {
  const abort = new AbortController();
  const seen: Followed = { heads: [], troubles: [] };
  const done = chain(urls).follow(
    [groups[0] as Hex],
    async ({ blocks }) => {
      seen.heads.push(blocks.at(-1)?.number ?? -1);
    },
    (code) => seen.troubles.push(code),
    abort.signal,
  );
  try {
    await watch(seen);
  } finally {
    abort.abort();
    await done;
  }
}

describe("endpoints that contradict each other (D7)", () => {
  it("an invented head of one is ignored: the keeper uses the highest head that both confirm", async () => {
    const far = await liar((block, tag) =>
      tag === "latest" ? { ...block, number: `0x${(Number(block.number) + 1_000).toString(16)}` } : block,
    );
    await following([far.url, rpc], async ({ heads }) => {
      await mine(3);
      const target = await head();
      await until(async () => heads.at(-1) === target, "the true head");
      expect(Math.max(...heads)).toBe(target);
    });
    await far.close();
  });

  it("two that show different chains stop the keeper and are named; it continues when they agree", async () => {
    let lying = true;
    const other = await liar((block) => (lying ? { ...block, hash: `0x${"ab".repeat(32)}` } : block));
    await following([other.url, rpc], async ({ heads, troubles }) => {
      await mine(2);
      await until(async () => troubles.includes("rpc-disagrees"), "the disagreement is told");
      expect(heads).toEqual([]);
      lying = false;
      await mine(2);
      const target = await head();
      await until(async () => heads.at(-1) === target, "the true head");
    });
    await other.close();
  });

  it("one whose head stalls is ignored after a while, and named", async () => {
    let frozen: Altered | undefined;
    const stale = await liar((block, tag) => (tag === "latest" ? (frozen ??= block) : block));
    await following([stale.url, rpc], async ({ heads, troubles }) => {
      await until(async () => heads.length > 0, "a first head");
      await mine(10);
      const target = await head();
      await until(async () => heads.at(-1) === target, "the true head");
      expect(troubles).toContain("rpc-lagging");
    });
    await stale.close();
  });
});
