/** What the providers of a group committed to store and proved, and who paid for it, over all its time: from its events alone (R33–R35). */
import type { Provider } from "ethers";
import type { Hex } from "../protocol/hash.ts";
import { groupAbi } from "./abi.ts";
import { GroupView, type GroupAt } from "./group-view.ts";
import { groupSettlement } from "./settlements.ts";
import { eventPages, type GroupEvent } from "./watch.ts";

/** A provider's committed data in the blocks [from, to). */
export type HeldData = {
  /** Index in the group. */
  readonly provider: number;
  readonly operator: string;
  readonly listRoot: Hex;
  readonly bytes: bigint;
  readonly from: number;
  /** Undefined while no end is known. */
  readonly to: number | undefined;
};

/** What a provider proved in the settled blocks [from, to). */
export type ProvenData = {
  readonly provider: number;
  readonly operator: string;
  readonly from: number;
  readonly to: number;
  /** Byte·blocks. */
  readonly proven: bigint;
  readonly committed: bigint;
};

/** Money that somebody put into the group. */
export type Deposit = {
  readonly from: string;
  /** Token units. */
  readonly amount: bigint;
  readonly block: number;
};

export type GroupHoldings = {
  readonly held: readonly HeldData[];
  readonly proven: readonly ProvenData[];
  /** Oldest first. */
  readonly deposits: readonly Deposit[];
  /** Nothing is settled from this block on. */
  readonly settledThrough: number;
};

export type HoldingsRange = {
  /** Last block; default: the head. */
  readonly to?: number;
  /** Blocks in one request for logs; halved if the endpoint refuses the range. */
  readonly blocksAtOnce?: number;
  /** Called after each request with its last block and the last block of the range. */
  readonly onProgress?: (block: number, to: number) => void;
};

const names = [
  "ProviderAdded",
  "DataChanged",
  "LeaveScheduled",
  "ProviderClosed",
  "Settled",
  "Credited",
  "Deposited",
];
const topics = names.map((name) => (groupAbi.getEvent(name) as { topicHash: string }).topicHash);

/** Reads the events of a group from its creation on. */
export async function groupHoldings(
  provider: Provider,
  group: GroupAt,
  { to, blocksAtOnce, onProgress }: HoldingsRange = {},
): Promise<GroupHoldings> {
  const [{ createdAt }, head] = await Promise.all([
    new GroupView(provider, group).page(),
    provider.getBlockNumber(),
  ]);
  const last = Math.min(to ?? head, head);
  const span = blocksAtOnce === undefined ? {} : { blocksAtOnce };
  const events: GroupEvent[] = [];
  const range = { from: createdAt, to: last, topics: [topics], ...span };
  for await (const page of eventPages(provider, group.address, range)) {
    events.push(...page.events);
    onProgress?.(page.through, last);
  }
  return holdingsOf(group.address, events);
}

type Seat = { operator: string; data: HeldData[]; leavesAt: number | undefined };

/** @param events of a group from its creation on, in their order */
export function holdingsOf(group: string, events: readonly GroupEvent[]): GroupHoldings {
  const seats = new Map<number, Seat>();
  const deposits: Deposit[] = [];
  const intervals: { from: number; to: number; parts: ReadonlyMap<number, bigint> }[] = [];
  for (const { name, args, block } of events) {
    const provider = Number(args["provider"]);
    if (name === "ProviderAdded") {
      seats.set(provider, { operator: String(args["operator"]), data: [], leavesAt: undefined });
    }
    const seat = seats.get(provider);
    switch (name) {
      case "ProviderAdded":
      case "DataChanged":
        if (seat !== undefined) change(seat, provider, args);
        break;
      case "LeaveScheduled":
        // A later event replaces the block.
        if (seat !== undefined) seat.leavesAt = Number(args["from"]);
        break;
      case "ProviderClosed":
        if (seat !== undefined) seat.leavesAt = Math.min(seat.leavesAt ?? Infinity, Number(args["through"]));
        break;
      case "Settled": {
        const { from, through, providers } = groupSettlement(
          group,
          args as { interval: bigint; keepers: bigint; providers: bigint[] },
        );
        const parts = new Map(providers.map((one) => [one.provider, one.spaceTime]));
        intervals.push({ from, to: through, parts });
        break;
      }
      case "Credited":
        // Paid without a proof, because nobody settled these blocks (R34).
        intervals.push({ from: Number(args["from"]), to: Number(args["through"]), parts: new Map() });
        break;
      case "Deposited":
        deposits.push({ from: String(args["from"]), amount: args["amount"] as bigint, block });
        break;
      default:
    }
  }
  const held = [...seats.values()].flatMap(({ data, leavesAt }) => endedAt(data, leavesAt));
  return {
    held,
    proven: intervals.flatMap((one) => provenIn(one, held)),
    deposits,
    settledThrough: Math.max(0, ...intervals.map(({ to }) => to)),
  };
}

/** Data that takes effect in a block replaces all that would in this block or later. */
function change(seat: Seat, provider: number, args: GroupEvent["args"]): void {
  const from = Number(args["from"]);
  const before = seat.data.filter((one) => one.from < from);
  const last = before.pop();
  if (last !== undefined) before.push({ ...last, to: from });
  const [listRoot, bytes] = [String(args["root"]) as Hex, args["size"] as bigint];
  seat.data = [...before, { provider, operator: seat.operator, listRoot, bytes, from, to: undefined }];
}

function endedAt(data: readonly HeldData[], leavesAt: number | undefined): HeldData[] {
  if (leavesAt === undefined) return [...data];
  return data
    .filter(({ from }) => from < leavesAt)
    .map((one) => ({ ...one, to: Math.min(one.to ?? leavesAt, leavesAt) }));
}

/** Of each provider that was committed in the interval; one that the settlement does not name proved nothing. */
function provenIn(
  {
    from,
    to,
    parts,
  }: { readonly from: number; readonly to: number; readonly parts: ReadonlyMap<number, bigint> },
  held: readonly HeldData[],
): ProvenData[] {
  const committed = new Map<number, { operator: string; bytes: bigint; from: number; to: number }>();
  for (const one of held) {
    const [first, end] = [Math.max(from, one.from), Math.min(to, one.to ?? to)];
    if (first >= end) continue;
    const sum = committed.get(one.provider) ?? { operator: one.operator, bytes: 0n, from: first, to: end };
    sum.bytes += one.bytes * BigInt(end - first);
    sum.to = end;
    committed.set(one.provider, sum);
  }
  return [...committed].map(([provider, { operator, bytes, from: first, to: end }]) => {
    return { provider, operator, from: first, to: end, proven: parts.get(provider) ?? 0n, committed: bytes };
  });
}
