/** Watches a group or a committee: its events in order, each once, and events that a reorg removed. */
import { Result, type Interface, type Log, type LogDescription, type Provider } from "ethers";
import { groupAbi } from "./abi.ts";
import { WhitePayError } from "./errors.ts";

export type GroupEvent = {
  /** Name in the contract: "Settled", "ProviderAdded", "Deposited", … */
  readonly name: string;
  readonly block: number;
  readonly logIndex: number;
  readonly transaction: string;
  /** Address of the contract that emitted it. */
  readonly contract: string;
  /** By parameter name: numbers as bigint, lists as arrays, other values as hex text. */
  readonly args: Readonly<Record<string, unknown>>;
};

export type GroupNews = {
  readonly head: number;
  /** New events, oldest first. */
  readonly events: readonly GroupEvent[];
  /** Set after a reorg: earlier events of this and later blocks are void. */
  readonly reorgFrom?: number;
};

export type WatchOptions = {
  /** First block; default: the block after the head. */
  readonly from?: number;
  /** Depth at which events are reported; default 0. */
  readonly confirmations?: number;
  /** Polling interval. */
  readonly polling_ms?: number;
  /** Events to report; default: a group's. */
  readonly abi?: Interface;
  /** Ends the watch without an error. */
  readonly signal?: AbortSignal;
};

type Seen = { readonly block: number; readonly hash: string };

/** Number of block hashes kept to find the start of a reorg; a deeper reorg is reported from the oldest one on. */
const keptHashes = 128;
/** Blocks in one request for logs: many endpoints refuse more. */
const logSpan = 2_000;
/** The endpoint did not answer: a smaller range does not help. */
const networkCodes = new Set(["NETWORK_ERROR", "TIMEOUT", "ECONNREFUSED", "ECONNRESET", "ENOTFOUND"]);

/** Lists and tuples as arrays. */
function plain(value: unknown): unknown {
  return value instanceof Result ? [...value].map(plain) : value;
}

function decoded(abi: Interface, log: Log): GroupEvent | undefined {
  let event: LogDescription | null;
  try {
    event = abi.parseLog(log);
  } catch {
    // Where all contracts are asked, a stranger's may emit the same topic with other data.
    return undefined;
  }
  if (event === null) return undefined;
  const args = Object.fromEntries(
    event.fragment.inputs.map((input, i) => [input.name, plain(event.args[i])]),
  );
  const { blockNumber: block, index: logIndex, transactionHash: transaction, address: contract } = log;
  return { name: event.name, block, logIndex, transaction, contract, args };
}

export type EventPage = {
  /** Oldest first. */
  readonly events: readonly GroupEvent[];
  /** The last block of the page. */
  readonly through: number;
};

export type EventRange = {
  /** First and last block. */
  readonly from: number;
  readonly to: number;
  readonly blocksAtOnce?: number;
  /** Events to read; default: a group's. */
  readonly abi?: Interface;
  /** Filter of `eth_getLogs`; default: all events. */
  readonly topics?: readonly (string | string[] | null)[];
};

/**
 * Yields the events of a contract (undefined: of all) in blocks [from, to], one page per request. Halves the range if the endpoint
 * refuses it.
 */
export async function* eventPages(
  provider: Provider,
  address: string | undefined,
  { from, to, blocksAtOnce = logSpan, abi = groupAbi, topics = [] }: EventRange,
): AsyncGenerator<EventPage, void, undefined> {
  let span = blocksAtOnce;
  for (let first = from; first <= to;) {
    const through = Math.min(to, first + span - 1);
    const events = await eventsBetween(provider, address, { abi, topics, from: first, to: through });
    if (events === undefined) {
      span = Math.ceil((through - first + 1) / 2);
      continue;
    }
    first = through + 1;
    yield { events, through };
  }
}

/** Undefined if the endpoint refuses the range. */
async function eventsBetween(
  provider: Provider,
  address: string | undefined,
  { abi, topics, from: fromBlock, to: toBlock }: Required<Omit<EventRange, "blocksAtOnce">>,
): Promise<GroupEvent[] | undefined> {
  try {
    const where = address === undefined ? {} : { address };
    const logs = await provider.getLogs({ ...where, fromBlock, toBlock, topics: [...topics] });
    const events = logs.map((log) => decoded(abi, log)).filter((event) => event !== undefined);
    return events.sort((a, b) => a.block - b.block || a.logIndex - b.logIndex);
  } catch (error) {
    const { code, shortMessage, message } = error as {
      code?: unknown;
      shortMessage?: string;
      message?: string;
    };
    if (networkCodes.has(String(code))) throw error;
    if (fromBlock < toBlock) return undefined;
    throw new WhitePayError({
      code: "network",
      message: `the endpoint returns no events of block ${fromBlock}: ${shortMessage ?? message ?? "without a reason"}`,
      hint: "use another endpoint that keeps old events",
      cause: error,
    });
  }
}

/** Events of a contract (undefined: of all) in blocks [from, to], oldest first. */
export async function groupEvents(
  provider: Provider,
  address: string | undefined,
  range: EventRange,
): Promise<GroupEvent[]> {
  const events: GroupEvent[] = [];
  for await (const page of eventPages(provider, address, range)) events.push(...page.events);
  return events;
}

/** The newest seen block that is still canonical; undefined if none is. */
async function lastCommon(provider: Provider, seen: readonly Seen[]): Promise<number | undefined> {
  for (const { block, hash } of seen.toReversed()) {
    if ((await provider.getBlock(block))?.hash === hash) return block;
  }
  return undefined;
}

function pause(delay_ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((done) => {
    const timer = setTimeout(done, delay_ms);
    const stop = (): void => {
      clearTimeout(timer);
      done();
    };
    signal?.addEventListener("abort", stop, { once: true });
  });
}

/**
 * Yields the news of a group after each change of the head, until `signal` ends it. Throws if the endpoint does not answer: then start
 * a new watch from the last head.
 */
export async function* watchGroup(
  provider: Provider,
  address: string,
  options: WatchOptions = {},
): AsyncGenerator<GroupNews, void, undefined> {
  const { confirmations = 0, polling_ms = 1_000, abi = groupAbi, signal } = options;
  const ended = (): boolean => signal?.aborted === true;
  let next = options.from ?? (await provider.getBlockNumber()) - confirmations + 1;
  let seen: Seen[] = [];
  let told = -1;
  while (!ended()) {
    const block = await provider.getBlock("latest");
    const head = block?.number ?? 0;
    const last = seen.at(-1);
    let reorgFrom: number | undefined;
    if (last !== undefined && (await provider.getBlock(last.block))?.hash !== last.hash) {
      const common = await lastCommon(provider, seen);
      reorgFrom = common === undefined ? (seen[0]?.block ?? next) : common + 1;
      seen = seen.filter((one) => one.block <= (common ?? -1));
      next = reorgFrom;
    }
    const deep = head - confirmations;
    if (head !== told || reorgFrom !== undefined) {
      const events = deep >= next ? await groupEvents(provider, address, { from: next, to: deep, abi }) : [];
      const hash = deep >= next ? (await provider.getBlock(deep))?.hash : undefined;
      if (typeof hash === "string") {
        seen = [...seen, { block: deep, hash }].slice(-keptHashes);
        next = deep + 1;
      }
      told = head;
      yield { head, events, ...(reorgFrom === undefined ? {} : { reorgFrom }) };
    }
    if (!ended()) await pause(polling_ms, signal);
  }
}
