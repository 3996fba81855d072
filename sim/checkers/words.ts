/** Messages that keepers published in their own name for a committee of this chain, and the state of the chain at that time. */
import { messageDigest } from "../../protocol/codec/message.ts";
import type { Envelope } from "../../protocol/codec/message.ts";
import type { Hex } from "../../protocol/hash.ts";
import { closedSetHash, roundId } from "../../protocol/messages.ts";
import type { Body, BodyOf, Kind, RoundBody } from "../../protocol/messages.ts";
import { domainOf } from "../../protocol/certificate.ts";
import type { Cluster, Mined } from "../cluster.ts";
import { addressOfCommittee } from "../chain/snapshots.ts";
import { chainId } from "../chain/chain-model.ts";
import { committeeOf, keeperIn } from "./checker.ts";
import type { Run } from "./checker.ts";

export type Word<B extends Body = Body> = {
  /** Index among all keepers of the world. */
  readonly keeper: number;
  /** Index among the members of the version that the message names. */
  readonly seat: number;
  /** Index of the committee in the world. */
  readonly committee: number;
  readonly version: number;
  readonly process: string;
  readonly at_ms: number;
  readonly message: Envelope;
  readonly body: B;
};

export type RoundWord = Word<RoundBody>;

type Words = { readonly all: readonly Word[]; readonly byKind: ReadonlyMap<Kind, readonly Word[]> };

const known = new WeakMap<Run, Words>();

/** Collected once a run: it is over when checkers ask. */
function knownWords(run: Run): Words {
  let words = known.get(run);
  if (words === undefined) {
    const all = collect(run);
    words = { all, byKind: Map.groupBy(all, ({ body }) => body.kind) };
    known.set(run, words);
  }
  return words;
}

/** In the order of publication. Messages in another keeper's name, or of another chain or committee, are left out. */
export function wordsOf(run: Run): readonly Word[] {
  return knownWords(run).all;
}

function collect(run: Run): Word[] {
  const { cluster } = run;
  return cluster.network.heard.flatMap(({ message, from, process, at_ms }) => {
    const { body, version, keeper: seat } = message;
    const committee = committeeOf(run, message);
    if (committee < 0) return [];
    const keeper = keeperIn(run, committee, version, seat);
    if (keeper < 0 || cluster.operatorOf(keeper) !== from) return [];
    return [{ keeper, seat, committee, version, process, at_ms, message, body }];
  });
}

/** Words of rounds, without hellos. */
export function roundWords(run: Run): RoundWord[] {
  return wordsOf(run).filter((word): word is RoundWord => word.body.kind !== "hello");
}

export function wordsOfKind<K extends Kind>(run: Run, kind: K): readonly Word<BodyOf<K>>[] {
  return (knownWords(run).byKind.get(kind) ?? []) as readonly Word<BodyOf<K>>[];
}

const digests = new WeakMap<Envelope, Hex>();

/** The digest that the sender signed; other messages refer to a message by it. */
export function hashOf(message: Envelope): Hex {
  let digest = digests.get(message);
  if (digest === undefined) {
    const { chainId: chain, committee, version, keeper, body } = message;
    digest = messageDigest(domainOf(chain, committee), version, keeper, body);
    digests.set(message, digest);
  }
  return digest;
}

const sets = new WeakMap<BodyOf<"close">, Hex>();

/** The name of a closed set (R19): whatever its signatures are. */
export function closedSetOf(committee: number, close: BodyOf<"close">): Hex {
  let name = sets.get(close);
  if (name === undefined) {
    const id = roundId(chainId, addressOfCommittee(committee), close.round);
    name = closedSetHash(id, close.commits, close.auditBlock);
    sets.set(close, name);
  }
  return name;
}

/** One text for one round. */
export function roundName({ committee, body }: Pick<RoundWord, "committee" | "body">): string {
  const { ts, te, turn, leader, version } = body.round;
  return `${committee}/${ts}/${te}/${turn}/${leader}/${version}`;
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

/** The highest head that any keeper can have seen by then; a reorg may have removed it since. */
export function highestHead({ mined }: Cluster, at_ms: number): number {
  let head = -1;
  const last = lastBy(mined, at_ms);
  for (let i = last; i >= 0 && i > last - 64; i--) {
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
  const last = lastBy(mined, at_ms);
  // From one mined block to the next the number grows by at most one, so none of the blocks in between can have this number.
  const above = Math.max(0, (mined[last]?.number ?? 0) - number);
  for (let i = last - above; i >= 0; i--) {
    const block = mined[i] as Mined;
    if (block.number === number) return block.hash;
  }
  // Blocks of the set-up have no time.
  return number <= (mined[0]?.number ?? 0) ? chain.block(number)?.hash : undefined;
}

const minedAgain = new WeakMap<Run, readonly Mined[]>();

/** Blocks that a reorg took back and that were mined again with other hashes. */
function blocksMinedAgain(run: Run): readonly Mined[] {
  let again = minedAgain.get(run);
  if (again === undefined) {
    const seen = new Set<number>();
    again = run.cluster.mined.filter(({ number }) => {
      const before = seen.has(number);
      seen.add(number);
      return before;
    });
    minedAgain.set(run, again);
  }
  return again;
}

/** When blocks from `first` to `last` by number were mined again after a reorg, of a run that is over. */
export function reorgedAt_ms(run: Run, first: number, last: number): number[] {
  return blocksMinedAgain(run).flatMap(({ number, at_ms }) =>
    number < first || number > last ? [] : [at_ms],
  );
}
