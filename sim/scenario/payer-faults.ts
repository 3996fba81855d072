/** Faults of a payer: it lets the escrow run short, or changes the group. */
import type { Strikes } from "./strike.ts";

type Kind = "under-funded" | "change-data" | "remove-provider" | "change-members" | "terminate";

export const payerStrikes: Strikes<Kind> = {
  "under-funded": ({ forBlocks }, { cluster: { payer }, endAfter }) => {
    payer.runShort();
    endAfter(forBlocks, () => payer.hasMoney());
  },
  "change-data": ({ provider, bytes }, { cluster }) => {
    cluster.payer.changeData(provider, BigInt(bytes));
  },
  "remove-provider": ({ provider }, { cluster }) => {
    cluster.payer.changeData(provider, 0n);
  },
  "change-members": (_fault, { cluster: { payer, chain }, entry }) => {
    const [keeper = -1, newcomer = -1] = entry.keepers;
    const seat = chain.at(chain.head).committee.members.indexOf(keeper);
    if (seat >= 0) payer.replaceKeeper(seat, newcomer);
  },
  terminate: (_fault, { cluster }) => {
    cluster.payer.terminate();
  },
};
