/** A Hardhat node that mines a block only on request, and can remove the last ones. */
import { hexlify, randomBytes } from "ethers";
import type { JsonRpcApiProvider } from "ethers";

/** Deepest reorg. */
const keptSnapshots = 16;

export class SteppedChain {
  readonly #provider: JsonRpcApiProvider;
  readonly #snapshots: { height: number; id: string }[] = [];

  constructor(provider: JsonRpcApiProvider) {
    this.#provider = provider;
  }

  rpc(method: string, params: readonly unknown[]): Promise<unknown> {
    return this.#provider.send(method, [...params]);
  }

  async head(): Promise<number> {
    return Number(await this.rpc("eth_blockNumber", []));
  }

  async mine(): Promise<void> {
    const height = await this.head();
    const id = (await this.rpc("evm_snapshot", [])) as string;
    this.#snapshots.push({ height, id });
    if (this.#snapshots.length > keptSnapshots) this.#snapshots.shift();
    await this.rpc("evm_mine", []);
  }

  /** Mines each transaction of `work` at once, as for calls of a payer or an operator. */
  async atOnce<T>(work: () => Promise<T>): Promise<T> {
    await this.rpc("evm_setAutomine", [true]);
    try {
      return await work();
    } finally {
      await this.rpc("evm_setAutomine", [false]);
    }
  }

  /** Takes back the last `depth` blocks, without what was in them, and puts one more than as many in their place. */
  async replace(depth: number): Promise<void> {
    const head = await this.head();
    const dropped = await this.#transactions(head - depth + 1, head);
    const at = this.#snapshots.findLastIndex(({ height }) => height === head - depth);
    const snapshot = this.#snapshots[at];
    if (snapshot === undefined) throw new RangeError(`reorg: no snapshot at block ${head - depth}`);
    await this.rpc("evm_revert", [snapshot.id]);
    this.#snapshots.length = at;
    for (const tx of dropped) await this.rpc("hardhat_dropTransaction", [tx]);
    // Other blocks than before, even where they hold the same.
    await this.rpc("hardhat_setCoinbase", [hexlify(randomBytes(20))]);
    for (let i = 0; i <= depth; i++) await this.mine();
  }

  async #transactions(from: number, to: number): Promise<string[]> {
    const hashes: string[] = [];
    for (let number = from; number <= to; number++) {
      const block = await this.#provider.getBlock(number);
      hashes.push(...(block?.transactions ?? []));
    }
    return hashes;
  }
}
