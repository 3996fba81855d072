/**
 * R13: an answer is late if it was not verified by head = challenge block + d. Only blocks count, not the keeper's clock, so no honest
 * keeper records a challenge as late before that head. The challenge block is drawn from the seed (R9).
 */
import { slotStart } from "../../protocol/committee.ts";
import { challengeOffset } from "../../storage/core/sampling.ts";
import type { Process } from "../cluster.ts";
import type { Recorded } from "../keepers/memory-store.ts";
import { chainId } from "../chain/chain-model.ts";
import { indexOfAddress } from "../chain/snapshots.ts";
import { groupName } from "../group-names.ts";
import { liars } from "./checker.ts";
import type { Checker, Run } from "./checker.ts";
import { highestHead } from "./words.ts";

/** The last head at which an answer to this challenge counts if the keeper sent it at the first block that its seed allows. */
function deadline({ cluster }: Run, keeper: number, { committee, record }: Recorded): number {
  const params = cluster.chain.paramsOf(indexOfAddress(committee));
  const { provider, slot, blockHash } = record;
  const operator = cluster.chain.setup.operatorOfProvider(provider);
  const scope = { chainId, committee, operator, slot, blockHash };
  const seed = cluster.signatures.keyring(keeper).signSeed(scope);
  return slotStart(params, slot) + challengeOffset(seed, params) + params.answer;
}

function tooEarly(run: Run, { keeper, seat }: Process): string[] {
  const started_ms = seat.starts[0]?.at_ms ?? Infinity;
  const late = seat.store.recorded.filter(
    ({ record: { outcome } }) => outcome.kind === "failed" && outcome.reason === "late",
  );
  return late.flatMap((recorded) => {
    const { record, at_ms } = recorded;
    const { group, provider, slot } = record;
    if (at_ms < started_ms) return [];
    const [head, last] = [highestHead(run.cluster, at_ms), deadline(run, keeper, recorded)];
    if (head > last) return [];
    return [
      `keeper ${keeper} recorded provider ${provider} of ${groupName(run.cluster.chain, indexOfAddress(recorded.committee), group)} as late in slot ${slot} at head ${head}, expected after ${last}`,
    ];
  });
}

export const late: Checker = {
  name: "R13",
  check(run) {
    const lying = liars(run);
    return run.cluster.processes
      .filter(({ keeper }) => !lying.has(keeper))
      .flatMap((process) => tooEarly(run, process).slice(0, 1))
      .map((text) => ({ checker: "R13", block: run.cluster.chain.head, text }));
  },
};
