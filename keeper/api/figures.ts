/** Sets the gauges for Prometheus from the status. */
import type { MetricName, PrometheusMetrics } from "../adapters/telemetry-prometheus.ts";
import { phases } from "./round.ts";
import type { CommitteeStatus, GroupStatus, KeeperStatus } from "./schemas.ts";

const weiPerCoin = 1e18;

/** Gauges of peers, committees, groups and providers, which come and go. */
const passing = [
  "whitepay_peer_latency_seconds",
  "whitepay_certified_block",
  "whitepay_turn",
  "whitepay_overdue_seconds",
  "whitepay_committee_connected",
  "whitepay_committee_quorum",
  "whitepay_committee_groups",
  "whitepay_second_instance",
  "whitepay_leads_next",
  "whitepay_round_phase",
  "whitepay_settled_block",
  "whitepay_ledger_behind_blocks",
  "whitepay_group_arrears",
  "whitepay_group_runway_seconds",
  "whitepay_group_reserved_seconds",
  "whitepay_proven_bytes",
  "whitepay_committed_bytes",
] as const satisfies readonly MetricName[];

function setCommittee(metrics: PrometheusMetrics, status: CommitteeStatus): void {
  const { committee } = status;
  metrics.set("whitepay_certified_block", { committee }, status.ts);
  metrics.set("whitepay_turn", { committee }, status.turn);
  metrics.set("whitepay_overdue_seconds", { committee }, status.overdue_s);
  metrics.set("whitepay_committee_connected", { committee }, status.connected);
  metrics.set("whitepay_committee_quorum", { committee }, status.quorum);
  metrics.set("whitepay_committee_groups", { committee }, status.groups);
  metrics.set("whitepay_second_instance", { committee }, status.secondInstance ? 1 : 0);
  metrics.set("whitepay_leads_next", { committee }, status.leader === status.seat ? 1 : 0);
  for (const phase of phases) {
    metrics.set("whitepay_round_phase", { committee, phase }, status.phase === phase ? 1 : 0);
  }
  for (const { operator, latency_ms } of status.members) {
    if (latency_ms !== null) metrics.set("whitepay_peer_latency_seconds", { operator }, latency_ms / 1000);
  }
}

function setGroup(metrics: PrometheusMetrics, status: GroupStatus, head: number): void {
  const { group, bookedThrough, money } = status;
  metrics.set("whitepay_settled_block", { group }, status.settledThrough);
  if (bookedThrough !== null) {
    metrics.set("whitepay_ledger_behind_blocks", { group }, Math.max(0, head - bookedThrough));
  }
  if (money !== null) {
    metrics.set("whitepay_group_arrears", { group }, Number(money.arrears));
    if (money.runway_s !== null) metrics.set("whitepay_group_runway_seconds", { group }, money.runway_s);
    if (money.reserved_s !== null) {
      metrics.set("whitepay_group_reserved_seconds", { group }, money.reserved_s);
    }
  }
  for (const { index, late } of status.providers) {
    const slots = late.whole + late.partial + late.failed;
    if (slots === 0) continue;
    const labels = { group, provider: String(index) };
    metrics.set("whitepay_proven_bytes", labels, Number(late.bytesProven) / slots);
    metrics.set("whitepay_committed_bytes", labels, Number(late.bytesCommitted) / slots);
  }
}

export function setFigures(metrics: PrometheusMetrics, status: KeeperStatus): void {
  // A disconnected peer has no latency, a provider that left no bytes, a group that left no money.
  for (const name of passing) metrics.reset(name);
  metrics.set("whitepay_head_block", {}, status.head);
  metrics.set("whitepay_head_age_seconds", {}, status.headAge_s);
  metrics.set("whitepay_head_age_limit_seconds", {}, status.headAgeLimit_s);
  metrics.set("whitepay_uptime_seconds", {}, process.uptime());
  metrics.set("whitepay_memory_bytes", {}, process.memoryUsage.rss());
  if (status.clock !== null) {
    metrics.set("whitepay_clock_offset_seconds", {}, status.clock.offset_ms / 1000);
    metrics.set("whitepay_clock_uncertainty_seconds", {}, status.clock.uncertainty_ms / 1000);
  }
  if (status.diskFreeBytes !== null) metrics.set("whitepay_disk_free_bytes", {}, status.diskFreeBytes);
  if (status.funds !== null) {
    metrics.set("whitepay_operator_balance_coins", {}, Number(status.funds.balance) / weiPerCoin);
    metrics.set("whitepay_operator_transactions_left", {}, status.funds.transactionsLeft);
  }
  for (const committee of status.committees) setCommittee(metrics, committee);
  for (const group of status.groups) setGroup(metrics, group, status.head);
}
