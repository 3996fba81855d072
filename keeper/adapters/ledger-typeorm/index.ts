/** The ledger through TypeORM: an embedded SQLite file by default. */
import { DataSource, MoreThanOrEqual } from "typeorm";
import type { Hex } from "../../core/hash.ts";
import type { ChallengeRecord } from "../../core/records.ts";
import type { ChallengeCounts, LedgerPort, SubmittedSettlement } from "../../ports/ledger.ts";
import { Challenge, entities, ItemEntity, SettlementEntity } from "./entities.ts";
import { migrations } from "./migrations.ts";
import NodeSqlite from "./node-sqlite.ts";

export class TypeormLedger implements LedgerPort {
  readonly #source: DataSource;

  private constructor(source: DataSource) {
    this.#source = source;
  }

  /** Opens or makes the file and brings its tables up to date. */
  static async openFile(path: string): Promise<TypeormLedger> {
    const source = new DataSource({
      type: "better-sqlite3",
      driver: NodeSqlite,
      database: path,
      entities,
      migrations,
      migrationsRun: true,
      // A row that was acknowledged survives kill −9.
      prepareDatabase: (db: NodeSqlite) => {
        db.pragma("journal_mode = WAL");
        db.pragma("synchronous = FULL");
      },
    });
    return new TypeormLedger(await source.initialize());
  }

  close(): Promise<void> {
    return this.#source.destroy();
  }

  async addChallenge(group: Hex, record: ChallengeRecord): Promise<void> {
    const { provider, slot, outcome } = record;
    const proven = outcome.kind === "proven";
    await this.#source.getRepository(Challenge).upsert(
      {
        group,
        provider,
        slot,
        outcome: outcome.kind,
        reason: proven ? null : outcome.reason,
        bytes: proven ? outcome.bytes.toString() : "0",
      },
      ["group", "provider", "slot"],
    );
  }

  async addSettlement(paid: SubmittedSettlement): Promise<void> {
    const { group, settlement, signers, tx, block, gasUsed } = paid;
    const { ts, te, leader, failed, payees, items } = settlement;
    await this.#source.transaction(async (manager) => {
      await manager.getRepository(SettlementEntity).upsert(
        {
          group,
          ts,
          te,
          leader,
          failed: failed.toString(),
          payees: payees.toString(),
          signers: signers.toString(),
          tx,
          block,
          gasUsed: gasUsed.toString(),
        },
        ["group", "ts"],
      );
      const rows = items.map((item) => ({
        group,
        ts,
        provider: item.provider,
        spaceTime: item.spaceTime.toString(),
      }));
      if (rows.length > 0) await manager.getRepository(ItemEntity).upsert(rows, ["group", "ts", "provider"]);
    });
  }

  async dropSettlements(group: Hex, ts: number): Promise<void> {
    await this.#source.transaction(async (manager) => {
      const gone = { group, ts: MoreThanOrEqual(ts) };
      await manager.getRepository(ItemEntity).delete(gone);
      await manager.getRepository(SettlementEntity).delete(gone);
    });
  }

  async challengeCounts(group: Hex): Promise<ChallengeCounts> {
    const repository = this.#source.getRepository(Challenge);
    const asked = await repository.countBy({ group });
    const passed = await repository.countBy({ group, outcome: "proven" });
    return { asked, passed, failed: asked - passed };
  }
}
