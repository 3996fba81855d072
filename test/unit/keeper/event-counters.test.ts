/** Counters of challenges and settlements, and that a counted challenge still reaches the ledger. */
import { describe, expect, it } from "vitest";
import { PrometheusMetrics } from "../../../keeper/adapters/telemetry-prometheus.ts";
import { countingLedger, countSettlements } from "../../../keeper/event-counters.ts";
import type { BookedSettlement } from "../../../keeper/ports/ledger.ts";
import type { ChallengeRecord, Outcome } from "../../../protocol/records.ts";
import { hashAt } from "../../support/machine.ts";

const group = `0x${"67".repeat(20)}` as const;
const served = { committee: `0x${"c0".repeat(20)}`, group } as const;

function recordOf(provider: number, outcome: Outcome): ChallengeRecord {
  return { group: 1, provider, slot: 3, blockHash: hashAt(1), outcome };
}

async function valuesOf(metrics: PrometheusMetrics, name: string): Promise<Record<string, number>> {
  const metric = await metrics.registry.getSingleMetric(name)?.get();
  return Object.fromEntries(
    (metric?.values ?? []).map(({ labels, value }) => {
      const { group: _group, ...others } = labels;
      return [Object.values(others).join("/"), value];
    }),
  );
}

describe("the counting ledger", () => {
  it("counts each challenge by provider and outcome, and passes it on unchanged", async () => {
    const metrics = new PrometheusMetrics();
    const rows: unknown[] = [];
    const ledger = countingLedger({ addChallenge: (...row) => void rows.push(row) }, metrics);
    const proven = (bytes: bigint): Outcome => ({ kind: "proven", bytes, receiptHash: hashAt(2) });
    const records = [
      recordOf(0, proven(1_600n)),
      recordOf(0, proven(1_600n)),
      recordOf(0, proven(100n)),
      recordOf(1, { kind: "failed", reason: "late" }),
    ];
    for (const record of records) ledger.addChallenge(served, record, 1_600n);
    expect(rows).toEqual(records.map((record) => [served, record, 1_600n]));
    expect(await valuesOf(metrics, "whitepay_challenges_total")).toEqual({
      "0/whole": 2,
      "0/partial": 1,
      "1/failed": 1,
    });
    expect(await valuesOf(metrics, "whitepay_challenge_failures_total")).toEqual({ "1/late": 1 });
  });
});

describe("booked settlements", () => {
  it("are counted with their gas", async () => {
    const metrics = new PrometheusMetrics();
    const transaction = {
      tx: hashAt(1),
      block: 5,
      blockHash: hashAt(5),
      sender: group,
      gasUsed: 250_000n,
      gasPrice: 1n,
    };
    const settlement: BookedSettlement = {
      group,
      ts: 10,
      te: 70,
      committee: served.committee,
      version: 1,
      leader: 0,
      failed: 0n,
      payees: 15n,
      signers: 7n,
      digest: hashAt(3),
      cut: 1n,
      fee: 0n,
      transaction,
      items: [],
      shares: [],
    };
    countSettlements(metrics, [settlement, settlement]);
    expect(await valuesOf(metrics, "whitepay_settlements_total")).toEqual({ "": 2 });
    expect(await valuesOf(metrics, "whitepay_settle_gas_total")).toEqual({ "": 500_000 });
  });
});
