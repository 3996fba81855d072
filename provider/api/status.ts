/** The status document, for the dashboard and scripts. */
import type { HeadLook } from "../../daemon/chain/pace.ts";
import type { ReadyDocument } from "../../daemon/http/schemas.ts";
import type { Hex } from "../../protocol/hash.ts";
import type { VolumeLook } from "../../storage/disk/volumes/volume-set.ts";
import type { GroupStanding } from "../chain-reads.ts";
import type { JournalTotals } from "../journal.ts";
import type { Books } from "../money/books.ts";
import type { MoneyFollower } from "../money/follow.ts";
import { noShare } from "../recent-challenges.ts";
import type { RecentChallenges, Share } from "../recent-challenges.ts";
import type { ScrubState } from "../scrub-state.ts";
import { moneyDocument, shareDocument } from "./documents.ts";
import type { GroupDocument, ProviderStatus } from "./schemas.ts";

export type StatusSource = {
  readonly operator: Hex;
  readonly peerId: () => string;
  readonly startedAt_ms: number;
  readonly look: () => HeadLook;
  /** Mean time of a block in seconds; undefined before two blocks are known. */
  readonly block_s: () => number | undefined;
  readonly problems: () => readonly string[];
  /** By group, why its contract cannot be read; undefined: it can. */
  readonly faultOf: (group: Hex) => string | undefined;
  readonly groups: () => Iterable<Hex>;
  /** The last state that was read. */
  readonly standingOf: (group: Hex) => GroupStanding | undefined;
  readonly stored: () => { readonly volumes: readonly VolumeLook[]; readonly scrub: ScrubState | undefined };
  readonly waitingBytes: () => number;
  readonly offers: () => boolean;
  readonly totals: () => JournalTotals;
  readonly challenges: RecentChallenges;
  readonly books: Books;
  readonly money: Pick<MoneyFollower, "of">;
};

/** Reasons why the provider cannot do its work now; empty: it can. */
function problemsOf(source: StatusSource): string[] {
  const { block, isOld } = source.look();
  const none = "no block has been received yet; check the RPC endpoints";
  return [...(block === undefined && !isOld ? [none] : []), ...source.problems()];
}

export function readinessOf(source: StatusSource): ReadyDocument {
  const problems = problemsOf(source);
  const { age_s: headAge_s, limit_s: headAgeLimit_s } = source.look();
  return { ready: problems.length === 0, problems, headAge_s, headAgeLimit_s };
}

function scrubOf(scrub: ScrubState | undefined): ProviderStatus["scrub"] {
  if (scrub === undefined) return null;
  const { begunAt_ms, readBytes, totalBytes, damaged, last } = scrub;
  return { begunAt_ms, readBytes, totalBytes, endedAt_ms: last?.endedAt_ms ?? null, damaged: [...damaged] };
}

function groupOf(source: StatusSource, group: Hex, late: Share, head: number): GroupDocument {
  const { services = [], own } = source.standingOf(group) ?? {};
  const present = services.findLast(({ from }) => from <= head) ?? services[0];
  const next = services.find((one) => one !== present && one.from > head);
  const money = source.money.of(group);
  const committed = own?.data.findLast(({ from }) => from <= head)?.bytes ?? 0n;
  const bookedThrough = source.books.of(group)?.through;
  return {
    group,
    payer: money?.payer ?? null,
    committee: present?.committee ?? null,
    next: next === undefined ? null : { committee: next.committee, from: next.from },
    provider: own?.provider ?? null,
    committedBytes: String(committed),
    leavesAt: own?.leavesAt ?? null,
    ends: money?.ends ?? false,
    fault: source.faultOf(group) ?? null,
    late: shareDocument(late),
    money:
      money === undefined ? null : moneyDocument(money, { head, block_s: source.block_s(), bookedThrough }),
  };
}

export async function statusOf(source: StatusSource): Promise<ProviderStatus> {
  const { volumes, scrub } = source.stored();
  const look = source.look();
  const late = source.challenges.late();
  const sum = (name: "pieces" | "storedBytes" | "freeBytes"): number =>
    volumes.reduce((all, volume) => all + volume[name], 0);
  const groups = [...source.groups()].sort();
  return {
    operator: source.operator,
    peerId: source.peerId(),
    startedAt_ms: Math.round(source.startedAt_ms),
    ...readinessOf(source),
    head: look.block ?? null,
    chainStopped: look.isOld,
    block_s: source.block_s() ?? null,
    stored: { pieces: sum("pieces"), bytes: sum("storedBytes"), freeBytes: sum("freeBytes") },
    volumes: volumes.map(({ reason, ...volume }) => ({ ...volume, reason: reason ?? null })),
    scrub: scrubOf(scrub),
    waitingBytes: source.waitingBytes(),
    offers: source.offers(),
    totals: source.totals(),
    groups: groups.map((group) => groupOf(source, group, late.get(group) ?? noShare, look.block ?? 0)),
  };
}
