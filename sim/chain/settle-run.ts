/** R25, R29: settles the groups that a transaction hands in, each by itself. */
import { bitIndices } from "../../protocol/bitmap.ts";
import { CertificateTree, rootOfRange } from "../../protocol/certificate.ts";
import type { Hex } from "../../protocol/hash.ts";
import type { HandingIn } from "../../keeper/ports/chain.ts";
import type { Draft, RefusedGroup, Settled } from "./chain-model.ts";
import type { GroupModel } from "./group-model.ts";
import { Refusal, refuse } from "./rules.ts";

/** @param operators members of the version that signed */
export function settleRun(
  draft: Draft,
  committee: number,
  operators: readonly Hex[],
  out: {
    readonly submission: HandingIn;
    readonly sender: Hex;
    readonly block: number;
    readonly settled: Settled[];
    readonly wrong: RefusedGroup[];
  },
): void {
  const { submission, sender, block, settled, wrong } = out;
  const { certificate, run, groups } = submission;
  if (run.length === 0) return;
  const handed = groups.slice(run.first, run.first + run.length);
  const proof = new CertificateTree(groups).rangeProof(run.first, run.length);
  if (rootOfRange(handed, run.first, certificate.count, proof) !== certificate.groups)
    refuse("Committee_BadGroupProof");
  const by = operators.indexOf(sender);
  const { rhythm, memberships } = draft.committee(committee);
  const late = block >= certificate.te + Math.ceil((2 * rhythm.turn) / 3);
  const failed = bitIndices(certificate.failed);
  const instead = late && by >= 0 && by !== certificate.leader && !failed.includes(by) ? by : -1;
  for (const { number, items } of handed) {
    const membership = memberships.find((one) => one.number === number);
    if (membership === undefined) refuse("Committee_NoSuchGroup");
    const { group } = membership;
    const from = Math.max(certificate.ts, membership.entered);
    const to = membership.left === 0 ? certificate.te : Math.min(certificate.te, membership.left);
    const before = draft.state.groups[group] as GroupModel;
    try {
      draft.group(group).settle(block, {
        from,
        to,
        service: { committee, number },
        version: certificate.version,
        n: operators.length,
        failed,
        payees: bitIndices(certificate.payees),
        leader: certificate.leader,
        instead,
        items: [...items],
      });
      const after = draft.group(group);
      settled.push({
        committee,
        group,
        number,
        certificate,
        items,
        from,
        to,
        sender,
        block,
        before,
        after,
      });
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      draft.restore(group, before);
      wrong.push({ group, block, error: error.message });
    }
  }
}
