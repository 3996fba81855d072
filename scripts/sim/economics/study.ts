/** Every strategy against honest play of the same group from the same seeds: does cheating pay? */
import { faultBound } from "../../../keeper/core/quorum.ts";
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
};

/** Plays everything; what it is worth is for `rowsOf` to say. */
export async function study(options: StudyOptions): Promise<Game[]> {
  const { committees, seeds, first, onRun } = options;
  const plans = committees.map((committee) => plansOf(committee));
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
    games.push({ plan: base, played: honest, honest });
    for (const plan of others) games.push({ plan, played: await all(plan), honest });
  }
  return games;
}

export function rowsOf(games: readonly Game[], prices: Prices): Row[] {
  const table = GasTable.read();
  return games.map((game) => rowOf(game, prices, table));
}

/** Everybody honest; then each strategy followed by one keeper, and by f. */
function plansOf(committee: number): Plan[] {
  const seats = Array.from({ length: committee }, (_, seat) => seat);
  const counts = [...new Set([1, faultBound(committee)])];
  const cheats = strategies.flatMap((strategy) =>
    counts.map((count) => ({ committee, strategy, followers: seats.slice(-count) })),
  );
  return [{ committee, strategy: undefined, followers: seats }, ...cheats];
}

function rowOf({ plan, played, honest }: Game, prices: Prices, table: GasTable): Row {
  const { committee, strategy, followers } = plan;
  const books = (run: Played): Books => averageOf(followers.map((seat) => bookOf(run, seat, prices, table)));
  const profits = played.map((run) => profitOf(books(run)));
  const victim = Array.from({ length: committee }, (_, seat) => seat).find(
    (seat) => !followers.includes(seat),
  );
  const gainOf = (of: (run: Played) => number): Spread =>
    spreadOf(
      played.map((run, i) => {
        const base = of(honest[i] as Played);
        const more = of(run) - base;
        // Nothing more than nothing, where a provider lost everything.
        return more === 0 ? 0 : more / Math.abs(base);
      }),
    );
  const providerPay = (run: Played): number =>
    dollars(run.providers.at(-1) ?? 0n, run, prices) / (run.blocks / run.interval);
  return {
    committee,
    strategy: strategy?.name ?? "honest",
    text: strategy?.text ?? "does what the protocol says",
    followers: followers.length,
    books: averageOf(played.map(books)),
    profit: spreadOf(profits),
    gain: gainOf((run) => profitOf(books(run))),
    providerGain: gainOf(providerPay),
    victimGain:
      victim === undefined ? undefined : gainOf((run) => profitOf(bookOf(run, victim, prices, table))),
  };
}

function bookOf(run: Played, seat: number, prices: Prices, table: GasTable): Books {
  const account = run.keepers[seat];
  if (account === undefined) throw new RangeError(`no keeper ${seat}`);
  return booksOf(account, run, prices, table);
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
