/** Figures for machines. docs/metrics.md is made from this table, and a test holds the alert rules against it. */
import { Counter, Gauge, Registry } from "prom-client";
import type { ReasonCode } from "../../protocol/reasons.ts";

type Definition = {
  readonly kind: "counter" | "gauge";
  readonly help: string;
  readonly labels: readonly string[];
};

const counter = (help: string, ...labels: string[]): Definition => ({ kind: "counter", help, labels });
const gauge = (help: string, ...labels: string[]): Definition => ({ kind: "gauge", help, labels });

export const metrics = {
  whitepay_reasons_total: counter(
    "Times that something was skipped, refused or missed, by reason (docs/reasons.md).",
    "group",
    "code",
  ),
  whitepay_challenges_total: counter(
    "Challenges recorded by this keeper since its start, by provider index and outcome: whole, partial or failed.",
    "group",
    "provider",
    "outcome",
  ),
  whitepay_challenge_failures_total: counter(
    "Failed challenges since the start, by provider index and reason.",
    "group",
    "provider",
    "reason",
  ),
  whitepay_proven_bytes: gauge(
    "Bytes that the provider proved in a slot, mean of the last 4 slots recorded; 0 where it failed.",
    "group",
    "provider",
  ),
  whitepay_committed_bytes: gauge(
    "Bytes that the provider was committed to in those slots, mean likewise.",
    "group",
    "provider",
  ),
  whitepay_settlements_total: counter(
    "Settlements seen on chain since the start, whoever sent them.",
    "group",
  ),
  whitepay_settle_gas_total: counter("Gas of those settlements.", "group"),
  whitepay_turns_missed_total: counter("Turns that lapsed without a settlement since the start.", "group"),
  whitepay_rpc_errors_total: counter(
    "Questions to the chain that failed since the start, of the books and figures.",
  ),
  whitepay_head_block: gauge("Highest block that this keeper has seen."),
  whitepay_head_age_seconds: gauge(
    "Age of the newest block that was handled, by this machine's time and by the block's own, whichever says more.",
  ),
  whitepay_head_age_limit_seconds: gauge(
    "Age from which the chain counts as stopped: the larger of 10 s and five times the 95th percentile of the last 100 block times.",
  ),
  whitepay_settled_block: gauge("Block through which the group is settled (ts).", "group"),
  whitepay_turn: gauge("Turn of the open interval; 0 before its first.", "group"),
  whitepay_overdue_seconds: gauge(
    "How long the open interval has been payable, in time at the mean pace of blocks; 0 before its first turn.",
    "group",
  ),
  whitepay_round_phase: gauge("1 for the phase that the present round has reached.", "group", "phase"),
  whitepay_leads_next: gauge("1 if this keeper leads the present or the next turn.", "group"),
  whitepay_committee_connected: gauge(
    "Members of the committee that are connected, this keeper included.",
    "group",
  ),
  whitepay_committee_quorum: gauge("Members that must sign a settlement (2f+1).", "group"),
  whitepay_second_instance: gauge(
    "1 if another process was heard that uses this keeper's key: nothing is signed then.",
    "group",
  ),
  whitepay_group_unreadable: gauge(
    "1 if the group's state cannot be read from the chain: what else is shown of it is old.",
    "group",
  ),
  whitepay_peer_latency_seconds: gauge("Time for a question and its answer to another keeper.", "operator"),
  whitepay_operator_balance_coins: gauge("The operator account's balance in whole coins of the chain."),
  whitepay_operator_transactions_left: gauge(
    "Settlements that the operator account can pay at the present gas price.",
  ),
  whitepay_group_runway_seconds: gauge(
    "Time until the group's money is used up by its present data, at the mean pace of the last 7,200 blocks.",
    "group",
  ),
  whitepay_group_reserved_seconds: gauge(
    "Part of that time for which the reserve pays, which the payer cannot withdraw.",
    "group",
  ),
  whitepay_group_arrears: gauge("Token units that the group owes its providers and cannot pay.", "group"),
  whitepay_clock_offset_seconds: gauge(
    "How far the local clock is ahead of the chain endpoint's; below 0: behind.",
  ),
  whitepay_clock_uncertainty_seconds: gauge("How far the offset measured may be off."),
  whitepay_disk_free_bytes: gauge("Free space where the keeper's data lies."),
  whitepay_ledger_queue_rows: gauge("Rows that wait for the ledger."),
  whitepay_ledger_behind_blocks: gauge("Blocks that the ledger is behind the head.", "group"),
  whitepay_memory_bytes: gauge("Resident memory of the process."),
  whitepay_uptime_seconds: gauge("Time since the start of the process."),
} as const satisfies Record<string, Definition>;

export type MetricName = keyof typeof metrics;
type Labels = Record<string, string>;

export class PrometheusMetrics {
  readonly registry = new Registry();
  readonly #counters = new Map<string, Counter>();
  readonly #gauges = new Map<string, Gauge>();

  constructor() {
    for (const [name, { kind, help, labels }] of Object.entries(metrics)) {
      const options = { name, help, labelNames: [...labels], registers: [this.registry] };
      if (kind === "counter") this.#counters.set(name, new Counter(options));
      else this.#gauges.set(name, new Gauge(options));
    }
  }

  add(name: MetricName, labels: Labels = {}, amount = 1): void {
    this.#counters.get(name)?.inc(labels, amount);
  }

  set(name: MetricName, labels: Labels, value: number): void {
    this.#gauges.get(name)?.set(labels, value);
  }

  /** Forgets what a gauge said of things that are no more. */
  reset(name: MetricName): void {
    this.#gauges.get(name)?.reset();
  }

  readonly reason = (group: string, code: ReasonCode): void => {
    this.add("whitepay_reasons_total", { group, code });
    if (code === "turn-missed") this.add("whitepay_turns_missed_total", { group });
  };
}
