/** Faults of payers and of memberships: a short escrow, changes of a group, and changes of the members. */
import type { Cluster } from "../cluster.ts";
import type { Scene, Strikes } from "./strike.ts";

type Kind =
  | "under-funded"
  | "shortage"
  | "change-data"
  | "remove-provider"
  | "change-members"
  | "handover"
  | "resign"
  | "terminate"
  | "join"
  | "move"
  | "release";

/** Newcomers take the seats of keepers in every committee; all consent in the same block (R37). */
function replaceMembers(cluster: Cluster, leaving: readonly number[], newcomers: readonly number[]): void {
  const { chain } = cluster;
  for (let i = 0; i < chain.committees; i++) {
    chain.call((draft, block) => {
      const committee = draft.committee(i);
      const members = committee.members.map((keeper) => newcomers[leaving.indexOf(keeper)] ?? keeper);
      if (members.some((keeper, seat) => keeper !== committee.members[seat]))
        committee.complete(block, members);
    });
  }
}

/** The entry lists those that leave, then as many newcomers. */
function handOver({ cluster, entry }: Scene): void {
  const half = entry.keepers.length / 2;
  replaceMembers(cluster, entry.keepers.slice(0, half), entry.keepers.slice(half));
}

export const payerStrikes: Strikes<Kind> = {
  "under-funded": ({ group, forBlocks }, { cluster, endAfter }) => {
    cluster.payers[group]?.runShort();
    endAfter(forBlocks, () => cluster.payers[group]?.hasMoney());
  },
  shortage: ({ group, forBlocks }, { cluster, endAfter }) => {
    cluster.payers[group]?.drain();
    endAfter(forBlocks, () => cluster.payers[group]?.hasMoney());
  },
  "change-data": ({ group, provider, bytes }, { cluster }) => {
    cluster.payers[group]?.changeData(provider, BigInt(bytes));
  },
  "remove-provider": ({ group, provider }, { cluster }) => {
    cluster.payers[group]?.removeProvider(provider);
  },
  "change-members": (_fault, scene) => handOver(scene),
  handover: (_fault, scene) => handOver(scene),
  resign: ({ committee }, { cluster: { chain }, entry }) => {
    const [keeper = -1] = entry.keepers;
    chain.call((draft) => draft.committee(committee).resign(keeper));
  },
  terminate: ({ group }, { cluster }) => {
    cluster.payers[group]?.terminate();
  },
  join: ({ committee }, { cluster }) => {
    cluster.join(committee);
  },
  move: ({ group, to }, { cluster }) => {
    cluster.payers[group]?.move(to);
  },
  release: ({ group }, { cluster }) => {
    cluster.payers[group]?.release();
  },
};
