/** R14, R17, R38: who is in scope of a turn, and what is committed there, from the models and without the core's code. */
import type { GroupModel } from "../chain/group-model.ts";
import type { Run } from "./checker.ts";

/** One provider of one group in the scope of [ts, te). */
export type InScope = {
  /** Number of the group in the committee, and its index in the world. */
  readonly group: number;
  readonly world: number;
  readonly provider: number;
  /** The blocks of the membership in the interval. */
  readonly from: number;
  readonly to: number;
  /** Slots with bytes committed in their first block in scope, with that number of bytes and the blocks that count. */
  readonly slots: readonly { readonly slot: number; readonly bytes: bigint; readonly blocks: number }[];
};

const known = new WeakMap<Run, Map<string, readonly InScope[]>>();

/** In the order of (group number, provider), as the chain stood after block te. */
export function scopeThen(run: Run, committee: number, ts: number, te: number): readonly InScope[] {
  const all = known.get(run) ?? new Map<string, readonly InScope[]>();
  known.set(run, all);
  const { chain } = run.cluster;
  const key = `${committee}/${ts}/${te}/${chain.block(Math.min(te, chain.head))?.hash}`;
  const scope = all.get(key) ?? collect(run, committee, ts, te);
  if (te <= chain.head) all.set(key, scope);
  return scope;
}

function collect({ cluster }: Run, committee: number, ts: number, te: number): InScope[] {
  const { chain } = cluster;
  const { committees, groups } = chain.at(te);
  const found: InScope[] = [];
  for (const { number, group: world, entered, left } of committees[committee]?.memberships ?? []) {
    const group = groups[world] as GroupModel;
    const [from, to] = [Math.max(ts, entered), left === 0 ? te : Math.min(te, left)];
    if (from >= to || group.settledThrough >= to) continue;
    group.providers.forEach((_, provider) => {
      const slots = slotsOf(chain.paramsOf(committee), group, provider, { ts, from, to });
      if (slots.length > 0) found.push({ group: number, world, provider, from, to, slots });
    });
  }
  return found;
}

function slotsOf(
  { originBlock, slot: length }: Run["cluster"]["options"]["params"],
  group: GroupModel,
  provider: number,
  { ts, from, to }: { readonly ts: number; readonly from: number; readonly to: number },
): InScope["slots"] {
  const one = group.providers[provider] as GroupModel["providers"][number];
  const slots = [];
  for (let start = ts; start < to; start += length) {
    if (start + length <= from) continue;
    const first = Math.max(start, from);
    const bytes = group.bytesAt(one, first);
    const blocks = Math.min(to, start + length) - first;
    if (bytes > 0n) slots.push({ slot: (start - originBlock) / length, bytes, blocks });
  }
  return slots;
}
