/** Counts events in the metrics: challenges recorded, settlements booked. */
import type { PrometheusMetrics } from "./adapters/telemetry-prometheus.ts";
import type { BookedSettlement, LedgerPort } from "./ports/ledger.ts";

/** A ledger that counts every challenge before it passes it to `ledger`. */
export function countingLedger(ledger: LedgerPort, metrics: PrometheusMetrics): LedgerPort {
  return {
    addChallenge: (served, record, committed) => {
      const { group } = served;
      const provider = String(record.provider);
      const recorded = record.outcome;
      const proven = recorded.kind === "proven" && recorded.bytes < committed ? "partial" : "whole";
      const outcome = recorded.kind === "failed" ? "failed" : proven;
      metrics.add("whitepay_challenges_total", { group, provider, outcome });
      if (recorded.kind === "failed") {
        metrics.add("whitepay_challenge_failures_total", { group, provider, reason: recorded.reason });
      }
      ledger.addChallenge(served, record, committed);
    },
  };
}

export function countSettlements(metrics: PrometheusMetrics, settlements: readonly BookedSettlement[]): void {
  for (const { group, transaction } of settlements) {
    metrics.add("whitepay_settlements_total", { group });
    metrics.add("whitepay_settle_gas_total", { group }, Number(transaction.gasUsed));
  }
}
