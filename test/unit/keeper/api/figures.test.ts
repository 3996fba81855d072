import { describe, expect, it } from "vitest";
import { PrometheusMetrics } from "../../../../keeper/adapters/telemetry-prometheus.ts";
import { setFigures } from "../../../../keeper/api/figures.ts";
import type { CommitteeStatus, GroupStatus, KeeperStatus } from "../../../../keeper/api/schemas.ts";

const nothing = {
  whole: 0,
  partial: 0,
  failed: 0,
  bytesProven: "0",
  bytesCommitted: "0",
  fromSlot: null,
  toSlot: null,
};

function committeeOf(committee: string, change: Partial<CommitteeStatus>): CommitteeStatus {
  const member = { index: 0, operator: "0xaa", me: false, connected: true, latency_ms: 20, speaks: 4 };
  return {
    committee,
    version: 1,
    ts: 100,
    view: 150,
    turn: 1,
    leader: 0,
    phase: "sign",
    round: null,
    failed: [],
    seat: 0,
    params: {
      originBlock: 0,
      interval: 40,
      turn: 30,
      slot: 10,
      answer: 5,
      confirmations: 1,
      toleranceBps: 100,
    },
    next: [],
    members: [member],
    connected: 4,
    quorum: 3,
    groups: 1,
    overdue_s: 0,
    secondInstance: false,
    ...change,
  };
}

function groupOf(committee: string, group: string, settledThrough: number): GroupStatus {
  const half = { ...nothing, whole: 1, partial: 1, bytesProven: "300", bytesCommitted: "400" };
  const provider = {
    index: 0,
    operator: "0xbb",
    committedBytes: "200",
    price: "1",
    lastSlot: 3,
    lastOutcome: "proven",
    lastBytes: "100",
    late: half,
    interval: half,
  };
  return {
    group,
    committee,
    number: 1,
    entered: 0,
    left: null,
    settledThrough,
    terms: { ceiling: 1, keeperFee: "0", keeperShareBps: 1000 },
    providers: [provider],
    proven: { late: half, interval: half },
    challenges: {
      asked: 2,
      whole: 1,
      partial: 1,
      failed: 0,
      unmeasured: 0,
      bytesProven: "300",
      bytesCommitted: "400",
    },
    money: null,
    earned: null,
    bookedThrough: 120,
  };
}

function statusOf(committees: CommitteeStatus[], groups: GroupStatus[]): KeeperStatus {
  return {
    operator: "0xaa",
    peerId: "",
    startedAt_ms: 0,
    ready: true,
    problems: [],
    head: 151,
    view: 150,
    headTime_s: null,
    headAge_s: 1,
    headAgeLimit_s: 10,
    chainStopped: false,
    block_s: null,
    measured: null,
    clock: null,
    diskFreeBytes: null,
    diskLow: false,
    funds: null,
    peers: 3,
    policy: { tokens: [], leastKeeperFee: "0", mostProviders: null },
    committees,
    groups,
  };
}

/** The values of one metric, by the text of the labels. */
async function valuesOf(metrics: PrometheusMetrics, name: string): Promise<Record<string, string>> {
  const lines = (await metrics.registry.metrics()).matchAll(/^(\w+)(?:\{([^}]*)\})? (\S+)$/gm);
  return Object.fromEntries(
    [...lines].filter(([, found]) => found === name).map(([, , labels = "", value = ""]) => [labels, value]),
  );
}

describe("the metrics of a keeper with seats in several committees", () => {
  const [one, two] = [committeeOf("0x1", { turn: 2, groups: 2 }), committeeOf("0x2", { ts: 90, leader: 3 })];
  const groups = [groupOf("0x1", "0x11", 100), groupOf("0x1", "0x12", 60), groupOf("0x2", "0x21", 90)];

  it("name each committee's round, and each group's settlement and providers", async () => {
    const metrics = new PrometheusMetrics();
    setFigures(metrics, statusOf([one, two], groups));
    const of = (name: string): Promise<Record<string, string>> => valuesOf(metrics, name);
    expect(await of("whitepay_turn")).toEqual({ 'committee="0x1"': "2", 'committee="0x2"': "1" });
    expect(await of("whitepay_certified_block")).toEqual({
      'committee="0x1"': "100",
      'committee="0x2"': "90",
    });
    expect(await of("whitepay_leads_next")).toEqual({ 'committee="0x1"': "1", 'committee="0x2"': "0" });
    expect(await of("whitepay_committee_groups")).toEqual({ 'committee="0x1"': "2", 'committee="0x2"': "1" });
    expect(await of("whitepay_settled_block")).toEqual({
      'group="0x11"': "100",
      'group="0x12"': "60",
      'group="0x21"': "90",
    });
    expect((await of("whitepay_proven_bytes"))['group="0x12",provider="0"']).toBe("150");
    expect((await of("whitepay_ledger_behind_blocks"))['group="0x21"']).toBe("31");
  });

  it("lose a group and a committee that are left", async () => {
    const metrics = new PrometheusMetrics();
    setFigures(metrics, statusOf([one, two], groups));
    setFigures(metrics, statusOf([one], groups.slice(0, 1)));
    for (const name of ["whitepay_turn", "whitepay_settled_block", "whitepay_proven_bytes"])
      expect(Object.keys(await valuesOf(metrics, name)), name).toHaveLength(1);
  });
});
