/** Plays one group over many intervals; some keepers follow a strategy. Records earnings and costs. */
import { lockupBound } from "../../protocol/group-bounds.ts";
import { bitIndices } from "../../protocol/bitmap.ts";
import { override } from "../byzantine/override.ts";
import { Cluster, defaultParams, defaultTerms } from "../cluster.ts";
import { creditsOf } from "../chain/credits.ts";
import { Random } from "../world.ts";
import type { Strategy } from "./strategies.ts";

export type PlayOptions = {
  readonly seed: number;
  readonly committee: number;
  readonly providers: number;
  readonly intervals: number;
  /** Share of its data that the last provider has lost before the first interval. */
  readonly lost: number;
  readonly strategy: Strategy | undefined;
  /** Seats of the keepers that follow the strategy. */
  readonly followers: readonly number[];
};

/** Earnings and work of one keeper. */
export type Account = {
  /** Token units, without the keeper fee. */
  earned: bigint;
  /** Part of the keeper fee (R30) in provider·blocks: each settlement that pays it adds providers × blocks / (n − failed). */
  fees: number;
  /** One entry for each settlement that it sent. */
  readonly sent: SettlementShape[];
  challenges: number;
};

/** Numbers of absent signers and of unpaid keepers: the gas of a settlement depends on them. */
export type SettlementShape = { readonly absent: number; readonly unpaid: number };

export type Played = {
  readonly keepers: readonly Account[];
  /** Token units, by provider. */
  readonly providers: readonly bigint[];
  /** Number of settled blocks; `interval` is the length of one interval in blocks. */
  readonly blocks: number;
  readonly interval: number;
  /** Token units for one interval in which all bytes are proven, providers' and keepers' part together. */
  readonly unitsPerInterval: bigint;
  readonly settlements: number;
};

/** Additional turns to wait for a group that does not settle, before the run ends. */
const spareTurns = 12;
const leaves = 16;
const bytes = 1_000_000;

export async function play(options: PlayOptions): Promise<Played> {
  const { seed, committee, providers, intervals, strategy, followers } = options;
  const lockup = lockupBound(defaultParams, committee);
  const params = defaultParams;
  const terms = { ...defaultTerms, lockup, keeperFee: 0n };
  const cluster = new Cluster({
    seed,
    committee,
    providers: Array.from({ length: providers }, () => bytes),
    params,
    terms,
    network: { delayMs: [5, 80], loss: 0 },
    blockMs: [900, 1300],
    storeLatencyMs: 1,
  });
  const keepers = cluster.seats.map((): Account => ({ earned: 0n, fees: 0, sent: [], challenges: 0 }));
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
  // Every strategy is paid for the same blocks, however many turns lapse.
  const end = params.originBlock + intervals * params.interval;
  const { chain } = cluster;
  while (chain.tsAt(0, chain.head) < end && chain.head < end + spareTurns * params.turn) await cluster.run(1);
  for (const one of chain.settled) {
    const { version, payees, failed } = one.certificate;
    // Each payee's equal part of the fee for the blocks of this settlement (R30).
    const fee =
      (providers * (one.certificate.te - one.certificate.ts)) / (committee - bitIndices(failed).length);
    creditsOf(one).keepers.forEach((units, seat) => {
      const account = keepers[seat] as Account;
      account.earned += units;
      if (units > 0n) account.fees += fee;
    });
    const sender = chain.membersOf(0, version).findIndex(({ operator }) => operator === one.sender);
    const certified = chain.certified.find(({ certificate }) => certificate.ts === one.certificate.ts);
    const shape = {
      absent: committee - bitIndices(certified?.signers ?? 0n).length,
      unpaid: committee - bitIndices(payees).length,
    };
    keepers[sender]?.sent.push(shape);
  }
  return {
    keepers,
    providers: chain.groupAt(0).providers.map(({ credit }) => credit),
    blocks: chain.tsAt(0, chain.head) - params.originBlock,
    interval: params.interval,
    unitsPerInterval: BigInt(providers * bytes * params.interval),
    settlements: chain.settled.length,
  };
}

/** The last provider has lost data, so the number of leaves that it proves is random; it proves all to a colluding keeper. */
function proving(cluster: Cluster, options: PlayOptions): Cluster["proves"] {
  const { seed, providers, lost, strategy, followers } = options;
  const { originBlock, slot } = cluster.options.params;
  return (provider, keeper) => {
    if (provider !== providers - 1) return leaves;
    if (strategy?.withProvider === true && followers.includes(keeper)) return leaves;
    const number = Math.floor((cluster.chain.head - originBlock) / slot);
    // From the seed, slot and keeper alone, so that all strategies of a seed draw the same leaves.
    const random = new Random(seed * 1_000_003 + number * 131 + keeper);
    random.next();
    return Array.from({ length: leaves }, () => random.next() >= lost).filter(Boolean).length;
  };
}
