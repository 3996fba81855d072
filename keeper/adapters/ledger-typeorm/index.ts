/** The ledger with TypeORM: the same code for an embedded SQLite file and for PostgreSQL. */
import { Between, In, IsNull, LessThan, MoreThan, MoreThanOrEqual } from "typeorm";
import type { DataSource, EntityManager } from "typeorm";
import type { Hex } from "../../../protocol/hash.ts";
import type {
  BookedSettlement,
  BooksPort,
  ChallengeCounts,
  ChallengeOf,
  ChallengeEntry,
  Cursor,
  Earned,
  Move,
  OutcomeCount,
  PeerEntry,
  ReasonEntry,
  ServedGroup,
  Space,
  SpaceEntry,
} from "../../ports/ledger.ts";
import {
  Challenge,
  ChallengeDay,
  chainEntities,
  CursorEntity,
  ItemEntity,
  Peer,
  Reason,
  SettlementEntity,
  ShareEntity,
  TransactionEntity,
} from "./entities.ts";
import type { ChallengeRow } from "./entities.ts";
import { columnsOf, rowsIn } from "./tables.ts";
import type { LedgerRow } from "./tables.ts";
import { openSource, whenFree } from "./open.ts";
import type { LedgerLocation } from "./location.ts";
import { rowsOf, settlementOf } from "./rows.ts";
import { classOf, Tally } from "./tally.ts";

/** Rows of one statement: PostgreSQL takes at most 65,535 values. */
const chunk = 500;
const day_ms = 86_400_000;

/** Cursor value for "nothing booked", inserted by the first writer. */
const nowhere = { block: -1, blockHash: "0x" } as const;

/** First statement of a transaction. Of two writers that start from one cursor, the second one fails here. */
async function moveCursor(manager: EntityManager, group: Hex, { from, to }: Move): Promise<boolean> {
  const cursors = manager.getRepository(CursorEntity);
  if (to === undefined) {
    if (from === undefined) return !(await cursors.existsBy({ group }));
    return (await cursors.delete({ group, ...from })).affected === 1;
  }
  if (from === undefined) {
    await cursors
      .createQueryBuilder()
      .insert()
      .values({ group, ...nowhere, finishedAt: null })
      .orIgnore()
      .execute();
  }
  const moved = await cursors.update({ group, ...(from ?? nowhere) }, { ...to, finishedAt: null });
  return moved.affected === 1;
}

function challengeRow({ committee, group, record, committed }: ChallengeOf, at_ms: number): ChallengeRow {
  const { provider, slot, outcome } = record;
  const proven = outcome.kind === "proven";
  return {
    committee,
    group,
    provider,
    slot,
    outcome: outcome.kind,
    reason: proven ? null : outcome.reason,
    bytes: proven ? outcome.bytes.toString() : "0",
    committed: committed.toString(),
    at_ms,
  };
}

/** @returns the replaced rows */
async function replaceChallenges(
  manager: EntityManager,
  rows: readonly ChallengeRow[],
): Promise<ChallengeRow[]> {
  const repository = manager.getRepository(Challenge);
  const former: ChallengeRow[] = [];
  for (let i = 0; i < rows.length; i += chunk) {
    const part = rows.slice(i, i + chunk);
    const keys = part.map(({ committee, group, provider, slot }) => ({ committee, group, provider, slot }));
    former.push(...(await repository.find({ where: keys })));
    await repository.upsert(part, ["committee", "group", "provider", "slot"]);
  }
  return former;
}

export class TypeormLedger implements BooksPort {
  readonly #source: DataSource;
  readonly #now_ms: () => number;
  readonly #tallies = new Map<string, Tally>();

  private constructor(source: DataSource, now_ms: () => number) {
    this.#source = source;
    this.#now_ms = now_ms;
  }

  /**
   * Opens or creates the ledger and migrates its tables.
   * @throws LedgerError
   */
  static async open(location: LedgerLocation, now_ms: () => number = Date.now): Promise<TypeormLedger> {
    return new TypeormLedger(await openSource(location), now_ms);
  }

  close(): Promise<void> {
    return this.#source.destroy();
  }

  async addChallenges(challenges: readonly ChallengeOf[]): Promise<void> {
    const rows = new Map<string, ChallengeRow>();
    for (const challenge of challenges) {
      const row = challengeRow(challenge, this.#now_ms());
      rows.set(`${row.committee}/${row.group}/${row.provider}/${row.slot}`, row);
    }
    const added = [...rows.values()];
    await this.#inTurn(async () => {
      const replaced = await whenFree(() =>
        this.#source.transaction((manager) => replaceChallenges(manager, added)),
      );
      for (const row of replaced) this.#tallies.get(row.group)?.add(row, -1);
      for (const row of added) this.#tallies.get(row.group)?.add(row, 1);
    });
  }

  /** Only this process writes challenges, so the counts are read once and then kept up to date in memory. */
  async #tally(group: string): Promise<Tally> {
    return this.#inTurn(async () => {
      const tally = this.#tallies.get(group) ?? (await Tally.load(this.#source, group));
      this.#tallies.set(group, tally);
      return tally;
    });
  }

  async cursor(group: Hex): Promise<Cursor | undefined> {
    const row = await this.#source.getRepository(CursorEntity).findOneBy({ group });
    return row === null ? undefined : { block: row.block, blockHash: row.blockHash as Hex };
  }

  async groups(): Promise<Hex[]> {
    const rows = await this.#source.getRepository(CursorEntity).find({ order: { group: "ASC" } });
    return rows.map(({ group }) => group as Hex);
  }

  async followed(): Promise<Map<Hex, Cursor>> {
    const rows = await this.#source.getRepository(CursorEntity).findBy({ finishedAt: IsNull() });
    return new Map(
      rows.map(({ group, block, blockHash }) => [group as Hex, { block, blockHash: blockHash as Hex }]),
    );
  }

  async advance(groups: readonly Hex[], { from, to }: { from: Cursor; to: Cursor }): Promise<void> {
    await this.#transaction(async (manager) => {
      for (let i = 0; i < groups.length; i += chunk) {
        await manager
          .getRepository(CursorEntity)
          .update({ group: In(groups.slice(i, i + chunk)), ...from }, { ...to });
      }
    });
  }

  async finish(group: Hex, at: Cursor): Promise<void> {
    await this.#transaction((manager) =>
      manager.getRepository(CursorEntity).update({ group, ...at }, { finishedAt: at.block }),
    );
  }

  async book(
    group: Hex,
    settlements: readonly BookedSettlement[],
    move: Move & { to: Cursor },
  ): Promise<boolean> {
    return this.#transaction(async (manager) => {
      if (!(await moveCursor(manager, group, move))) return false;
      for (const booked of settlements) {
        const rows = rowsOf(booked);
        await manager.getRepository(SettlementEntity).upsert(rows.settlement, ["group", "ts"]);
        await manager.getRepository(TransactionEntity).upsert(rows.transaction, ["group", "ts"]);
        for (let i = 0; i < rows.items.length; i += chunk) {
          const part = rows.items.slice(i, i + chunk);
          await manager.getRepository(ItemEntity).upsert(part, ["group", "ts", "provider"]);
        }
        if (rows.shares.length > 0) {
          await manager.getRepository(ShareEntity).upsert([...rows.shares], ["group", "ts", "keeper"]);
        }
      }
      return true;
    });
  }

  async rewind(group: Hex, move: Move): Promise<boolean> {
    return this.#transaction(async (manager) => {
      if (!(await moveCursor(manager, group, move))) return false;
      const after = move.to === undefined ? { group } : { group, block: MoreThan(move.to.block) };
      const gone = await manager.getRepository(SettlementEntity).find({ select: { ts: true }, where: after });
      // Settlements are consecutive, so all from the first removed one on are deleted.
      const ts = gone.length === 0 ? undefined : Math.min(...gone.map((row) => row.ts));
      for (const entity of ts === undefined ? [] : chainEntities) {
        await manager.getRepository(entity).delete({ group, ts: Between(ts as number, 2 ** 31 - 1) });
      }
      return true;
    });
  }

  async settlements(group: Hex, before: number | undefined, limit: number): Promise<BookedSettlement[]> {
    const found = await this.#source.getRepository(SettlementEntity).find({
      where: before === undefined ? { group } : { group, ts: LessThan(before) },
      order: { ts: "DESC" },
      take: limit,
    });
    const [newest, oldest] = [found[0], found.at(-1)];
    if (newest === undefined || oldest === undefined) return [];
    const where = { group, ts: Between(oldest.ts, newest.ts) };
    const [items, shares, transactions] = await Promise.all([
      this.#source.getRepository(ItemEntity).find({ where, order: { provider: "ASC" } }),
      this.#source.getRepository(ShareEntity).find({ where, order: { keeper: "ASC" } }),
      this.#source.getRepository(TransactionEntity).find({ where }),
    ]);
    return found.flatMap((settlement) => {
      const { ts } = settlement;
      const transaction = transactions.find((row) => row.ts === ts);
      if (transaction === undefined) return [];
      const own = <T extends { ts: number }>(rows: T[]): T[] => rows.filter((row) => row.ts === ts);
      return [settlementOf({ settlement, transaction, items: own(items), shares: own(shares) })];
    });
  }

  async addReasons(reasons: readonly ReasonEntry[]): Promise<void> {
    await this.#transaction(async (manager) => {
      const repository = manager.getRepository(Reason);
      for (const entry of reasons) {
        const { contract, code, day } = entry;
        const row = await repository.findOneBy({ contract, code, day });
        const count = (row?.count ?? 0) + entry.count;
        const detail = entry.detail.slice(0, 500);
        await repository.upsert({ ...entry, count, detail }, ["contract", "code", "day"]);
      }
    });
  }

  async setPeers(peers: readonly PeerEntry[]): Promise<void> {
    if (peers.length === 0) return;
    await this.#transaction((manager) => manager.getRepository(Peer).upsert([...peers], ["operator"]));
  }

  challenges(served: ServedGroup, before: number | undefined, limit: number): Promise<ChallengeEntry[]> {
    return this.#source.getRepository(Challenge).find({
      select: {
        provider: true,
        slot: true,
        outcome: true,
        reason: true,
        bytes: true,
        committed: true,
        at_ms: true,
      },
      where: before === undefined ? { ...served } : { ...served, slot: LessThan(before) },
      order: { slot: "DESC", provider: "ASC" },
      take: limit,
    });
  }

  async earned(group: Hex, operator: Hex): Promise<Earned> {
    const rows = await this.#source
      .getRepository(ShareEntity)
      .find({ where: { group, operator }, order: { ts: "ASC" } });
    // Amounts are text, which databases do not sum exactly.
    const total = rows.reduce((sum, { amount }) => sum + BigInt(amount), 0n);
    return { total, last: BigInt(rows.at(-1)?.amount ?? 0), payments: rows.length };
  }

  async space(served: ServedGroup, from: number, limit: number): Promise<Space> {
    const challenges = this.#source.getRepository(Challenge);
    const count = await challenges.countBy({ ...served, slot: MoreThanOrEqual(from) });
    const query = challenges
      .createQueryBuilder("c")
      .select("c.provider", "provider")
      .addSelect("c.slot", "slot")
      .addSelect("c.outcome", "outcome")
      .addSelect("c.bytes", "bytes")
      .addSelect("c.committed", "committed")
      .where("c.committee = :committee AND c.group = :group AND c.slot >= :from", { ...served, from })
      .orderBy("c.slot", "DESC")
      .addOrderBy("c.provider", "ASC");
    const every = Math.max(1, Math.ceil(count / limit));
    if (every > 1) query.andWhere("c.slot % :every = 0", { every });
    return { every, entries: await query.getRawMany<SpaceEntry>() };
  }

  async outcomes(group: Hex): Promise<OutcomeCount[]> {
    return (await this.#tally(group)).outcomes();
  }

  async challengeCounts(group: Hex): Promise<ChallengeCounts> {
    const counts = { asked: 0, whole: 0, partial: 0, failed: 0, unmeasured: 0 };
    let [bytesProven, bytesCommitted] = [0n, 0n];
    for (const { outcome, count, ...share } of await this.outcomes(group)) {
      counts.asked += count;
      counts[outcome] += count;
      bytesProven += share.bytesProven;
      bytesCommitted += share.bytesCommitted;
    }
    return { ...counts, bytesProven, bytesCommitted };
  }

  reasons(limit: number): Promise<ReasonEntry[]> {
    return this.#source
      .getRepository(Reason)
      .find({ order: { at_ms: "DESC", code: "ASC", contract: "ASC" }, take: limit });
  }

  peers(): Promise<PeerEntry[]> {
    return this.#source.getRepository(Peer).find({ order: { operator: "ASC" } });
  }

  async retain(before_ms: number): Promise<void> {
    const old = { at_ms: LessThan(before_ms) };
    for (;;) {
      const done = await this.#transaction(async (manager) => {
        const rows = await manager.getRepository(Challenge).find({ where: old, take: chunk });
        await this.#fold(manager, rows);
        return rows.length < chunk;
      });
      if (done) break;
    }
    const day = LessThan(Math.floor(before_ms / day_ms));
    await this.#transaction((manager) => manager.getRepository(Reason).delete({ day }));
  }

  async #fold(manager: EntityManager, rows: readonly ChallengeRow[]): Promise<void> {
    const days = manager.getRepository(ChallengeDay);
    for (const row of rows) {
      const { committee, group, provider, slot, reason, at_ms, bytes, committed } = row;
      const outcome = classOf(row);
      const of = { group, provider, day: Math.floor(at_ms / day_ms), outcome, reason: reason ?? "" };
      const known = await days.findOneBy(of);
      const sums =
        committed === null
          ? { bytes: known?.bytes ?? "0", committed: known?.committed ?? "0" }
          : {
              bytes: String(BigInt(known?.bytes ?? 0) + BigInt(bytes)),
              committed: String(BigInt(known?.committed ?? 0) + BigInt(committed)),
            };
      await days.upsert({ ...of, count: (known?.count ?? 0) + 1, ...sums }, [
        "group",
        "provider",
        "day",
        "outcome",
        "reason",
      ]);
      await manager.getRepository(Challenge).delete({ committee, group, provider, slot });
    }
  }

  countSettlements(group: Hex): Promise<number> {
    return this.#source.getRepository(SettlementEntity).countBy({ group });
  }

  /** Column names of a table, in the order of `rows`. */
  columns(table: string): string[] {
    return columnsOf(this.#source, table);
  }

  /** All rows of a table in the order of its key, page by page. @param group only rows of this group, where the table has a group */
  rows(table: string, group: Hex | undefined): AsyncGenerator<LedgerRow> {
    return rowsIn(this.#source, table, group);
  }

  #running: Promise<unknown> = Promise.resolve();

  /**
   * Serialises writes: an embedded database has one connection, and an acknowledged write must not be part of the transaction of another
   * one.
   */
  #transaction<T>(work: (manager: EntityManager) => Promise<T>): Promise<T> {
    return this.#inTurn(() => whenFree(() => this.#source.transaction(work)));
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const next = this.#running.then(work);
    this.#running = next.catch(() => undefined);
    return next;
  }
}
