/** Sets the gauges for Prometheus from the status. */
import type { PrometheusMetrics } from "../adapters/telemetry-prometheus.ts";
import { phases } from "./round.ts";
import type { GroupStatus, KeeperStatus } from "./schemas.ts";

const weiPerCoin = 1e18;

function setGroup(metrics: PrometheusMetrics, status: GroupStatus): void {
  const group = { committee: status.committeeAddress, group: status.group };
  metrics.set("whitepay_settled_block", group, status.ts);
  metrics.set("whitepay_turn", group, status.turn);
  metrics.set("whitepay_overdue_seconds", group, status.overdue_s);
  metrics.set("whitepay_committee_connected", group, status.connected);
  metrics.set("whitepay_committee_quorum", group, status.quorum);
  metrics.set("whitepay_second_instance", group, status.secondInstance ? 1 : 0);
  metrics.set("whitepay_leads_next", group, status.leader === status.seat ? 1 : 0);
  for (const phase of phases) {
    metrics.set("whitepay_round_phase", { ...group, phase }, status.phase === phase ? 1 : 0);
  }
  if (status.bookedThrough !== null) {
    const behind = Math.max(0, status.view + status.params.confirmations - status.bookedThrough);
    metrics.set("whitepay_ledger_behind_blocks", group, behind);
  }
  if (status.money !== null) {
    metrics.set("whitepay_group_arrears", group, Number(status.money.arrears));
    if (status.money.runway_s !== null)
      metrics.set("whitepay_group_runway_seconds", group, status.money.runway_s);
    if (status.money.reserved_s !== null)
      metrics.set("whitepay_group_reserved_seconds", group, status.money.reserved_s);
  }
  for (const { operator, latency_ms } of status.committee) {
    if (latency_ms !== null) metrics.set("whitepay_peer_latency_seconds", { operator }, latency_ms / 1000);
  }
  for (const { index, late } of status.providers) {
    const slots = late.whole + late.partial + late.failed;
    if (slots === 0) continue;
    const labels = { ...group, provider: String(index) };
    metrics.set("whitepay_proven_bytes", labels, Number(late.bytesProven) / slots);
    metrics.set("whitepay_committed_bytes", labels, Number(late.bytesCommitted) / slots);
  }
}

export function setFigures(metrics: PrometheusMetrics, status: KeeperStatus): void {
  // A disconnected peer has no latency, and a removed provider has no bytes.
  metrics.reset("whitepay_peer_latency_seconds");
  metrics.reset("whitepay_proven_bytes");
  metrics.reset("whitepay_committed_bytes");
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
  for (const group of status.groups) setGroup(metrics, group);
}
