/** Plays one group over many intervals with some keepers that follow a strategy, and records earnings and costs. */
import { lockupBound } from "../../protocol/group-bounds.ts";
import { bitIndices } from "../../protocol/bitmap.ts";
import { override } from "../byzantine/override.ts";
import { Cluster, defaultParams } from "../cluster.ts";
import { creditsOf } from "../chain/credits.ts";
import { Random } from "../world.ts";
import type { Strategy } from "./strategies.ts";

export type PlayOptions = {
  readonly seed: number;
  readonly committee: number;
  readonly providers: number;
  readonly intervals: number;
  /** Share of its data that the last provider lost before the first interval. */
  readonly lost: number;
  readonly strategy: Strategy | undefined;
  /** Seats of the keepers that follow it. */
  readonly followers: readonly number[];
};

/** Of one keeper. */
export type Account = {
  /** Token units. */
  earned: bigint;
  /** One entry a settlement that it sent. */
  readonly sent: SettlementShape[];
  challenges: number;
};

/** What the gas of a settlement depends on. */
export type SettlementShape = { readonly absent: number; readonly unpaid: number };

export type Played = {
  readonly keepers: readonly Account[];
  /** Token units, by provider. */
  readonly providers: readonly bigint[];
  /** Blocks that were settled, and those of one interval. */
  readonly blocks: number;
  readonly interval: number;
  /** Token units that providers and keepers would share for one interval in which everything is proven. */
  readonly unitsPerInterval: bigint;
  readonly settlements: number;
};

/** Turns beyond the intervals asked for, before a group that settles nothing is given up. */
const spareTurns = 12;
const leaves = 16;
const bytes = 1_000_000;

export async function play(options: PlayOptions): Promise<Played> {
  const { seed, committee, providers, intervals, strategy, followers } = options;
  const lockup = lockupBound(defaultParams, committee);
  const params = { ...defaultParams, lockup };
  const cluster = new Cluster({
    seed,
    committee,
    providers: Array.from({ length: providers }, () => bytes),
    params,
    network: { delayMs: [5, 80], loss: 0 },
    blockMs: [900, 1300],
    storeLatencyMs: 1,
  });
  const keepers = cluster.seats.map((): Account => ({ earned: 0n, sent: [], challenges: 0 }));
  const victim = cluster.seats.findIndex((_, seat) => !followers.includes(seat));
  cluster.decorate = (ports, seat) => {
    const counting = override(ports.provider, {
      challenge: (target, request, limits) => {
        (keepers[seat] as Account).challenges++;
        return ports.provider.challenge(target, request, limits);
      },
    });
    const known = { ...ports, provider: counting };
    if (strategy === undefined || !followers.includes(seat)) return known;
    return strategy.behaviour(seat, victim)(known);
  };
  cluster.proves = proving(cluster, options);
  cluster.seats.forEach((_, seat) => cluster.start(seat));
  // The same stretch of blocks whatever lapses in it, so that strategies are paid for the same time.
  const end = params.originBlock + intervals * params.interval;
  const { chain } = cluster;
  while (chain.tsAt(chain.head) < end && chain.head < end + spareTurns * params.turn) await cluster.run(1);
  for (const one of chain.settled) {
    creditsOf(one).keepers.forEach((units, seat) => ((keepers[seat] as Account).earned += units));
    const { committee: version, payees } = one.settlement;
    const members = chain.committeeOf(version).members;
    const sender = members.findIndex(({ operator }) => operator === one.sender);
    const shape = {
      absent: committee - bitIndices(one.signers).length,
      unpaid: committee - bitIndices(payees).length,
    };
    keepers[sender]?.sent.push(shape);
  }
  return {
    keepers,
    providers: chain.at(chain.head).providers.map(({ credit }) => credit),
    blocks: chain.tsAt(chain.head) - params.originBlock,
    interval: params.interval,
    unitsPerInterval: BigInt(providers * bytes * params.interval),
    settlements: chain.settled.length,
  };
}

/** Of the leaves drawn, how many the last provider still has is luck; a fellow is shown all of them. */
function proving(cluster: Cluster, options: PlayOptions): Cluster["proves"] {
  const { seed, providers, lost, strategy, followers } = options;
  const { originBlock, slot } = cluster.options.params;
  return (provider, keeper) => {
    if (provider !== providers - 1) return leaves;
    if (strategy?.withProvider === true && followers.includes(keeper)) return leaves;
    const number = Math.floor((cluster.chain.head - originBlock) / slot);
    // The same luck in every run of a seed, whatever else happens in it.
    const luck = new Random(seed * 1_000_003 + number * 131 + keeper);
    luck.next();
    return Array.from({ length: leaves }, () => luck.next() >= lost).filter(Boolean).length;
  };
}
