/**
 * R13: an honest keeper has one record of a provider's slot while the slot's first block stays the same. A proven record has the
 * receipt that this provider gave this keeper for that slot and those bytes, and was verified by head = challenge block + d.
 */
import { slotStart } from "../../protocol/committee.ts";
import { chainId } from "../chain/chain-model.ts";
import { addressOfGroup, indexOfAddress } from "../chain/snapshots.ts";
import type { Hex } from "../../protocol/hash.ts";
import { challengeOffset } from "../../storage/core/sampling.ts";
import type { SeedScope } from "../../protocol/codec/seed.ts";
import type { Cluster, Process } from "../cluster.ts";
import { wasThere } from "../keepers/memory-store.ts";
import type { Recorded } from "../keepers/memory-store.ts";
import { groupName } from "../group-names.ts";
import { liars } from "./checker.ts";
import type { Checker, Run } from "./checker.ts";
import { earlierRecords } from "./disk.ts";
import { headOf, lifeAt, shownAt_ms } from "./hearing.ts";
import { reorgedAt_ms } from "./words.ts";

/** Time of a disk write, in which the process may receive a head that its last step did not know. */
const writing_ms = 50;

type Proven = Recorded["record"] & { readonly outcome: { readonly kind: "proven" } };

/** The reason why the receipt of a proven record is wrong; undefined: it is right. */
function receiptFault(
  { cluster }: Run,
  keeper: number,
  committee: Hex,
  { group, provider, slot, outcome }: Proven,
): string | undefined {
  const issued = cluster.issued.find(outcome.receiptHash, slot);
  if (issued === undefined) return "a receipt that was never given";
  const world = cluster.chain.committeeAt(indexOfAddress(committee)).membership(group)?.group ?? -1;
  const own = issued.keeper === cluster.operatorOf(keeper) && issued.group === addressOfGroup(world);
  if (own && issued.provider === provider && issued.slot === slot && issued.bytes === outcome.bytes)
    return undefined;
  return `a receipt of provider ${issued.provider} to ${issued.keeper} for slot ${issued.slot}, ${issued.bytes} bytes`;
}

const lastDrawn = new WeakMap<Cluster, { readonly key: string; readonly offset: number }>();

/** The drawn block after the slot's start. A provider's records of many groups follow each other, so the last one is kept. */
function offsetOf(cluster: Cluster, keeper: number, scope: SeedScope): number {
  const { committee, operator, slot, blockHash } = scope;
  const key = `${keeper}/${committee}/${operator}/${slot}/${blockHash}`;
  const known = lastDrawn.get(cluster);
  if (known?.key === key) return known.offset;
  const seed = cluster.signatures.keyring(keeper).signSeed(scope);
  const offset = challengeOffset(seed, cluster.chain.paramsOf(indexOfAddress(committee)));
  lastDrawn.set(cluster, { key, offset });
  return offset;
}

/** The last head at which the answer counts: the keeper sends the challenge at the first head from the drawn block on (R8). */
function lastHead(
  { cluster }: Run,
  { keeper, name }: Process,
  committee: Hex,
  record: Proven,
  at_ms: number,
): number {
  const params = cluster.chain.paramsOf(indexOfAddress(committee));
  const { provider, slot, blockHash } = record;
  const operator = cluster.chain.setup.operatorOfProvider(provider);
  const offset = offsetOf(cluster, keeper, { chainId, committee, operator, slot, blockHash });
  const drawn = slotStart(params, slot) + offset;
  const asked_ms = shownAt_ms(cluster, name, drawn, lifeAt(cluster, name, at_ms).from_ms);
  return headOf(cluster, name, asked_ms) + params.answer;
}

function faultOf(
  run: Run,
  process: Process,
  { committee, record, at_ms }: Recorded,
  headAt: (at_ms: number) => number,
): string | undefined {
  const { cluster } = run;
  if (record.outcome.kind !== "proven") return undefined;
  const proven = record as Proven;
  const fault = receiptFault(run, process.keeper, committee, proven);
  if (fault !== undefined) return fault;
  const params = cluster.chain.paramsOf(indexOfAddress(committee));
  const start = slotStart(params, record.slot);
  const head = headAt(at_ms);
  // In time even for the earliest block that can be drawn, as most answers are.
  if (head <= start + params.confirmations + params.answer) return undefined;
  if (reorgedAt_ms(run, start - 64, start + params.slot).length > 0) return undefined;
  const last = lastHead(run, process, committee, proven, at_ms);
  return head > last ? `an answer verified at head ${head}, expected by ${last}` : undefined;
}

/** The head at which a record was verified that is on the disk at `at_ms`: not one of the life before. */
function headBefore(cluster: Cluster, process: string, at_ms: number): number {
  const verified_ms = at_ms - writing_ms;
  const { from_ms } = lifeAt(cluster, process, at_ms);
  return headOf(cluster, process, verified_ms > from_ms ? verified_ms : at_ms);
}

function faultsAt(run: Run, process: Process): string[] {
  const { keeper, seat } = process;
  const started_ms = seat.starts[0]?.at_ms ?? Infinity;
  const faults: string[] = [];
  const earlier = earlierRecords(seat.store);
  // One write holds the records of many groups.
  let last = { at_ms: -Infinity, head: -1 };
  const headAt = (at_ms: number): number => {
    if (last.at_ms !== at_ms) last = { at_ms, head: headBefore(run.cluster, process.name, at_ms) };
    return last.head;
  };
  for (const one of seat.store.recorded) {
    if (one.at_ms < started_ms) continue;
    const fault = isSecond(earlier, one) ? "a second time" : faultOf(run, process, one, headAt);
    if (fault === undefined) continue;
    const { group, provider, slot } = one.record;
    const name = groupName(run.cluster.chain, indexOfAddress(one.committee), group);
    faults.push(`keeper ${keeper} recorded provider ${provider} of ${name} in slot ${slot}: ${fault}`);
  }
  return faults;
}

/** Whether the disk held a record of the same slot and block already. */
function isSecond(earlier: ReadonlyMap<Recorded, Recorded>, one: Recorded): boolean {
  let before = earlier.get(one);
  while (before !== undefined && before.record.blockHash !== one.record.blockHash)
    before = earlier.get(before);
  return before !== undefined && wasThere(before, one.at_ms);
}

export const recorded: Checker = {
  name: "R13",
  check(run) {
    const lying = liars(run);
    return run.cluster.processes
      .filter(({ keeper }) => !lying.has(keeper))
      .flatMap((process) => faultsAt(run, process).slice(0, 1))
      .map((text) => ({ checker: "R13", block: run.cluster.chain.head, text }));
  },
};
