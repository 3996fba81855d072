/** The bytes that providers proved: by the last settlement, and by the records of the keepers given. */
import type { JsonRpcProvider } from "ethers";
import { GroupView, type DataCheckpoint } from "../../client/group-view.ts";
import { joinedSlots, joinRecords, lastSettledShares } from "../../client/proven.ts";
import type { JoinedShare, JoinedShares, JoinScope, SettledShares } from "../../client/proven.ts";
import type { GroupStatus } from "../../client/status.ts";
import { recordsOf } from "../keeper-api/records.ts";
import { say } from "../console/output.ts";
import { formatShare } from "../console/share.ts";
import { counted } from "../../protocol/counted.ts";

export type Proven = {
  /** Undefined: nothing is settled yet. */
  readonly settled?: SettledShares;
  /** Undefined: no keeper is given, or none answered. */
  readonly recorded?: {
    /** Operators of the keepers that answered. */
    readonly keepers: readonly string[];
    readonly slots: { readonly late: number; readonly interval: number; readonly present: number };
    readonly providers: readonly JoinedShares[];
  };
};

/** @param urls HTTP servers of keepers */
export async function provenIn(
  provider: JsonRpcProvider,
  status: GroupStatus,
  urls: readonly string[],
): Promise<Proven> {
  const settled = await settledIn(provider, status.group);
  const recorded = urls.length === 0 ? undefined : await recordedIn(provider, status, urls);
  return { ...(settled && { settled }), ...(recorded && { recorded }) };
}

/** Reports an endpoint without old events instead of failing the whole status. */
async function settledIn(provider: JsonRpcProvider, group: string): Promise<SettledShares | undefined> {
  try {
    return await lastSettledShares(provider, group);
  } catch (error) {
    say(`cannot read the bytes proven in the last settlement: ${(error as Error).message}`);
    return undefined;
  }
}

async function recordedIn(
  provider: JsonRpcProvider,
  { group, parameters, state, head, committee, providers }: GroupStatus,
  urls: readonly string[],
): Promise<Proven["recorded"]> {
  const scope: JoinScope = { parameters, settledThrough: state.settledThrough, head: head.block };
  const slots = joinedSlots(scope);
  const found = await recordsOf(urls, group.toLowerCase(), Math.min(slots.late, slots.interval));
  const members = new Set(committee.operators.map((operator) => operator.toLowerCase()));
  const keepers = [...found.keys()].filter((operator) => members.has(operator));
  for (const operator of found.keys()) {
    if (!members.has(operator)) say(`keeper ${operator} has no seat in this group; its records are ignored`);
  }
  if (keepers.length === 0) return undefined;
  const records = keepers.flatMap((operator) =>
    (found.get(operator) ?? []).map(({ provider: index, slot, outcome, bytes }) => {
      return { provider: index, slot, failed: outcome !== "proven", bytes };
    }),
  );
  const view = new GroupView(provider, group);
  const open = providers.filter(({ closed }) => !closed);
  const histories = await Promise.all(
    open.map(async ({ index }): Promise<[number, DataCheckpoint[]]> => [
      index,
      await view.dataHistory(index),
    ]),
  );
  return { keepers, slots, providers: joinRecords(records, scope, new Map(histories)) };
}

const countsOf = ({ whole, partial, failed }: JoinedShare): string =>
  `${whole} whole, ${partial} partial, ${failed} failed`;

/** At most two lines: bytes settled, and bytes recorded by keepers since then. */
export function provenLines(provider: number, { settled, recorded }: Proven): string[] {
  const lines: string[] = [];
  const paid = settled?.providers.find((one) => one.provider === provider);
  if (settled !== undefined && paid !== undefined) {
    const share = formatShare(paid.proven, paid.committed);
    lines.push(`  settled    ${share} proven, blocks ${settled.ts} to ${settled.te - 1}`);
  }
  const own = recorded?.providers.find((one) => one.provider === provider);
  if (recorded !== undefined && own !== undefined) {
    const { keepers, slots } = recorded;
    const { late, interval } = own;
    const [of, since] = [late, interval].map((one) => formatShare(one.bytesProven, one.bytesCommitted));
    lines.push(
      `  recorded   ${of} proven in slots ${slots.late} to ${slots.present} (${countsOf(late)}), ${since} in the open interval (${countsOf(interval)}), by ${counted(keepers.length, "keeper")}`,
    );
  }
  return lines;
}
