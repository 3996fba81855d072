/**
 * R13, R14, R18: an honest keeper commits to the records on its disk: one leaf for each slot, from records of canonical blocks only;
 * a slot without a record carries the bytes before it, capped by the committed bytes; the value is the sum.
 */
import type { Hex } from "../../protocol/hash.ts";
import { RecordScope, recordTree } from "../../protocol/records.ts";
import type { Process } from "../cluster.ts";
import { indexOfAddress } from "../chain/snapshots.ts";
import { groupName } from "../group-names.ts";
import { liars } from "./checker.ts";
import type { Checker, Run } from "./checker.ts";
import { leavesOfScope, spaceTimeOf } from "./disk.ts";
import { scopeThen } from "./scope.ts";
import { highestHead, reorgedAt_ms } from "./words.ts";

type Own = Process["seat"]["store"]["integrated"][number];

/** Blocks within which every keeper with a working endpoint knows of a reorg. */
const reorgKnownWithin = 3;

/** Whether the keeper may not have known the canonical blocks when it committed. */
function uncertain(run: Run, keeper: number, { te, at_ms }: Own): boolean {
  const { cluster, fired } = run;
  const { originBlock } = cluster.options.params;
  const reorgs = reorgedAt_ms(run, originBlock, te).filter((when_ms) => when_ms <= at_ms);
  const last_ms = Math.max(...reorgs);
  if (reorgs.length === 0) return false;
  if (at_ms - last_ms < reorgKnownWithin * cluster.options.blockMs[1]) return true;
  const from = highestHead(cluster, last_ms) - 64;
  return fired.some(({ fault, keepers, until }) => {
    const blind = fault.kind === "pause" || fault.kind.startsWith("rpc-");
    return blind && keepers.includes(keeper) && (until === undefined || until >= from);
  });
}

/** A reorg deeper than the confirmations may have moved a call behind te, after the keeper had read the scope. */
function scopeMayDiffer({ cluster, fired }: Run, { te, at_ms }: Own): boolean {
  return fired.some(
    ({ fault, block }) =>
      fault.kind === "reorg" &&
      fault.depth > cluster.options.params.confirmations &&
      block - fault.depth <= te &&
      (cluster.minedAt_ms[block] ?? Infinity) > at_ms,
  );
}

function faultOf(run: Run, { keeper, seat }: Process, own: Own): string | undefined {
  const { ts, te, values, recordsRoot, at_ms } = own;
  const committee = indexOfAddress(own.committee);
  const names = scopeThen(run, committee, ts, te);
  const given = (before: "capped" | "uncapped"): { wrong: number; sums: bigint[]; root: Hex } => {
    const leaves = leavesOfScope(run, seat.store, { committee, ts, te, at_ms, before }, names);
    const sums = leaves.map(spaceTimeOf);
    const flat = leaves.flat().map(({ leaf }) => leaf);
    const shape = leaves.map((one, i) => {
      const { group, provider } = names[i] as (typeof names)[number];
      const fromSlot = one[0]?.slot ?? 0;
      return { group, provider, fromSlot, toSlot: fromSlot + one.length };
    });
    const { root } = recordTree(new RecordScope(shape), flat);
    const wrong = names.findIndex(({ group, provider }, i) => {
      const value = values[i];
      return value?.group !== group || value.provider !== provider || value.value !== sums[i];
    });
    return { wrong: values.length === names.length ? wrong : 0, sums, root };
  };
  const fits = ({ wrong, root }: ReturnType<typeof given>): boolean => wrong < 0 && root === recordsRoot;
  const capped = given("capped");
  if (fits(capped) || fits(given("uncapped"))) return undefined;
  const { wrong, sums } = capped;
  if (wrong < 0)
    return `keeper ${keeper} committed to other records of [${ts}, ${te}) than those on its disk`;
  const about = values[wrong];
  return (
    `keeper ${keeper} committed to ${about?.value} for ${groupName(run.cluster.chain, committee, about?.group ?? 0)}, provider ${about?.provider} over [${ts}, ${te}), ` +
    `its records give ${sums[wrong]}`
  );
}

export const ownRecords: Checker = {
  name: "R14",
  check(run) {
    const lying = liars(run);
    return run.cluster.processes.flatMap((process) => {
      const { keeper, seat } = process;
      const started_ms = seat.starts[0]?.at_ms ?? Infinity;
      return seat.store.integrated.flatMap((own) => {
        // The other process wrote what a copied disk held at its start.
        if (lying.has(keeper) || own.at_ms < started_ms || uncertain(run, keeper, own)) return [];
        if (scopeMayDiffer(run, own)) return [];
        const text = faultOf(run, process, own);
        return text === undefined ? [] : [{ checker: "R14", block: own.te, text }];
      });
    });
  },
};
