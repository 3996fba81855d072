/** What keepers said in their own name about this chain and group, and what the chain was by then. */
import { messageDigest } from "../../protocol/codec/message.ts";
import type { Envelope } from "../../protocol/codec/message.ts";
import type { Hex } from "../../protocol/hash.ts";
import type { Body, Kind, RoundBody } from "../../protocol/messages.ts";
import { domainSeparator } from "../../protocol/settlement.ts";
import type { Cluster, Mined } from "../cluster.ts";
import { keeperIn } from "./checker.ts";
import type { Run } from "./checker.ts";

export type Word<B extends Body = Body> = {
  /** In all keepers of the world. */
  readonly keeper: number;
  /** In the committee that the message names. */
  readonly seat: number;
  readonly committee: number;
  readonly process: string;
  readonly at_ms: number;
  readonly message: Envelope;
  readonly body: B;
};

export type RoundWord = Word<RoundBody>;

const known = new WeakMap<Run, readonly Word[]>();

/** In the order in which they were said. What is said in another's name, or of another chain or group, is left out. */
export function wordsOf(run: Run): readonly Word[] {
  const words = known.get(run) ?? collect(run);
  known.set(run, words);
  return words;
}

function collect(run: Run): Word[] {
  const { cluster } = run;
  const { chainId, address } = cluster.chain.snapshot(cluster.chain.head);
  return cluster.network.heard.flatMap(({ message, from, process, at_ms }) => {
    const { body, committee, keeper: seat } = message;
    if (message.chainId !== chainId || message.group !== address) return [];
    const keeper = keeperIn(run, committee, seat);
    if (keeper < 0 || cluster.operatorOf(keeper) !== from) return [];
    return [{ keeper, seat, committee, process, at_ms, message, body }];
  });
}

/** Words of rounds, without hellos. */
export function roundWords(run: Run): RoundWord[] {
  return wordsOf(run).filter((word): word is RoundWord => word.body.kind !== "hello");
}

export function wordsOfKind<K extends Kind>(run: Run, kind: K): Word<Extract<Body, { kind: K }>>[] {
  return wordsOf(run).filter((word): word is Word<Extract<Body, { kind: K }>> => word.body.kind === kind);
}

const digests = new WeakMap<Envelope, Hex>();

/** The digest that its sender signed: the name by which others speak of a message. */
export function hashOf(message: Envelope): Hex {
  let digest = digests.get(message);
  if (digest === undefined) {
    const { chainId, group, committee, keeper, body } = message;
    digest = messageDigest(domainSeparator(chainId, group), committee, keeper, body);
    digests.set(message, digest);
  }
  return digest;
}

/** One text for one round. */
export function roundName({ round }: RoundBody): string {
  return JSON.stringify(round);
}

/** The last of the blocks that were mined by `at_ms`, as an index in `mined`; −1: none. */
function lastBy(mined: readonly Mined[], at_ms: number): number {
  let [low, high] = [0, mined.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((mined[middle] as Mined).at_ms <= at_ms) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/** The highest head that anybody can have seen by then: a reorg may have taken it back. */
export function highestHead({ mined }: Cluster, at_ms: number): number {
  let head = -1;
  for (let i = lastBy(mined, at_ms); i >= 0 && i > lastBy(mined, at_ms) - 64; i--) {
    head = Math.max(head, (mined[i] as Mined).number);
  }
  return head;
}

/** The chain's head then: below the highest one after a reorg. */
export function headThen({ mined }: Cluster, at_ms: number): number {
  return mined[lastBy(mined, at_ms)]?.number ?? -1;
}

/** A block's hash as the chain stood then. */
export function hashThen({ mined, chain }: Cluster, number: number, at_ms: number): Hex | undefined {
  for (let i = lastBy(mined, at_ms); i >= 0; i--) {
    const block = mined[i] as Mined;
    if (block.number === number) return block.hash;
  }
  // Mined before the world began.
  return number <= (mined[0]?.number ?? 0) ? chain.block(number)?.hash : undefined;
}

/** When blocks that a reorg took back were mined again with other hashes, from `first` to `last` by number. */
export function reorgedAt_ms({ mined }: Cluster, first: number, last: number): number[] {
  const seen = new Set<number>();
  return mined.flatMap(({ number, at_ms }) => {
    if (number < first || number > last) return [];
    const again = seen.has(number);
    seen.add(number);
    return again ? [at_ms] : [];
  });
}
