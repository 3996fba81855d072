/** The status that a running keeper serves over HTTP. */
import { z } from "zod";

const count = z.int();
const decimal = z.string().regex(/^\d{1,80}$/);

const share = z.object({
  whole: count,
  partial: count,
  failed: count,
  bytesProven: decimal,
  bytesCommitted: decimal,
  fromSlot: count.nullable(),
  toSlot: count.nullable(),
});
const shares = z.object({ late: share, interval: share });

export type RunningShare = z.output<typeof share>;

/** The fields of `GET /v1/status` that commands use. Earlier releases do not send the optional ones. */
const statusDocument = z.object({
  head: count,
  view: count,
  peers: count,
  /** Why it cannot do its work now. */
  problems: z.array(z.string()).optional().catch(undefined),
  headAge_s: z.number().optional().catch(undefined),
  diskFreeBytes: z.number().nullable().optional().catch(undefined),
  diskLow: z.boolean().optional().catch(undefined),
  committees: z.array(
    z.object({
      committee: z.string(),
      ts: count,
      turn: count,
      leader: count,
      phase: z.string(),
      members: z
        .array(z.object({ index: count, speaks: count.nullable() }))
        .optional()
        .catch(undefined),
    }),
  ),
  groups: z.array(
    z.object({
      group: z.string(),
      committee: z.string(),
      /** In its committee. */
      number: count,
      settledThrough: count,
      challenges: z
        .object({
          asked: count,
          whole: count,
          partial: count,
          failed: count,
          unmeasured: count,
          bytesProven: decimal,
          bytesCommitted: decimal,
        })
        .optional()
        .catch(undefined),
      proven: shares.optional().catch(undefined),
      providers: z
        .array(shares.extend({ index: count }))
        .optional()
        .catch(undefined),
    }),
  ),
});

export type RunningStatus = z.output<typeof statusDocument>;

const statusTimeout_ms = 5_000;

/** Undefined if nothing answers there, or something other than a keeper. */
export async function statusOf(api: string): Promise<RunningStatus | undefined> {
  try {
    const response = await fetch(`${api}/v1/status`, { signal: AbortSignal.timeout(statusTimeout_ms) });
    return statusDocument.safeParse(await response.json()).data;
  } catch {
    return undefined;
  }
}
