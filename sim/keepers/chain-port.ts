/** A keeper's endpoint to the simulated chain, with the faults of its seat. */
import type { Hex } from "../../protocol/hash.ts";
import type { ChainPort, HandingIn, SubmitResult } from "../../keeper/ports/chain.ts";
import type { CommitteeSnapshot } from "../../protocol/committee.ts";
import { memberIndex } from "../../protocol/committee.ts";
import type { Cluster } from "../cluster.ts";
import type { Seat } from "./seat.ts";

/** A transaction that a keeper sent and no block holds yet. */
export type Transaction = {
  readonly submission: HandingIn;
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
    follow: async (_operator, onUpdate, onTrouble, signal) => {
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
        if (submission.kind === "consent")
          return resolve({ kind: "failed", detail: "proposals are made by the world, not by keepers" });
        cluster.network.witness.send(keeper, name, submission);
        if (seat.endpoint === "down" || seat.endpoint === "wrong-chain")
          return resolve({ kind: "failed", detail: "no endpoint answers" });
        if (seat.transactions === "lost") return resolve({ kind: "failed", detail: "dropped from the pool" });
        send({ submission, sender: keeper, resolve });
      }),
  };
}

type Follow = Parameters<ChainPort["follow"]>;

/** Reads the blocks that are new since the last call, and the committees that changed. */
function reader(
  cluster: Cluster,
  { seat, keeper, name }: Client,
  onUpdate: Follow[1],
  onTrouble: Follow[2],
  signal: AbortSignal,
): () => Promise<void> {
  const { chain, network, options } = cluster;
  const { confirmations } = options.params;
  const { originBlock } = chain.paramsOf(chain.committees - 1);
  const hashes = new Map<number, Hex>();
  const shown = new Map<number, CommitteeSnapshot>();
  let known = -1;
  const me = cluster.operatorOf(keeper);
  return async () => {
    if (seat.endpoint === "wrong-chain") onTrouble("rpc-wrong-chain", "the endpoint is of another chain");
    if (signal.aborted || seat.endpoint === "down" || seat.endpoint === "wrong-chain") return;
    if (network.paused.has(me)) return;
    const head = Math.min(chain.head, seat.endpoint === "stale" ? seat.staleAt : Infinity);
    // R4: an endpoint that lags behind the known head takes no block back.
    if (head < known && seat.endpoint === "stale") return;
    const view = Math.max(originBlock, head - confirmations);
    let from = known;
    while (from > 0 && chain.block(from)?.hash !== hashes.get(from)) from--;
    const blocks = [];
    for (let n = from + 1; n <= head; n++) {
      const block = chain.block(n);
      if (block === undefined) continue;
      blocks.push(block);
      hashes.set(n, block.hash);
    }
    if (blocks.length === 0) return;
    const committees = [];
    for (let i = 0; i < chain.committees; i++) {
      const snapshot = chain.snapshot(i, view);
      const { version, next } = snapshot;
      const seated = memberIndex(version, me) >= 0 || (next !== undefined && memberIndex(next, me) >= 0);
      // R39: a committee appears with the seat; who loses the seat is shown that.
      if (snapshot === shown.get(i) || (!seated && !shown.has(i))) continue;
      shown.set(i, snapshot);
      committees.push(snapshot);
    }
    known = head;
    network.witness.show(name, head);
    await onUpdate({ blocks, committees });
  };
}
