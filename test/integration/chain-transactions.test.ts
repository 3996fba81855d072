/** Certificates of several committees from one account, on a real node that mines when the test requests it. */
import { Wallet } from "ethers";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { systemClock } from "../../keeper/adapters/clock-system.ts";
import type { EthersChain } from "../../keeper/adapters/chain-ethers/index.ts";
import type { HandingIn } from "../../keeper/ports/chain.ts";
import { certifying, CommitteeScene, until } from "../support/committee-scene.ts";
import type { Following } from "../support/committee-scene.ts";
import type { Keeper } from "../support/contracts/basics.ts";
import type { Committee } from "../support/contracts/committee-contract.ts";
import { RpcFront } from "../support/fleet/rpc-front.ts";

const count = 5;

let scene: CommitteeScene;
let keepers: Keeper[];
const committees: Committee[] = [];
const stop = new AbortController();

const rpc = (method: string, ...params: unknown[]): Promise<unknown> => scene.world.chain.rpc(method, params);

beforeAll(async () => {
  scene = await CommitteeScene.open();
  keepers = await scene.world.keepers(4);
  for (let i = 0; i < count; i++) committees.push(await scene.world.committee(keepers));
  await rpc("evm_setAutomine", false);
});

afterAll(async () => {
  stop.abort();
  await scene.close();
});

const keeper = (): Keeper => keepers[0] as Keeper;
const chain = (): Promise<EthersChain> => scene.chain(keeper());
const mine = (blocks: number): Promise<void> => scene.mine(blocks);
const head = (): Promise<number> => scene.world.chain.block();
const address = (): string => keeper().operator.address.toLowerCase();

/** Empty certificates of these committees, all of which the next block may have; keeper 0 leads each of them. */
async function certified(...places: readonly number[]): Promise<HandingIn[]> {
  const chosen = places.map((place) => committees[place] as Committee);
  const { interval } = (chosen[0] as Committee).rhythm;
  const starts = await Promise.all(chosen.map((committee) => committee.certifiedThrough()));
  await scene.mineTo(Math.max(...starts) + interval);
  return Promise.all(
    chosen.map(async (committee) => {
      const certificate = await committee.certificate([]);
      return certifying(committee, certificate, [], { first: 0, length: 0 });
    }),
  );
}

function windowEnd(submission: HandingIn): number {
  if (submission.kind === "certify") return submission.windowEnd;
  throw new Error("submission: expected one that certifies, actual one that settles");
}

type Pending = { from: string; to: string; nonce: string };

async function pendingOfKeeper(): Promise<Pending[]> {
  const block = (await rpc("eth_getBlockByNumber", "pending", true)) as { transactions: Pending[] };
  return block.transactions.filter(({ from }) => from === address());
}

async function pendingNonces(): Promise<number[]> {
  return (await pendingOfKeeper()).map(({ nonce }) => Number(nonce)).sort((x, y) => x - y);
}

async function sendSelf(nonce: number, maxFeePerGas: bigint): Promise<void> {
  const wallet = new Wallet(keeper().operator.privateKey);
  const raw = await wallet.signTransaction({
    type: 2,
    chainId: scene.world.chain.chainId,
    to: wallet.address,
    nonce,
    gasLimit: 21_000,
    maxFeePerGas,
    maxPriorityFeePerGas: maxFeePerGas,
  });
  await rpc("eth_sendRawTransaction", raw);
}

const minedCount = async (): Promise<number> =>
  Number(await rpc("eth_getTransactionCount", address(), "latest"));

describe("certificates of several committees from one account", () => {
  it("are pending together, each with its own nonce, and are mined in one block", async () => {
    const [first, second] = (await certified(0, 1)) as [HandingIn, HandingIn];
    const one = await chain();
    const results = [one.submit(first, stop.signal), one.submit(second, stop.signal)];
    const start = await minedCount();
    await until(async () => (await pendingOfKeeper()).length === 2, "two pending transactions");
    expect(await pendingNonces()).toEqual([start, start + 1]);
    await mine(1);
    const [x, y] = await Promise.all(results);
    expect([x?.kind, y?.kind]).toEqual(["mined", "mined"]);
  });

  it("replace the pending transactions of an earlier process instead of waiting for them", async () => {
    const [submission] = (await certified(2)) as [HandingIn];
    const nonce = await minedCount();
    await sendSelf(nonce, 5_000_000_000n);
    const result = (await chain()).submit(submission, stop.signal);
    await until(
      async () =>
        (await pendingOfKeeper()).some((tx) => tx.to === submission.committee && Number(tx.nonce) === nonce),
      "the certificate in place of the old transaction",
    );
    await mine(1);
    expect((await result).kind).toBe("mined");
  });

  it("free their nonce when the window ends, so that the next committee's can be mined", async () => {
    const [stuck] = (await certified(3)) as [HandingIn];
    const base = 10n ** 14n;
    const one = await chain();
    const nonce = await minedCount();
    const result = one.submit(stuck, stop.signal);
    // The price of gas multiplies when it is on its way.
    await until(async () => (await pendingNonces()).includes(nonce), "it is sent");
    const end = windowEnd(stuck);
    while ((await head()) + 1 < end + 2) {
      await rpc("hardhat_setNextBlockBaseFeePerGas", `0x${base.toString(16)}`);
      await mine(1);
      await systemClock.sleep(60);
    }
    await rpc("hardhat_setNextBlockBaseFeePerGas", "0x1");
    await until(async () => {
      await mine(1);
      return (await minedCount()) > nonce;
    }, "the nonce is used");
    expect((await result).kind).toBe("superseded");
    const [next] = (await certified(4)) as [HandingIn];
    const after = one.submit(next, stop.signal);
    await until(async () => (await pendingOfKeeper()).length > 0, "the next certificate");
    await mine(1);
    expect((await after).kind).toBe("mined");
  });

  it("are refused with an explanation before they are sent if the account cannot pay", async () => {
    const [submission] = (await certified(3)) as [HandingIn];
    await rpc("hardhat_setBalance", address(), "0x1");
    const result = await (await chain()).submit(submission, stop.signal);
    expect(result).toMatchObject({ kind: "failed" });
    expect("detail" in result ? result.detail : "").toMatch(/funds|insufficient|doesn't have enough/i);
    await rpc("hardhat_setBalance", address(), "0x3635c9adc5dea00000");
  });
});

type Altered = { number: string; hash: string };

/** A node in front of the real one that changes what it says of blocks. */
async function liar(
  change: (block: Altered, tag: string) => Altered,
): Promise<{ url: string; close(): Promise<void> }> {
  const front = await RpcFront.open(scene.url);
  front.lie("liar", (method, params, result) =>
    method === "eth_getBlockByNumber" && result !== null
      ? change(result as Altered, String(params[0]))
      : result,
  );
  return { url: front.url("liar"), close: () => front.close() };
}

function heads({ updates }: Following): number[] {
  return updates.map(({ blocks }) => blocks.at(-1)?.number ?? -1);
}

async function following(urls: readonly string[], watch: (seen: Following) => Promise<void>): Promise<void> {
  const seen = await scene.follow(keeper(), { urls });
  try {
    await watch(seen);
  } finally {
    await seen.stop();
  }
}

describe("endpoints that contradict each other (D7)", () => {
  it("an invented head of one is ignored: the keeper uses the highest head that both confirm", async () => {
    const far = await liar((block, tag) =>
      tag === "latest" ? { ...block, number: `0x${(Number(block.number) + 1_000).toString(16)}` } : block,
    );
    await following([far.url, scene.url], async (seen) => {
      await mine(3);
      const target = await head();
      await until(async () => heads(seen).at(-1) === target, "the true head");
      expect(Math.max(...heads(seen))).toBe(target);
    });
    await far.close();
  });

  it("two that show different chains stop the keeper and are named; it continues when they agree", async () => {
    let lying = true;
    const other = await liar((block) => (lying ? { ...block, hash: `0x${"ab".repeat(32)}` } : block));
    await following([other.url, scene.url], async (seen) => {
      await mine(2);
      await until(async () => seen.troubles.join().includes("rpc-disagrees"), "the disagreement is told");
      expect(heads(seen)).toEqual([]);
      lying = false;
      await mine(2);
      const target = await head();
      await until(async () => heads(seen).at(-1) === target, "the true head");
    });
    await other.close();
  });

  it("one whose head stalls is ignored after a while, and named", async () => {
    let frozen: Altered | undefined;
    const stale = await liar((block, tag) => (tag === "latest" ? (frozen ??= block) : block));
    await following([stale.url, scene.url], async (seen) => {
      await until(async () => heads(seen).length > 0, "a first head");
      await mine(10);
      const target = await head();
      await until(async () => heads(seen).at(-1) === target, "the true head");
      expect(seen.troubles.join()).toContain("rpc-lagging");
    });
    await stale.close();
  });
});
