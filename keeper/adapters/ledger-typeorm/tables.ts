/** The tables of the ledger as rows of plain values, for exports and comparisons. */
import type { DataSource, EntityMetadata } from "typeorm";
import type { Hex } from "../../../protocol/hash.ts";
import { entities } from "./entities.ts";

export type LedgerRow = Record<string, string | number | boolean | null>;

export const tableNames = entities.map(({ options }) => options.name);

/** Rows of one query. */
const page = 500;

/** @throws RangeError if there is no such table */
function metadataOf(source: DataSource, table: string): EntityMetadata {
  const entity = entities.find(({ options }) => options.name === table);
  if (entity !== undefined) return source.getMetadata(entity);
  throw new RangeError(`table: expected ${tableNames.join(", ")}, actual ${table}`);
}

/** Column names of a table, in the order of `rowsIn`. */
export function columnsOf(source: DataSource, table: string): string[] {
  return metadataOf(source, table).columns.map(({ propertyName }) => propertyName);
}

/** All rows of a table in the order of its key. @param group only rows of this group, where the table has a group */
export async function* rowsIn(
  source: DataSource,
  table: string,
  group: Hex | undefined,
): AsyncGenerator<LedgerRow> {
  const { columns, name } = metadataOf(source, table);
  const keys = columns.filter((column) => column.isPrimary).map((column) => column.propertyName);
  const named = keys.find((key) => key === "group" || key === "contract");
  let last: LedgerRow | undefined;
  for (;;) {
    const query = source.getRepository<LedgerRow>(name).createQueryBuilder("t");
    for (const key of keys) query.addOrderBy(`t.${key}`, "ASC");
    if (group !== undefined && named !== undefined) query.andWhere(`t.${named} = :group`, { group });
    if (last !== undefined) {
      const names = keys.map((key) => `t.${key}`).join(", ");
      const values = keys.map((key) => `:after_${key}`).join(", ");
      const after = Object.fromEntries(keys.map((key) => [`after_${key}`, last?.[key]]));
      query.andWhere(`(${names}) > (${values})`, after);
    }
    const rows = await query.take(page).getMany();
    for (const row of rows) {
      yield Object.fromEntries(columns.map(({ propertyName }) => [propertyName, row[propertyName] ?? null]));
    }
    if (rows.length < page) return;
    last = rows.at(-1);
  }
}
