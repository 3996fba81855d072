/** The challenge records that keepers serve over HTTP. */
import { z } from "zod";
import { checkInput } from "../console/json-input.ts";
import { say } from "../console/output.ts";

const statusDocument = z.object({ operator: z.string() });
const challengesDocument = z.object({
  items: z.array(
    z.object({
      provider: z.int(),
      slot: z.int(),
      outcome: z.string(),
      reason: z.string().nullable(),
      bytes: z.string().regex(/^\d{1,40}$/),
    }),
  ),
  /** The next page begins before this slot; null at the end. */
  next: z.int().nullable(),
});

export type RecordedChallenge = {
  readonly provider: number;
  readonly slot: number;
  readonly outcome: string;
  readonly reason: string | undefined;
  /** Bytes proven. */
  readonly bytes: bigint;
};

/** By keeper operator, in lower case. */
export type KeeperRecords = ReadonlyMap<string, readonly RecordedChallenge[]>;

const apiTimeout_ms = 5_000;
const apiLimit = 200;
/** Limits a keeper that sends pages without end. */
const apiPages = 100;

async function fetched<T>(url: string, schema: z.ZodType<T>): Promise<T> {
  const response = await fetch(url, { signal: AbortSignal.timeout(apiTimeout_ms) });
  if (!response.ok) throw new Error(`HTTP ${response.status}`);
  return checkInput(url, schema, await response.json());
}

type Item = z.output<typeof challengesDocument>["items"][number];

/** Records of one keeper from a slot on. */
async function challengesFrom(base: string, group: string, from: number): Promise<Item[]> {
  const items: Item[] = [];
  let before: number | null | undefined;
  for (let page = 0; page < apiPages; page++) {
    const cursor = before === undefined ? "" : `&before=${before}`;
    const url = `${base}/v1/groups/${group}/challenges?limit=${apiLimit}${cursor}`;
    const found = await fetched(url, challengesDocument);
    items.push(...found.items);
    before = found.next;
    if (before === null || before <= from) break;
  }
  return items.filter(({ slot }) => slot >= from);
}

/** Records of several keepers from a slot on. A keeper that does not answer is reported and left out; duplicates count once. */
export async function recordsOf(
  apis: readonly string[],
  group: string,
  from: number,
): Promise<KeeperRecords> {
  const records = new Map<string, readonly RecordedChallenge[]>();
  await Promise.all(
    apis.map(async (api) => {
      const base = api.replace(/\/$/, "");
      try {
        const { operator } = await fetched(`${base}/v1/status`, statusDocument);
        const items = await challengesFrom(base, group, from);
        records.set(
          operator.toLowerCase(),
          items.map(({ reason, bytes, ...rest }) => ({
            ...rest,
            reason: reason ?? undefined,
            bytes: BigInt(bytes),
          })),
        );
      } catch (error) {
        say(`keeper at ${base}: ${(error as Error).message}`);
      }
    }),
  );
  return records;
}
