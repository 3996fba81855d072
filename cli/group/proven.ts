/** The bytes that providers proved: by the last settlement, and by the records of the keepers given. */
import { joinedSlots, joinRecords, joinScope, lastSettledShares } from "../../client/proven.ts";
import type { JoinedShare, JoinedShares, SettledShare } from "../../client/proven.ts";
import type { GroupStatus } from "../../client/status.ts";
import { recordsOf } from "../keeper-api/records.ts";
import { say } from "../console/output.ts";
import { formatShare } from "../console/share.ts";
import { counted } from "../../protocol/counted.ts";

export type Proven = {
  /** Of each provider's last settled interval; 1 of 1 before the first one. */
  readonly settled: readonly SettledShare[];
  /** Undefined: no keeper is given, or none answered. */
  readonly recorded?: {
    /** Operators of the keepers that answered. */
    readonly keepers: readonly string[];
    readonly slots: { readonly late: number; readonly interval: number; readonly present: number };
    readonly providers: readonly JoinedShares[];
  };
};

/** @param urls HTTP servers of keepers */
export async function provenIn(status: GroupStatus, urls: readonly string[]): Promise<Proven> {
  const recorded = urls.length === 0 ? undefined : await recordedIn(status, urls);
  return {
    settled: lastSettledShares(status.providers, status.state.settledThrough),
    ...(recorded && { recorded }),
  };
}

async function recordedIn(status: GroupStatus, urls: readonly string[]): Promise<Proven["recorded"]> {
  const { address, state, head, committee, providers } = status;
  const scope = joinScope(committee, { settledThrough: state.settledThrough, head: head.block });
  if (scope === undefined || committee === undefined) {
    say("no committee serves this group: keepers have no records of it");
    return undefined;
  }
  const slots = joinedSlots(scope);
  const found = await recordsOf(urls, address.toLowerCase(), Math.min(slots.late, slots.interval));
  const members = new Set(committee.version.operators.map((operator) => operator.toLowerCase()));
  const keepers = [...found.keys()].filter((operator) => members.has(operator));
  for (const operator of found.keys()) {
    if (!members.has(operator))
      say(`keeper ${operator} has no seat in this committee; its records are ignored`);
  }
  if (keepers.length === 0) return undefined;
  const records = keepers.flatMap((operator) =>
    (found.get(operator) ?? []).map(({ provider: index, slot, outcome, bytes }) => {
      return { provider: index, slot, failed: outcome !== "proven", bytes };
    }),
  );
  const open = providers.filter(({ closed }) => !closed);
  const data = new Map(open.map((account) => [account.index, account.data]));
  return { keepers, slots, providers: joinRecords(records, scope, data) };
}

const countsOf = ({ whole, partial, failed }: JoinedShare): string =>
  `${whole} whole, ${partial} partial, ${failed} failed`;

/** At most two lines: bytes settled, and bytes recorded by keepers since then. */
export function provenLines(provider: number, { settled, recorded }: Proven): string[] {
  const lines: string[] = [];
  const paid = settled.find((one) => one.provider === provider);
  if (paid !== undefined) {
    lines.push(
      `  settled    ${formatShare(paid.proven, paid.committed)} proven of the last settled interval`,
    );
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
