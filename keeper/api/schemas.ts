/** What the JSON API says, as schemas: the answers' types and openapi.json are both made from them. */
import { z } from "@hono/zod-openapi";

const decimal = z
  .string()
  .regex(/^-?\d+$/)
  .openapi({ description: "A whole number in decimal digits, exact" });
const count = z.number().int();
const address = z.string().openapi({ example: `0x${"1f".repeat(20)}` });

export const errorSchema = z
  .object({ error: z.string(), expected: z.string(), actual: z.string() })
  .openapi("Error");

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
    .openapi({ description: "waiting: heard, not checked yet" }),
  signed: z.boolean(),
});

const roundStatus = z
  .object({
    turn: count,
    te: count.openapi({ description: "Block through which this round would pay" }),
    leader: count,
    phase: z.string(),
    open: z.boolean().openapi({ description: "False: the last round, which is over" }),
    announcedBlock: count.nullable().openapi({ description: "null: the leader has announced nothing" }),
    auditBlock: count.nullable(),
    members: z.array(roundMember),
  })
  .openapi("Round");

const share = {
  bytesProven: decimal.openapi({ description: "Sum of the bytes that challenges proved" }),
  bytesCommitted: decimal.openapi({
    description: "Sum of the bytes committed in the slots of these challenges",
  }),
};

const challengeCounts = z
  .object({
    asked: count,
    whole: count.openapi({ description: "All 16 leaves proven" }),
    partial: count.openapi({ description: "Answered in time, with fewer than 16 leaves proven" }),
    failed: count,
    unmeasured: count.openapi({
      description:
        "Proven, and recorded by a release that did not note how much was committed: in neither sum",
    }),
    ...share,
  })
  .openapi("Challenges");

const recordedShare = z
  .object({
    whole: count.openapi({ description: "All 16 leaves proven" }),
    partial: count.openapi({ description: "Answered in time, with fewer than 16 leaves proven" }),
    failed: count,
    ...share,
    fromSlot: count.nullable().openapi({ description: "null: no slot of these has a record" }),
    toSlot: count.nullable(),
  })
  .openapi("Share");

const shares = {
  late: recordedShare.openapi({ description: "The last 4 slots that have a record" }),
  interval: recordedShare.openapi({ description: "Slots of the open interval" }),
};

const groupStatus = z
  .object({
    group: address,
    ts: count.openapi({ description: "Block through which the group is settled" }),
    view: count.openapi({ description: "Block that the keeper acts on: head − confirmations" }),
    turn: count.openapi({ description: "0 before the first turn of the interval" }),
    leader: count.openapi({ description: "Index of the keeper that leads the present turn, or the first" }),
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
      lockup: count,
      price: decimal.openapi({ description: "Token units for one GiB over one block" }),
      keeperShareBps: count,
      toleranceBps: count,
    }),
    next: z.array(turnPlan),
    committee: z.array(
      z.object({
        index: count,
        operator: address,
        me: z.boolean(),
        connected: z.boolean(),
        latency_ms: z.number().nullable(),
        speaks: count.nullable().openapi({
          description: "Newest wire version that it says it understands; null: not heard since the start",
        }),
      }),
    ),
    connected: count,
    quorum: count,
    providers: z.array(
      z.object({
        index: count,
        operator: address,
        committedBytes: decimal,
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
        fundedUntilBlock: decimal,
        runway_s: z.number().nullable(),
        reservedUntilBlock: decimal.openapi({
          description:
            "What the payer cannot withdraw pays for the blocks before it; at most fundedUntilBlock",
        }),
        reserved_s: z.number().nullable(),
      })
      .nullable(),
    earned: z.object({ total: decimal, last: decimal, payments: count }).nullable().openapi({
      description: "Token units that settlements credited this keeper with, as far as they are booked",
    }),
    bookedThrough: count.nullable(),
    overdue_s: z.number(),
    secondInstance: z.boolean(),
  })
  .openapi("Group");

export const statusSchema = z
  .object({
    operator: address,
    peerId: z.string(),
    startedAt_ms: z.number().openapi({ description: "Local time of the start, milliseconds since 1970" }),
    ready: z.boolean(),
    problems: z.array(z.string()),
    head: z.number(),
    view: z.number(),
    headTime_s: z.number().nullable(),
    headAge_s: z.number().openapi({
      description: "Age of the head that was handled last; of the start while there is none",
    }),
    headAgeLimit_s: z.number().openapi({
      description: "Larger of 10 and five times the 95th percentile of the last 100 block times",
    }),
    chainStopped: z
      .boolean()
      .openapi({ description: "The head is older than that: the chain has stopped, or the way to it" }),
    block_s: z.number().nullable().openapi({ description: "Mean time of a block" }),
    measured: z
      .object({ blocks: count, seconds: z.number() })
      .nullable()
      .openapi({ description: "The last blocks, over which block_s is the mean" }),
    clock: z
      .object({ offset_ms: z.number(), uncertainty_ms: z.number() })
      .nullable()
      .openapi({ description: "This machine's clock against an endpoint's; above 0: ahead" }),
    diskFreeBytes: z.number().nullable(),
    /** Wei; gasPrice: base fee and tip of the recent blocks, l1Fee: for the data of a settlement. */
    funds: z
      .object({ balance: decimal, gasPrice: decimal, l1Fee: decimal, transactionsLeft: count })
      .nullable(),
    peers: count,
    groups: z.array(groupStatus),
  })
  .openapi("Status");

export const workSchema = z
  .object({
    head: count.openapi({ description: "Last block that was handled; −1: none" }),
    underWay: count.openapi({ description: "Challenges, checks and writes that have not ended" }),
    handled: count.openapi({ description: "Events since the start" }),
  })
  .openapi("Work");

export const settlementSchema = z
  .object({
    ts: count,
    te: count,
    committee: count,
    leader: count,
    failed: z.array(count),
    payees: z.array(count),
    signers: z.array(count),
    digest: z.string(),
    tx: z.string(),
    block: count,
    blockHash: z.string(),
    sender: address,
    gasUsed: decimal,
    gasPrice: decimal,
    items: z.array(
      z.object({
        provider: count,
        signed: decimal,
        spaceTime: decimal,
        amount: decimal,
        toProvider: decimal,
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
    committed: decimal.nullable().openapi({ description: "Bytes committed in the slot; null: not noted" }),
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
        committed: z
          .array(decimal.nullable())
          .openapi({ description: "Mean of the bytes committed in those slots; null: not noted" }),
        failed: z.array(count).openapi({ description: "Failed challenges in the slots of a point" }),
      }),
    ),
  })
  .openapi("Space");

export const reasonSchema = z
  .object({
    group: z.string(),
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

export const healthSchema = z.object({ status: z.string() }).openapi("Health");
export const readySchema = z
  .object({
    ready: z.boolean(),
    problems: z.array(z.string()),
    headAge_s: z.number(),
    headAgeLimit_s: z.number(),
  })
  .openapi("Readiness");

export type TurnPlan = z.infer<typeof turnPlan>;
export type GroupStatus = z.infer<typeof groupStatus>;
export type KeeperStatus = z.infer<typeof statusSchema>;
export type RoundStatus = z.infer<typeof roundStatus>;
export type ShareDocument = z.infer<typeof recordedShare>;
export type SpaceDocument = z.infer<typeof spaceSchema>;
export type OutcomeDocument = z.infer<typeof outcomeSchema>;
export type ReasonDocument = z.infer<typeof reasonSchema>;
export type SettlementDocument = z.infer<typeof settlementSchema>;
