/** Compares the profit of each strategy with honest play of the same group from the same seeds. */
import { faultBound } from "../../protocol/quorum.ts";
import type { Prices } from "./default-prices.ts";
import { play } from "./play.ts";
import type { Played } from "./play.ts";
import { booksOf, dollars, GasTable } from "./prices.ts";
import type { Books } from "./prices.ts";
import { strategies } from "./strategies.ts";
import type { Strategy } from "./strategies.ts";

export type StudyOptions = {
  readonly committees: readonly number[];
  readonly providers: number;
  readonly intervals: number;
  readonly first: number;
  readonly seeds: number;
  /** Share of its data that one provider lost, so that there is something to lie about. */
  readonly lost: number;
  /** Names of the strategies to play; all by default. */
  readonly only?: readonly string[];
  readonly onRun?: (runs: number, of: number) => void;
};

export type Spread = { readonly mean: number; readonly deviation: number };

/** Money in US dollars an interval, of one follower on average. */
export type Row = {
  readonly committee: number;
  readonly strategy: string;
  readonly text: string;
  readonly followers: number;
  readonly books: Books;
  readonly profit: Spread;
  /** Profit against that of the same keepers in honest play, as a share of it. */
  readonly gain: Spread;
  /** What the provider that lost data gets more than in honest play, as a share of it. */
  readonly providerGain: Spread;
  /** The same for the honest keeper with the lowest number, whom a censor picks; undefined if there is none. */
  readonly victimGain: Spread | undefined;
  /**
   * What the victim gets more than if the followers said nothing in the turns that they lead: that costs them their share, which the
   * others divide (R7). Undefined for strategies that leave nobody out.
   */
  readonly victimAgainstSilent: Spread | undefined;
  /** What the payer pays less for an interval than in honest play, as a share of it. */
  readonly payerGain: Spread;
};

/**
 * No strategy of at most f keepers earns its followers more than honest play by more than this share of honest profit. Above 0,
 * because the median moves within the honest values (S4), and because who leads how often is luck.
 */
export const bound = 0.02;

type Plan = {
  readonly committee: number;
  /** Undefined: everybody is honest. */
  readonly strategy: Strategy | undefined;
  readonly followers: readonly number[];
};

/** What came of a plan, seed by seed, beside honest play from the same seeds. */
export type Game = {
  readonly plan: Plan;
  readonly played: readonly Played[];
  readonly honest: readonly Played[];
  /** The same followers silent in the turns that they lead; for strategies that leave somebody out. */
  readonly silent: readonly Played[] | undefined;
};

/** Plays everything; what it is worth is for `rowsOf` to say. */
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

/** It comes before the strategies that are compared with it. */
const silentStrategy = "skip-leading";

/** Everybody honest; then each strategy followed by one keeper, and by f. */
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
        // Nothing more than nothing, where a provider lost everything.
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

/** Dollars an interval that a payer's escrow gave to all keepers and providers. */
function paidBy(run: Played, prices: Prices): number {
  const units = [...run.keepers.map(({ earned }) => earned), ...run.providers];
  const sum = units.reduce((a, b) => a + b, 0n);
  return dollars(sum, run, prices) / (run.blocks / run.interval);
}

function profitOf({ earned, gas, traffic }: Books): number {
  return earned - gas - traffic;
}

function averageOf(books: readonly Books[]): Books {
  const mean = (of: (book: Books) => number): number => spreadOf(books.map(of)).mean;
  return { earned: mean((b) => b.earned), gas: mean((b) => b.gas), traffic: mean((b) => b.traffic) };
}

/** Mean, and standard deviation of a sample. */
export function spreadOf(values: readonly number[]): Spread {
  const mean = values.reduce((a, b) => a + b, 0) / values.length;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { mean, deviation: values.length < 2 ? 0 : Math.sqrt(squares / (values.length - 1)) };
}

/** Strategies that beat honest play by more than the bound. */
export function tooGood(rows: readonly Row[]): Row[] {
  return rows.filter(({ gain }) => gain.mean > bound);
}
