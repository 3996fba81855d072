/** Counts of proven and failed challenges by provider, kept in memory because reading months of rows every second is too slow. */
import type { DataSource } from "typeorm";
import type { OutcomeClass, OutcomeCount, ProvenShare } from "../../ports/ledger.ts";
import { Challenge, ChallengeDay } from "./entities.ts";
import type { ChallengeDayRow, ChallengeRow } from "./entities.ts";

type Kind = Pick<ChallengeRow, "provider" | "outcome" | "reason" | "bytes" | "committed">;
/** PostgreSQL returns counts as text. */
type Counted<T> = T & { readonly count: number | string };

export function classOf({
  outcome,
  bytes,
  committed,
}: Pick<Kind, "outcome" | "bytes" | "committed">): OutcomeClass {
  if (outcome === "failed") return "failed";
  if (committed === null) return "unmeasured";
  return BigInt(bytes) < BigInt(committed) ? "partial" : "whole";
}

/** Of `count` such challenges. */
function shareOf({ bytes, committed }: Kind, count: bigint): ProvenShare {
  if (committed === null) return { bytesProven: 0n, bytesCommitted: 0n };
  return { bytesProven: BigInt(bytes) * count, bytesCommitted: BigInt(committed) * count };
}

export class Tally {
  readonly #counts = new Map<string, OutcomeCount>();

  /** Counts the rows of a group. */
  static async load(source: DataSource, group: string): Promise<Tally> {
    const tally = new Tally();
    // Bytes are text, which databases do not sum. A provider has few different values, so equal values are counted and multiplied.
    const recent = await source
      .getRepository(Challenge)
      .createQueryBuilder("c")
      .select("c.provider", "provider")
      .addSelect("c.outcome", "outcome")
      .addSelect("c.reason", "reason")
      .addSelect("c.bytes", "bytes")
      .addSelect("c.committed", "committed")
      .addSelect("COUNT(*)", "count")
      .where("c.group = :group", { group })
      .groupBy("c.provider")
      .addGroupBy("c.outcome")
      .addGroupBy("c.reason")
      .addGroupBy("c.bytes")
      .addGroupBy("c.committed")
      .getRawMany<Counted<Kind>>();
    for (const row of recent) tally.add(row, Number.parseInt(String(row.count), 10));
    const former: ChallengeDayRow[] = await source.getRepository(ChallengeDay).findBy({ group });
    for (const { provider, outcome, reason, count, bytes, committed } of former) {
      const share = { bytesProven: BigInt(bytes), bytesCommitted: BigInt(committed) };
      tally.#add({ provider, outcome: outcome as OutcomeClass, reason, count, ...share });
    }
    return tally;
  }

  add(row: Kind, change: number): void {
    const { provider, reason } = row;
    const share = shareOf(row, BigInt(change));
    this.#add({ provider, outcome: classOf(row), reason: reason ?? "", count: change, ...share });
  }

  #add(change: OutcomeCount): void {
    const key = `${change.provider}/${change.outcome}/${change.reason}`;
    const known = this.#counts.get(key);
    const count = (known?.count ?? 0) + change.count;
    if (count === 0) {
      this.#counts.delete(key);
      return;
    }
    const bytesProven = (known?.bytesProven ?? 0n) + change.bytesProven;
    const bytesCommitted = (known?.bytesCommitted ?? 0n) + change.bytesCommitted;
    this.#counts.set(key, { ...change, count, bytesProven, bytesCommitted });
  }

  /** By provider: first proven challenges, then failures by reason. */
  outcomes(): OutcomeCount[] {
    const order = ({ outcome, reason }: OutcomeCount): string =>
      outcome === "failed" ? `2${reason}` : `1${outcome}`;
    return [...this.#counts.values()].sort(
      (a, b) => a.provider - b.provider || (order(a) < order(b) ? -1 : 1),
    );
  }
}
