/** State of a group as its events tell it: its providers' data, and how far it is settled (R29, R33, R34). */
import type { DataCheckpoint } from "../../../protocol/committee.ts";
import type { Hex } from "../../../protocol/hash.ts";
import type { ChainEvent } from "./logs.ts";

export type ProviderState = {
  readonly operator: Hex;
  readonly activeFrom: number;
  /** It has left and is settled through its last block. */
  readonly closed: boolean;
  /** Ascending by fromBlock; as far back as an unsettled block needs. */
  readonly history: readonly DataCheckpoint[];
};

export type GroupState = {
  readonly settledThrough: number;
  /** R33: after a terminate, the first block in which nothing is committed. */
  readonly endBlock: number | undefined;
  readonly providers: ReadonlyMap<number, ProviderState>;
};

const noData = {
  bytes: 0n,
  price: 0n,
  listRoot: `0x${"00".repeat(32)}`,
  receiptKey: `0x${"00".repeat(20)}`,
} as const;

/** From this block on nothing is committed. */
export function noDataFrom(fromBlock: number): DataCheckpoint {
  return { fromBlock, ...noData };
}

export function newGroup(createdAt: number): GroupState {
  return { settledThrough: createdAt, endBlock: undefined, providers: new Map() };
}

export function groupAfter(state: GroupState, { name, args }: ChainEvent): GroupState {
  const index = Number(args["provider"]);
  switch (name) {
    case "ProviderAdded": {
      const first = checkpointOf(args);
      const operator = String(args["operator"]).toLowerCase() as Hex;
      return withProvider(state, index, {
        operator,
        activeFrom: first.fromBlock,
        closed: false,
        history: [first],
      });
    }
    case "DataChanged":
      return withCheckpoint(state, index, checkpointOf(args));
    case "LeaveScheduled":
      return withCheckpoint(state, index, noDataFrom(Number(args["from"])));
    case "ProviderClosed": {
      const provider = state.providers.get(index);
      return provider === undefined ? state : withProvider(state, index, { ...provider, closed: true });
    }
    case "Terminated":
      return { ...state, endBlock: Number(args["endBlock"]) };
    case "Settled":
      return settled(state, args["interval"] as bigint);
    case "Credited":
      return movedOn(state, Number(args["from"]), Number(args["through"]));
    case "IdlePassed":
      return movedOn(state, Number(args["from"]), Number(args["through"]));
    default:
      return state;
  }
}

function checkpointOf(args: ChainEvent["args"]): DataCheckpoint {
  return {
    fromBlock: Number(args["from"]),
    bytes: args["size"] as bigint,
    price: args["price"] as bigint,
    listRoot: args["root"] as Hex,
    receiptKey: String(args["receiptKey"]).toLowerCase() as Hex,
  };
}

function withProvider(state: GroupState, index: number, provider: ProviderState): GroupState {
  return { ...state, providers: new Map(state.providers).set(index, provider) };
}

/** Changes for the same block or a later one are replaced (R33). */
function withCheckpoint(state: GroupState, index: number, checkpoint: DataCheckpoint): GroupState {
  const provider = state.providers.get(index);
  if (provider === undefined) return state;
  const earlier = provider.history.filter(({ fromBlock }) => fromBlock < checkpoint.fromBlock);
  return withProvider(state, index, { ...provider, history: [...earlier, checkpoint] });
}

const blockBits = 40n;
const blockMask = (1n << blockBits) - 1n;
/** Below the blocks of `SettledInterval`: sender(8) ‖ unpaid(124). */
const payoutBits = 132n;

/** `SettledInterval`: version(32) ‖ from(40) ‖ through(40) ‖ sender(8) ‖ unpaid(124). */
function settled(state: GroupState, interval: bigint): GroupState {
  const through = Number((interval >> payoutBits) & blockMask);
  const from = Number((interval >> (payoutBits + blockBits)) & blockMask);
  return movedOn(state, from, through);
}

/** What took effect and was replaced before `from` is no longer needed, nor are providers that had left before it. */
function movedOn(state: GroupState, from: number, through: number): GroupState {
  let providers = state.providers;
  for (const [index, { closed, history, ...rest }] of state.providers) {
    const inForce = history.findLastIndex(({ fromBlock }) => fromBlock <= from);
    const over = closed && (history.at(-1)?.fromBlock ?? 0) <= from;
    if (inForce <= 0 && !over) continue;
    const changed = new Map(providers);
    if (over) changed.delete(index);
    else changed.set(index, { ...rest, closed, history: history.slice(inForce) });
    providers = changed;
  }
  return { ...state, settledThrough: through, providers };
}

/**
 * Blocks in which nobody had data need no certificate, so they count as settled: those before the first block of the first provider
 * that is listed (R29).
 */
export function settledOrIdle({ settledThrough, providers }: GroupState): number {
  let first = Number.POSITIVE_INFINITY;
  for (const { closed, activeFrom } of providers.values()) {
    if (!closed && activeFrom < first) first = activeFrom;
  }
  return Number.isFinite(first) ? Math.max(settledThrough, first) : settledThrough;
}

export function hasProviders({ providers }: GroupState): boolean {
  return [...providers.values()].some(({ closed }) => !closed);
}
