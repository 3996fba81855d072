/** Compares the profit of each strategy with honest play, in the same group and with the same seeds. */
import { faultBound } from "../../protocol/quorum.ts";
import type { Prices } from "./default-prices.ts";
import { play } from "./play.ts";
import type { Played } from "./play.ts";
import { booksOf, dollars, earnedBy, GasTable } from "./prices.ts";
import type { Books } from "./prices.ts";
import { strategies } from "./strategies.ts";
import type { Strategy } from "./strategies.ts";

export type StudyOptions = {
  readonly committees: readonly number[];
  readonly providers: number;
  readonly intervals: number;
  readonly first: number;
  readonly seeds: number;
  /** Share of its data that one provider has lost, so that keepers can lie about it. */
  readonly lost: number;
  /** Names of the strategies to play; all by default. */
  readonly only?: readonly string[];
  readonly onRun?: (runs: number, of: number) => void;
};

export type Spread = { readonly mean: number; readonly deviation: number };

/** Money is in US dollars an interval and group, the average of the followers. */
export type Row = {
  readonly committee: number;
  readonly strategy: string;
  readonly text: string;
  readonly followers: number;
  readonly books: Books;
  readonly profit: Spread;
  /** Additional profit, relative to the profit of the same keepers in honest play. */
  readonly gain: Spread;
  /** Additional pay of the provider that lost data, relative to its pay in honest play. */
  readonly providerGain: Spread;
  /** Additional profit of the victim, the honest keeper with the lowest number; undefined if there is none. */
  readonly victimGain: Spread | undefined;
  /**
   * The same, relative to runs in which the followers stay silent in the turns that they lead and lose their share to the others
   * (R7). Undefined for strategies that leave nobody out.
   */
  readonly victimAgainstSilent: Spread | undefined;
  /** Amount that the payer saves in an interval, relative to its cost in honest play. */
  readonly payerGain: Spread;
};

/**
 * The most that a strategy of at most f keepers may add to its followers' profit, relative to honest play. It is above 0 because the
 * median moves within the honest values (S4), and because the number of turns that a keeper leads is random.
 */
export const bound = 0.02;

type Plan = {
  readonly committee: number;
  /** Undefined: everybody is honest. */
  readonly strategy: Strategy | undefined;
  readonly followers: readonly number[];
};

/** Results of a plan, one for each seed, and those of honest play with the same seeds. */
export type Game = {
  readonly plan: Plan;
  readonly played: readonly Played[];
  readonly honest: readonly Played[];
  /** Results if the same followers stay silent in the turns that they lead; for strategies that leave a keeper out. */
  readonly silent: readonly Played[] | undefined;
};

/** Plays all plans; `rowsOf` computes the money from the result. */
export async function study(options: StudyOptions): Promise<Game[]> {
  const { committees, seeds, first, onRun } = options;
  const plans = committees.map((committee) => plansOf(committee, options.only));
  const total = seeds * plans.flat().length;
  let runs = 0;
  const all = async (plan: Plan): Promise<Played[]> => {
    const played: Played[] = [];
    for (let seed = first; seed < first + seeds; seed++) {
      played.push(await play({ ...options, ...plan, seed }));
      onRun?.(++runs, total);
    }
    return played;
  };
  const games: Game[] = [];
  for (const [base, ...others] of plans) {
    if (base === undefined) continue;
    const honest = await all(base);
    games.push({ plan: base, played: honest, honest, silent: undefined });
    const silent = new Map<number, readonly Played[]>();
    for (const plan of others) {
      const played = await all(plan);
      if (plan.strategy?.name === silentStrategy) silent.set(plan.followers.length, played);
      const reference = plan.strategy?.leavesOut === true ? silent.get(plan.followers.length) : undefined;
      games.push({ plan, played, honest, silent: reference });
    }
  }
  return games;
}

export function rowsOf(games: readonly Game[], prices: Prices): Row[] {
  const table = GasTable.read();
  return games.map((game) => rowOf(game, prices, table));
}

/** The strategies that leave a keeper out are compared with this one, so it is played before them. */
const silentStrategy = "skip-leading";

/** Honest play; then each strategy, followed by one keeper and by f keepers. */
function plansOf(committee: number, only: readonly string[] | undefined): Plan[] {
  const seats = Array.from({ length: committee }, (_, seat) => seat);
  const counts = [...new Set([1, faultBound(committee)])];
  const played = strategies.filter(
    ({ name }) => only === undefined || name === silentStrategy || only.includes(name),
  );
  const cheats = played.flatMap((strategy) =>
    counts.map((count) => ({ committee, strategy, followers: seats.slice(-count) })),
  );
  return [{ committee, strategy: undefined, followers: seats }, ...cheats];
}

function rowOf({ plan, played, honest, silent }: Game, prices: Prices, table: GasTable): Row {
  const { committee, strategy, followers } = plan;
  const books = (run: Played): Books => averageOf(followers.map((seat) => bookOf(run, seat, prices, table)));
  const profits = played.map((run) => profitOf(books(run)));
  const victim = Array.from({ length: committee }, (_, seat) => seat).find(
    (seat) => !followers.includes(seat),
  );
  const gainOf = (of: (run: Played) => number, reference = honest): Spread =>
    spreadOf(
      played.map((run, i) => {
        const base = of(reference[i] as Played);
        const more = of(run) - base;
        // A provider that lost all its data earns 0 in both runs.
        return more === 0 ? 0 : more / Math.abs(base);
      }),
    );
  const providerPay = (run: Played): number =>
    dollars(run.providers.at(-1) ?? 0n, run, prices) / (run.blocks / run.interval);
  const victims = (run: Played): number =>
    victim === undefined ? 0 : profitOf(bookOf(run, victim, prices, table));
  const payer = gainOf((run) => paidBy(run, prices));
  return {
    committee,
    strategy: strategy?.name ?? "honest",
    text: strategy?.text ?? "does what the protocol says",
    followers: followers.length,
    books: averageOf(played.map(books)),
    profit: spreadOf(profits),
    gain: gainOf((run) => profitOf(books(run))),
    providerGain: gainOf(providerPay),
    victimGain: victim === undefined ? undefined : gainOf(victims),
    victimAgainstSilent: silent === undefined ? undefined : gainOf(victims, silent),
    payerGain: { mean: -payer.mean, deviation: payer.deviation },
  };
}

function bookOf(run: Played, seat: number, prices: Prices, table: GasTable): Books {
  const account = run.keepers[seat];
  if (account === undefined) throw new RangeError(`no keeper ${seat}`);
  return booksOf(account, run, prices, table);
}

/** Dollars an interval and group that all keepers and providers got from the payer's escrow. */
function paidBy(run: Played, prices: Prices): number {
  const keepers = run.keepers.reduce((sum, account) => sum + earnedBy(account, run, prices), 0);
  const providers = dollars(
    run.providers.reduce((a, b) => a + b, 0n),
    run,
    prices,
  );
  return (keepers + providers) / (run.blocks / run.interval);
}

function profitOf({ earned, gas, traffic }: Books): number {
  return earned - gas - traffic;
}

function averageOf(books: readonly Books[]): Books {
  const mean = (of: (book: Books) => number): number => spreadOf(books.map(of)).mean;
  return { earned: mean((b) => b.earned), gas: mean((b) => b.gas), traffic: mean((b) => b.traffic) };
}

/** Mean and sample standard deviation. */
function spreadOf(values: readonly number[]): Spread {
  const mean = values.reduce((a, b) => a + b, 0) / values.length;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { mean, deviation: values.length < 2 ? 0 : Math.sqrt(squares / (values.length - 1)) };
}

/** Rows whose gain is above the bound. */
export function tooGood(rows: readonly Row[]): Row[] {
  return rows.filter(({ gain }) => gain.mean > bound);
}
