/** Schemas of the JSON API. The types of the answers and openapi.json are made from them. */
import { z } from "@hono/zod-openapi";
import { address, count, decimal } from "../../daemon/http/schemas.ts";

const turnPlan = z
  .object({
    turn: count,
    keeper: count,
    operator: z.string(),
    fromBlock: count,
    toBlock: count,
    inBlocks: count,
    inSeconds: z.number().nullable(),
  })
  .openapi("Turn");

const roundMember = z.object({
  index: count,
  committed: z.boolean(),
  revealed: z
    .enum(["no", "waiting", "counted", "rejected"])
    .openapi({ description: "waiting: received, not checked yet" }),
  signed: z.boolean(),
});

const roundStatus = z
  .object({
    turn: count,
    te: count.openapi({ description: "Block through which this round pays" }),
    leader: count,
    phase: z.string(),
    announcedBlock: count.nullable().openapi({ description: "null: the leader has not announced the round" }),
    auditBlock: count.nullable(),
    members: z.array(roundMember),
  })
  .openapi("Round");

const share = {
  bytesProven: decimal.openapi({ description: "Sum of the bytes proven by challenges" }),
  bytesCommitted: decimal.openapi({
    description: "Sum of the bytes committed in the slots of these challenges",
  }),
};

const challengeCounts = z
  .object({
    asked: count,
    whole: count.openapi({ description: "All 16 leaves proven" }),
    partial: count.openapi({ description: "Answered in time with fewer than 16 leaves proven" }),
    failed: count,
    unmeasured: count.openapi({
      description: "Proven, but recorded by an earlier release without the committed bytes; in neither sum",
    }),
    ...share,
  })
  .openapi("Challenges");

const recordedShare = z
  .object({
    whole: count.openapi({ description: "All 16 leaves proven" }),
    partial: count.openapi({ description: "Answered in time with fewer than 16 leaves proven" }),
    failed: count,
    ...share,
    fromSlot: count.nullable().openapi({ description: "null: none of these slots has a record" }),
    toSlot: count.nullable(),
  })
  .openapi("Share");

const shares = {
  late: recordedShare.openapi({ description: "The last 4 slots with a record" }),
  interval: recordedShare.openapi({ description: "Slots of the open interval" }),
};

const committeeStatus = z
  .object({
    committee: address,
    version: count.openapi({ description: "Version of the members in force" }),
    ts: count.openapi({ description: "Block through which the committee has certified" }),
    view: count.openapi({ description: "Confirmed block, on which the keeper acts: head − confirmations" }),
    turn: count.openapi({ description: "0 before the first turn of the interval" }),
    leader: count.openapi({
      description: "Index of the leader of the current turn, or of the first turn before it begins",
    }),
    phase: z.string(),
    round: roundStatus.nullable(),
    failed: z.array(count),
    seat: z.number().openapi({ description: "Index of this keeper in the committee; −1: none" }),
    params: z.object({
      originBlock: count,
      interval: count,
      turn: count,
      slot: count,
      answer: count,
      confirmations: count,
      toleranceBps: count,
    }),
    next: z.array(turnPlan),
    members: z.array(
      z.object({
        index: count,
        operator: address,
        me: z.boolean(),
        connected: z.boolean(),
        latency_ms: z.number().nullable(),
        speaks: count.nullable().openapi({
          description:
            "Newest wire version that the keeper says it supports; null: no message since the start",
        }),
      }),
    ),
    connected: count,
    quorum: count,
    groups: count.openapi({ description: "Number of groups that the committee serves" }),
    overdue_s: z.number(),
    secondInstance: z.boolean(),
  })
  .openapi("Committee");

const groupStatus = z
  .object({
    group: address,
    committee: address.openapi({
      description: "The committee that serves it; a group that moves is listed for both of its committees",
    }),
    number: count.openapi({ description: "The group's number in the committee" }),
    entered: count.openapi({ description: "First block that the committee serves" }),
    left: count
      .nullable()
      .openapi({ description: "First block that it does not serve any more; null: none" }),
    settledThrough: count.openapi({ description: "Block through which the group is settled" }),
    terms: z.object({
      ceiling: count.openapi({ description: "Providers that the group has reserved" }),
      keeperFee: decimal.openapi({
        description: "Token units per reserved provider and 65,536 blocks",
      }),
      keeperShareBps: count,
    }),
    providers: z.array(
      z.object({
        index: count,
        operator: address,
        committedBytes: decimal,
        price: decimal.openapi({ description: "Token units per 2^64 byte·blocks" }),
        lastSlot: count.nullable(),
        lastOutcome: z.string().nullable(),
        lastBytes: decimal.nullable(),
        ...shares,
      }),
    ),
    proven: z.object(shares).openapi({ description: "All providers together" }),
    challenges: challengeCounts,
    money: z
      .object({
        token: z.object({
          address: z.string().nullable().openapi({ description: "null: the chain's own coin" }),
          symbol: z.string(),
          decimals: count.nullable(),
        }),
        unallocated: decimal,
        arrears: decimal,
        fundedUntilBlock: decimal
          .nullable()
          .openapi({ description: "null: the group costs nothing, so its money lasts for ever" }),
        runway_s: z.number().nullable(),
        reservedUntilBlock: decimal.openapi({
          description:
            "The payer cannot withdraw the money for the blocks before this one; at most fundedUntilBlock",
        }),
        reserved_s: z.number().nullable(),
      })
      .nullable(),
    earned: z.object({ total: decimal, last: decimal, payments: count }).nullable().openapi({
      description: "Token units credited to this keeper by the settlements in its ledger",
    }),
    bookedThrough: count.nullable(),
  })
  .openapi("Group");

export const statusSchema = z
  .object({
    operator: address,
    peerId: z.string(),
    startedAt_ms: z
      .number()
      .openapi({ description: "Time of the start by the local clock, in milliseconds since 1970" }),
    ready: z.boolean(),
    problems: z.array(z.string()),
    head: z.number(),
    view: z.number(),
    headTime_s: z.number().nullable(),
    headAge_s: z.number().openapi({
      description: "Age of the last block handled; while there is none, time since the start",
    }),
    headAgeLimit_s: z.number().openapi({
      description:
        "Largest age of a working chain: the larger of 10 s and five times the 95th percentile of the last 100 block times",
    }),
    chainStopped: z
      .boolean()
      .openapi({ description: "The head is older than that: the chain has stopped or cannot be reached" }),
    block_s: z.number().nullable().openapi({ description: "Mean time of a block" }),
    measured: z
      .object({ blocks: count, seconds: z.number() })
      .nullable()
      .openapi({ description: "The blocks over which block_s is the mean" }),
    clock: z
      .object({ offset_ms: z.number(), uncertainty_ms: z.number() })
      .nullable()
      .openapi({ description: "Offset of this machine's clock from an endpoint's; above 0: ahead" }),
    diskFreeBytes: z.number().nullable().openapi({ description: "Free on the disk of the data folder" }),
    diskLow: z.boolean().openapi({ description: "Less than 2 GiB are free there" }),
    /** In wei. gasPrice: base fee and tip of recent blocks; l1Fee: fee for the data of a certificate. */
    funds: z
      .object({ balance: decimal, gasPrice: decimal, l1Fee: decimal, transactionsLeft: count })
      .nullable(),
    peers: count,
    policy: z
      .object({
        tokens: z.array(address).openapi({ description: "Tokens in which a committee may pay; empty: any" }),
        leastKeeperFee: decimal,
        mostProviders: count.nullable(),
      })
      .openapi({ description: "What a committee must offer so that the operator consents to a seat in it" }),
    committees: z
      .array(committeeStatus)
      .openapi({ description: "Committees in which this keeper has or had a seat, ascending by address" }),
    groups: z
      .array(groupStatus)
      .openapi({ description: "Groups that they serve, ascending by committee and number" }),
  })
  .openapi("Status");

export const workSchema = z
  .object({
    head: count.openapi({ description: "Last block handled; −1: none" }),
    underWay: count.openapi({ description: "Number of challenges, checks and writes in progress" }),
    handled: count.openapi({ description: "Number of events handled since the start" }),
  })
  .openapi("Work");

export const settlementSchema = z
  .object({
    ts: count,
    te: count,
    committee: address,
    version: count,
    leader: count,
    failed: z.array(count),
    payees: z.array(count),
    signers: z.array(count),
    digest: z.string(),
    cut: decimal.openapi({ description: "The keepers' part of the providers' amounts" }),
    fee: decimal.openapi({ description: "The keepers' fee" }),
    tx: z.string(),
    block: count,
    blockHash: z.string(),
    sender: address,
    gasUsed: decimal,
    gasPrice: decimal,
    items: z.array(
      z.object({
        provider: count,
        spaceTime: decimal,
        amount: decimal.openapi({ description: "What the provider got" }),
      }),
    ),
    shares: z.array(z.object({ keeper: count, operator: z.string(), amount: decimal })),
  })
  .openapi("Settlement");

export const challengeSchema = z
  .object({
    provider: count,
    slot: count,
    outcome: z.string(),
    reason: z.string().nullable(),
    bytes: decimal,
    committed: decimal.nullable().openapi({ description: "Bytes committed in the slot; null: not recorded" }),
    at_ms: z.number(),
  })
  .openapi("Challenge");

export const outcomeSchema = z
  .object({
    provider: count,
    outcome: z.enum(["whole", "partial", "failed", "unmeasured"]),
    reason: z.string(),
    explanation: z.string(),
    count,
    ...share,
  })
  .openapi("Outcome");

export const spaceSchema = z
  .object({
    slotsPerPoint: count,
    slots: z.array(count).openapi({ description: "First slot of each point, ascending" }),
    providers: z.array(
      z.object({
        index: count,
        bytes: z
          .array(decimal.nullable())
          .openapi({ description: "Mean of the bytes proven in the slots of a point; null: no record" }),
        committed: z.array(decimal.nullable()).openapi({
          description: "Mean of the bytes committed in the slots of a point; null: not recorded",
        }),
        failed: z
          .array(count)
          .openapi({ description: "Number of failed challenges in the slots of a point" }),
      }),
    ),
  })
  .openapi("Space");

export const reasonSchema = z
  .object({
    contract: z
      .string()
      .openapi({ description: "Address of the committee or group that it is about; empty: neither" }),
    code: z.string(),
    day: count,
    count,
    at_ms: z.number(),
    detail: z.string(),
    explanation: z.string(),
  })
  .openapi("Reason");

export const peerSchema = z
  .object({
    operator: address,
    connected: z.boolean(),
    latency_ms: z.number().nullable(),
    seen_ms: z.number(),
  })
  .openapi("Peer");

export type TurnPlan = z.infer<typeof turnPlan>;
export type CommitteeStatus = z.infer<typeof committeeStatus>;
export type GroupStatus = z.infer<typeof groupStatus>;
export type KeeperStatus = z.infer<typeof statusSchema>;
export type RoundStatus = z.infer<typeof roundStatus>;
export type ShareDocument = z.infer<typeof recordedShare>;
export type SpaceDocument = z.infer<typeof spaceSchema>;
export type OutcomeDocument = z.infer<typeof outcomeSchema>;
export type ReasonDocument = z.infer<typeof reasonSchema>;
export type SettlementDocument = z.infer<typeof settlementSchema>;
