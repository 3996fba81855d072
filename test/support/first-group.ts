/** The first group of a simulated world and its committee, for tests of worlds with one group. */
import type { Certificate, CertifiedItem } from "../../protocol/certificate.ts";
import type { GroupModel } from "../../sim/chain/group-model.ts";
import type { Hex } from "../../protocol/hash.ts";
import type { Cluster } from "../../sim/cluster.ts";

/** A settled interval with its certificate. */
export type FirstSettled = {
  readonly settlement: Certificate & { readonly items: readonly CertifiedItem[] };
  readonly signers: bigint;
  readonly sender: Hex;
  readonly block: number;
  readonly before: GroupModel;
  readonly after: GroupModel;
};

export function settledOf({ chain }: Cluster): FirstSettled[] {
  return chain.settled
    .filter(({ group }) => group === 0)
    .map(({ committee, certificate, items, sender, block, before, after }) => {
      const certified = chain.certifiedOf(committee).find((one) => one.certificate.ts === certificate.ts);
      const settlement = { ...certificate, items };
      return { settlement, signers: certified?.signers ?? 0n, sender, block, before, after };
    });
}

/** Byte·blocks that a provider of the first group committed over [ts, te), as the chain stands now. */
export function committedOf({ chain }: Cluster, provider: number, ts: number, te: number): bigint {
  const group = chain.groupAt(0);
  const one = group.providers[provider];
  return one === undefined ? 0n : group.committed(one, ts, te);
}

/** The block through which the first committee has certified. */
export function tsOf({ chain }: Cluster): number {
  return chain.tsAt(0, chain.head);
}

/** Operators and seed of the first committee's members in force. */
export function membersOf({ chain }: Cluster): { readonly operators: Hex[]; readonly seed: Hex } {
  const { active } = chain.committeeAt(0);
  return {
    operators: chain.membersOf(0, active).map(({ operator }) => operator),
    seed: chain.seedOf(0, active),
  };
}
