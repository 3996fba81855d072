/** A keeper's endpoint to the simulated chain, with the faults of its seat. */
import type { Hex } from "../../protocol/hash.ts";
import type { ChainPort, Submission, SubmitResult } from "../../keeper/ports/chain.ts";
import type { Model } from "../chain/contract-model.ts";
import type { Cluster } from "../cluster.ts";
import type { Seat } from "./seat.ts";

/** A settlement that a keeper sent and no block holds yet. */
export type Transaction = {
  readonly submission: Submission;
  readonly sender: number;
  readonly resolve: (result: SubmitResult) => void;
};

/** A process of a keeper; `name` tells a second process of the same keeper apart (D9). */
type Client = { readonly seat: Seat; readonly keeper: number; readonly name: string };

/** More than any settlement pays its keepers. */
const spikeFee = 2n ** 128n;

export function chainPort(
  cluster: Cluster,
  client: Client,
  send: (transaction: Transaction) => void,
): ChainPort {
  const { seat, keeper, name } = client;
  return {
    follow: async (_groups, onUpdate, onTrouble, signal) => {
      const update = reader(cluster, client, onUpdate, onTrouble, signal);
      let queue = Promise.resolve();
      seat.feed = () => (queue = queue.then(update));
      await seat.feed();
      await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
    },
    keeperEndpoint: async (operator) => ({ operator, peerId: operator, multiaddrs: [], sequence: 1 }),
    providerEndpoint: async (operator) => ({ operator, peerId: operator, multiaddrs: [], sequence: 1 }),
    fee: async () => (cluster.gasSpike ? spikeFee : cluster.fee),
    submit: async (submission) =>
      new Promise<SubmitResult>((resolve) => {
        cluster.network.witness.send(keeper, name, submission.settlement);
        if (seat.endpoint === "down" || seat.endpoint === "wrong-chain")
          return resolve({ kind: "failed", detail: "no endpoint answers" });
        if (seat.transactions === "lost") return resolve({ kind: "failed", detail: "dropped from the pool" });
        send({ submission, sender: keeper, resolve });
      }),
  };
}

type Follow = Parameters<ChainPort["follow"]>;

/** Reads the blocks that are new since the last call, and the group if it changed. */
function reader(
  cluster: Cluster,
  { seat, keeper, name }: Client,
  onUpdate: Follow[1],
  onTrouble: Follow[2],
  signal: AbortSignal,
): () => Promise<void> {
  const { chain, network, options } = cluster;
  const { originBlock, confirmations } = options.params;
  const hashes = new Map<number, Hex>();
  let known: { head: number; group: Model | undefined } = { head: -1, group: undefined };
  return async () => {
    if (seat.endpoint === "wrong-chain") onTrouble("rpc-wrong-chain", "the endpoint is of another chain");
    if (signal.aborted || seat.endpoint === "down" || seat.endpoint === "wrong-chain") return;
    if (network.paused.has(cluster.operatorOf(keeper))) return;
    const head = Math.min(chain.head, seat.endpoint === "stale" ? seat.staleAt : Infinity);
    // R4: an endpoint that lags behind the known head takes no block back.
    if (head < known.head && seat.endpoint === "stale") return;
    const view = Math.max(originBlock, head - confirmations);
    let from = known.head;
    while (from > 0 && chain.block(from)?.hash !== hashes.get(from)) from--;
    const blocks = [];
    for (let n = from + 1; n <= head; n++) {
      const block = chain.block(n);
      if (block === undefined) continue;
      blocks.push(block);
      hashes.set(n, block.hash);
    }
    if (blocks.length === 0) return;
    const group = chain.at(view);
    const groups = group === known.group ? [] : [chain.snapshot(view)];
    known = { head, group };
    network.witness.show(name, head);
    await onUpdate({ blocks, groups });
  };
}
