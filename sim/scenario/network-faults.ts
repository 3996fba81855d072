/** Faults of the network and of the chain, which hit all keepers. */
import type { NetworkOptions } from "../network/network.ts";
import type { Cut } from "./in-force.ts";
import type { Scene, Strikes } from "./strike.ts";

function change(conditions: Partial<NetworkOptions>, forBlocks: number, scene: Scene): void {
  scene.endAfter(forBlocks, scene.inForce.change(conditions));
}

function cut(cuts: Cut, untilBlock: number, scene: Scene): void {
  const restore = scene.inForce.cut(cuts);
  scene.endAfter(Math.max(1, untilBlock - scene.cluster.chain.head), restore);
}

type Kind = "partition" | "one-way" | "loss" | "delay" | "duplicate" | "gas-spike" | "reorg";

export const networkStrikes: Strikes<Kind> = {
  partition: ({ groups, untilBlock }, scene) => {
    const side = (keeper: number): number => groups.findIndex((group) => group.includes(keeper));
    cut((a, b) => side(a) !== side(b), untilBlock, scene);
  },
  "one-way": ({ from, to, untilBlock }, scene) =>
    cut((a, b) => from.includes(a) && to.includes(b), untilBlock, scene),
  loss: ({ share, forBlocks }, scene) => change({ loss: share }, forBlocks, scene),
  delay: ({ delayMs, forBlocks }, scene) => change({ delayMs }, forBlocks, scene),
  duplicate: ({ share, forBlocks }, scene) => change({ duplicate: share }, forBlocks, scene),
  "gas-spike": ({ forBlocks }, { cluster, endAfter }) => {
    cluster.gasSpike = true;
    endAfter(forBlocks, () => (cluster.gasSpike = false));
  },
  reorg: ({ depth }, { cluster, endAfter }) => {
    const { chain } = cluster;
    const { originBlock } = chain.paramsOf(chain.committees - 1);
    chain.reorg(Math.min(depth, chain.head - originBlock));
    endAfter(1, () => undefined);
  },
};
