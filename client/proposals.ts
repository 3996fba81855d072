/** Proposals of a committee's next version that wait for consents (R37). */
import type { Provider } from "ethers";
import { committeeAbi } from "./abi.ts";
import type { CommitteePage, CommitteeVersion, CommitteeView } from "./committee-view.ts";
import { knownRefusal } from "./refusals.ts";

export type Proposal = {
  readonly version: number;
  readonly proposer: string;
  /** Seats that get another operator. */
  readonly changes: readonly { readonly seat: number; readonly old: string; readonly next: string }[];
  /** Seats of the proposed version whose operators consented. */
  readonly consented: readonly number[];
};

/**
 * Of the newest versions, those that are looked at. The convener and each of at most 124 members have one open proposal each; a proposer
 * that withdraws and proposes again and again can hide older ones from this list, but not keep anybody from a consent.
 */
const newest = 256;

/** Open proposals among the newest 256 versions, oldest first. */
export async function openProposals(
  view: CommitteeView,
  { version: present, waiting, lastVersion }: Pick<CommitteePage, "version" | "waiting" | "lastVersion">,
  block: number,
): Promise<Proposal[]> {
  // The first complete version wins, and while it waits no other one takes consents.
  if (waiting !== undefined || present.effectiveFrom === undefined) return [];
  const found: Proposal[] = [];
  const first = Math.max(2, lastVersion + 1 - newest);
  for await (const page of view.versions(block, first)) {
    for (const proposed of page) {
      if (proposed.completedAt !== undefined) continue;
      if (await isOpen(view.provider, view.address, proposed, block))
        found.push(proposalOf(proposed, present));
    }
  }
  return found;
}

/** The contract itself says whether the proposal is open: only then its proposer could withdraw it. */
async function isOpen(
  provider: Provider,
  committee: string,
  { version, proposer }: CommitteeVersion,
  block: number,
): Promise<boolean> {
  const data = committeeAbi.encodeFunctionData("withdrawProposal", [version]);
  try {
    await provider.call({ to: committee, from: proposer, data, blockTag: block });
    return true;
  } catch (error) {
    if (knownRefusal(committeeAbi, `to read proposal ${version} of ${committee}`, error) !== undefined)
      return false;
    throw error;
  }
}

function proposalOf(
  { version, proposer, operators, consented }: CommitteeVersion,
  present: CommitteeVersion,
): Proposal {
  const changes = operators.flatMap((next, seat) => {
    const old = present.operators[seat] ?? "";
    return old === next ? [] : [{ seat, old, next }];
  });
  return { version, proposer, changes, consented: consented.filter((seat) => seat < operators.length) };
}
