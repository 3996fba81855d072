/** How often each provider proved or failed, kept in memory: people ask every second, and a table of months is long. */
import type { DataSource } from "typeorm";
import type { OutcomeCount } from "../../ports/ledger.ts";
import { Challenge, ChallengeDay } from "./entities.ts";
import type { ChallengeRow } from "./entities.ts";

type Counted = Pick<ChallengeRow, "provider" | "outcome" | "reason">;

export class Tally {
  readonly #counts = new Map<string, OutcomeCount>();

  /** Counts what the tables of a group hold. */
  static async load(source: DataSource, group: string): Promise<Tally> {
    const tally = new Tally();
    const recent = await source
      .getRepository(Challenge)
      .createQueryBuilder("c")
      .select("c.provider", "provider")
      .addSelect("c.outcome", "outcome")
      .addSelect("c.reason", "reason")
      .addSelect("COUNT(*)", "count")
      .where("c.group = :group", { group })
      .groupBy("c.provider")
      .addGroupBy("c.outcome")
      .addGroupBy("c.reason")
      .getRawMany<Counted & { count: number | string }>();
    const former = await source
      .getRepository(ChallengeDay)
      .createQueryBuilder("d")
      .select("d.provider", "provider")
      .addSelect("d.outcome", "outcome")
      .addSelect("d.reason", "reason")
      .addSelect("SUM(d.count)", "count")
      .where("d.group = :group", { group })
      .groupBy("d.provider")
      .addGroupBy("d.outcome")
      .addGroupBy("d.reason")
      .getRawMany<Counted & { count: number | string }>();
    // PostgreSQL gives counts as text.
    for (const row of [...recent, ...former]) tally.add(row, Number.parseInt(String(row.count), 10));
    return tally;
  }

  add({ provider, outcome, reason }: Counted, change: number): void {
    const row = { provider, outcome, reason: reason ?? "" };
    const key = `${row.provider}/${row.outcome}/${row.reason}`;
    const count = (this.#counts.get(key)?.count ?? 0) + change;
    if (count === 0) this.#counts.delete(key);
    else this.#counts.set(key, { ...row, count });
  }

  outcomes(): OutcomeCount[] {
    return [...this.#counts.values()].sort(
      (a, b) => a.provider - b.provider || (a.reason < b.reason ? -1 : 1),
    );
  }
}
