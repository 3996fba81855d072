/** Schemas of the provider's JSON API. The types of the answers and openapi.json are made from them. */
import { z } from "@hono/zod-openapi";
import { address, count, decimal } from "../../daemon/http/schemas.ts";

const token = z
  .object({
    address: z.string().nullable().openapi({ description: "null: the chain's own coin" }),
    symbol: z.string(),
    decimals: count.nullable(),
  })
  .openapi("Token");

const share = z
  .object({
    whole: count.openapi({ description: "All 16 leaves proven" }),
    partial: count.openapi({ description: "Some of them" }),
    failed: count.openapi({ description: "None of them, or the challenge was refused" }),
    bytesProven: decimal,
    bytesCommitted: decimal,
    fromSlot: count.nullable(),
    toSlot: count.nullable(),
  })
  .openapi("Share");

const money = z
  .object({
    token,
    credit: decimal.openapi({ description: "Token units that this provider may withdraw" }),
    arrears: decimal.openapi({ description: "Token units owed to it beyond that" }),
    coming: decimal.openapi({
      description:
        "Token units earned since the last settlement, at the share that was proven of the last settled interval",
    }),
    settledThrough: count,
    fundedUntilBlock: count.nullable().openapi({
      description: "First block that the payer's money does not pay for; null: none, or it is not known",
    }),
    isFundingKnown: z
      .boolean()
      .openapi({ description: "False without chain.lens in the configuration: the runway is not known" }),
    runway_s: z.number().nullable(),
    reservedUntilBlock: count
      .nullable()
      .openapi({ description: "The payer cannot withdraw the money for the blocks before this one" }),
    reserved_s: z.number().nullable(),
    bookedThrough: count.nullable().openapi({ description: "Payments are known through this block" }),
  })
  .openapi("Money");

const group = z
  .object({
    group: address,
    payer: z.string().nullable(),
    committee: z.string().nullable().openapi({ description: "null: no committee serves it" }),
    next: z
      .object({ committee: address, from: count })
      .nullable()
      .openapi({ description: "The committee that serves it from a block on, in a move" }),
    provider: count.nullable().openapi({ description: "Index in the group; null: not a provider of it" }),
    committedBytes: decimal,
    leavesAt: count.nullable().openapi({ description: "First block without a commitment; null: no notice" }),
    ends: z.boolean().openapi({ description: "The payer ended the group" }),
    fault: z.string().nullable().openapi({ description: "Why the group cannot be read from the chain" }),
    late: share.openapi({ description: "The last 4 slots in which a keeper asked" }),
    money: money.nullable().openapi({ description: "null: not read yet" }),
  })
  .openapi("Group");

const volume = z
  .object({
    path: z.string(),
    condition: z.enum(["ready", "draining", "closed", "read-only", "gone"]),
    reason: z.string().nullable(),
    freeBytes: count,
    storedBytes: count,
    pieces: count,
  })
  .openapi("Volume");

const scrub = z
  .object({
    begunAt_ms: z.number(),
    readBytes: count,
    totalBytes: count,
    endedAt_ms: z.number().nullable().openapi({ description: "End of the last whole pass" }),
    damaged: z.array(z.object({ root: z.string(), text: z.string(), since_ms: z.number() })),
  })
  .openapi("Scrub");

export const statusSchema = z
  .object({
    operator: address,
    peerId: z.string(),
    startedAt_ms: z.number().openapi({ description: "By the local clock, in milliseconds since 1970" }),
    ready: z.boolean(),
    problems: z.array(z.string()),
    head: count.nullable(),
    headAge_s: z.number(),
    headAgeLimit_s: z.number(),
    chainStopped: z.boolean(),
    block_s: z.number().nullable().openapi({ description: "Mean time of a block" }),
    stored: z.object({ pieces: count, bytes: count, freeBytes: count }),
    volumes: z.array(volume),
    scrub: scrub.nullable().openapi({ description: "null: nothing is read yet" }),
    waitingBytes: count.openapi({ description: "Of accepted requests to which no group commits yet" }),
    offers: z.boolean().openapi({ description: "Whether the provider offers room to payers" }),
    totals: z
      .object({
        answered: count,
        whole: count,
        repeated: count,
        refused: count,
        bytesProven: decimal,
        bytesCommitted: decimal,
        served: count,
        servedBytes: count,
      })
      .openapi({ description: "Since the first start" }),
    groups: z.array(group).openapi({ description: "Ascending by address" }),
  })
  .openapi("Status");

export const challengeSchema = z
  .object({
    group: address,
    time_ms: z.number(),
    committee: address,
    keeper: address,
    slot: count,
    outcome: z.enum(["whole", "partial", "failed"]),
    reason: z.string(),
    detail: z.string(),
    bytesProven: decimal,
    bytesCommitted: decimal,
    tookBlocks: count.nullable().openapi({ description: "Between the challenge and the answer" }),
  })
  .openapi("Challenge");

export const outcomeSchema = z
  .object({
    group: address,
    outcome: z.enum(["whole", "partial", "failed"]),
    reason: z.string(),
    count,
    last_ms: z.number(),
    detail: z.string().openapi({ description: "Of the last one" }),
  })
  .openapi("Outcome");

export const monthSchema = z
  .object({
    month: z.string().openapi({ description: "In UTC", example: "2026-11" }),
    group: address,
    token: token.nullable().openapi({ description: "null: the group is not served any more" }),
    earned: decimal.openapi({ description: "Token units credited in the month" }),
    withdrawn: decimal,
    payments: count,
  })
  .openapi("Month");

export const paymentSchema = z
  .object({
    kind: z.enum(["settled", "credited", "arrears", "withdrawn"]),
    block: count,
    tx: z.string(),
    amount: decimal,
    fromBlock: count.nullable(),
    throughBlock: count.nullable(),
  })
  .openapi("Payment");

export type ProviderStatus = z.infer<typeof statusSchema>;
export type GroupDocument = z.infer<typeof group>;
export type MoneyDocument = z.infer<typeof money>;
export type VolumeDocument = z.infer<typeof volume>;
export type ShareDocument = z.infer<typeof share>;
export type TokenDocument = z.infer<typeof token>;
export type ChallengeDocument = z.infer<typeof challengeSchema>;
export type OutcomeDocument = z.infer<typeof outcomeSchema>;
export type MonthDocument = z.infer<typeof monthSchema>;
export type PaymentDocument = z.infer<typeof paymentSchema>;
