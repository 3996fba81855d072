/** A provider's books of payments follow a reorg: a payment of a block that is gone is in no sum. */
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { RpcPool } from "../../daemon/chain/rpc.ts";
import { ChainReads } from "../../provider/chain-reads.ts";
import { Books } from "../../provider/money/books.ts";
import { MoneyFollower } from "../../provider/money/follow.ts";
import { sharedFolder } from "../support/files.ts";
import { providerScene, type Stored } from "../support/provider-scene.ts";

it("takes a settlement back that a reorg removes, also after a restart", async () => {
  const { folder, remove } = await sharedFolder();
  const scene = await providerScene(folder, [[4_000_000]]);
  const { chain, committee, stored, keys } = scene;
  const { chain: node } = chain.world;
  const [{ group }] = stored as [Stored];
  const pool = new RpcPool({ chainId: chain.chainId, urls: [chain.endpoint.url] }, () => performance.now());
  const books = await Books.open(join(folder, "books"), (text) => {
    throw new Error(text);
  });
  onTestFinished(async () => {
    await books.close();
    pool.close();
    await scene.close();
    await remove();
  });
  const reads = new ChainReads((method, params) => pool.send(method, params));
  const source = {
    operator: keys.operatorAddress,
    groups: new Set([group.address]),
    head: () => node.block(),
    standing: async () => reads.standing(group.address, keys.operatorAddress, await node.block()),
  };

  /** Runs a follower of its own until the books hold the head; a failed read ends the test. */
  async function earnedNow(): Promise<{ payments: number; earned: bigint }> {
    const options = { chainId: chain.chainId, rpc: [chain.endpoint.url], lens: chain.lens };
    let fault = "";
    const follower = new MoneyFollower(options, source, books, { warn: (_, text) => void (fault = text) });
    const end = new AbortController();
    const running = follower.run(end.signal);
    const head = await node.block();
    await expect.poll(() => `${fault}${books.of(group.address)?.through}`).toBe(String(head));
    end.abort();
    await running;
    const book = books.of(group.address);
    const settled = (book?.payments ?? []).filter(({ kind }) => kind === "settled");
    const earned = [...(book?.months.values() ?? [])].reduce((sum, month) => sum + month.earned, 0n);
    return { payments: settled.length, earned };
  }

  const before = await node.rpc("evm_snapshot");
  await chain.certify(committee, [group]);
  const certified = await node.block();
  expect(await earnedNow()).toMatchObject({ payments: 1 });
  await node.rpc("evm_revert", [before]);
  await chain.mineTo(certified + 3);
  expect(await earnedNow()).toEqual({ payments: 0, earned: 0n });
});
