/** Metrics for Prometheus. docs/metrics.md is made from this table, and a test checks the alert rules against it. */
import { counter, gauge, MetricSet } from "../../daemon/http/metrics.ts";
import type { MetricTable } from "../../daemon/http/metrics.ts";
import type { ReasonCode } from "../../protocol/reasons.ts";

export const metrics = {
  whitepay_reasons_total: counter(
    "Number of times that something was skipped, refused or missed, by the committee or group that it is about, and by reason (docs/reasons.md).",
    "contract",
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
    "Bytes proven by the provider in a slot, mean of the last 4 slots with a record; a failed challenge counts 0.",
    "group",
    "provider",
  ),
  whitepay_committed_bytes: gauge(
    "Bytes committed by the provider in a slot, mean of the same slots.",
    "group",
    "provider",
  ),
  whitepay_settlements_total: counter("Settlements on chain since the start, from any sender.", "group"),
  whitepay_settle_gas_total: counter(
    "Gas of the transactions with these settlements; one that settles several groups counts for each of them.",
    "group",
  ),
  whitepay_turns_missed_total: counter(
    "Turns that ended without a certificate since the start.",
    "committee",
  ),
  whitepay_rpc_errors_total: counter("Failed calls to the chain since the start, for ledger and metrics."),
  whitepay_head_block: gauge("Highest block seen by this keeper."),
  whitepay_head_age_seconds: gauge(
    "Age of the newest block handled: time since it was handled or since its timestamp, whichever is longer.",
  ),
  whitepay_head_age_limit_seconds: gauge(
    "Limit for the head's age, above which the keeper is not ready: the larger of 10 s and five times the 95th percentile of the last 100 block times.",
  ),
  whitepay_certified_block: gauge("Block through which the committee has certified (ts).", "committee"),
  whitepay_settled_block: gauge("Block through which the group is settled.", "group"),
  whitepay_turn: gauge("Turn of the open interval; 0 before the first turn.", "committee"),
  whitepay_overdue_seconds: gauge(
    "Time since the open interval became payable, estimated from the mean time of a block; 0 before the first turn.",
    "committee",
  ),
  whitepay_round_phase: gauge(
    "1 for the current phase of the round, 0 for the others.",
    "committee",
    "phase",
  ),
  whitepay_leads_next: gauge(
    "1 if this keeper leads the current turn, or the first turn before it begins.",
    "committee",
  ),
  whitepay_committee_connected: gauge(
    "Connected members of the committee, including this keeper.",
    "committee",
  ),
  whitepay_committee_quorum: gauge("Members that must sign a certificate (2f+1).", "committee"),
  whitepay_committee_groups: gauge("Groups that the committee serves.", "committee"),
  whitepay_second_instance: gauge(
    "1 if another process uses this keeper's key. The keeper then signs nothing.",
    "committee",
  ),
  whitepay_contract_unreadable: gauge(
    "1 if the state of the committee or group, or the registry or a factory, cannot be read from the chain. Its other metrics are then out of date.",
    "contract",
  ),
  whitepay_peer_latency_seconds: gauge("Round-trip time to another keeper.", "operator"),
  whitepay_relay_places: gauge(
    "Peers with a place at the relay that this keeper offers; 0 if it offers none, as for the next four.",
  ),
  whitepay_relay_reservations: gauge("Peers without an open port that have a reservation at the relay."),
  whitepay_relay_connections: gauge("Connections between two other peers that the relay carries."),
  whitepay_relay_received_bytes_total: counter(
    "Bytes that peers sent to the relay since the start: those that it carried, and requests.",
  ),
  whitepay_relay_refused_total: counter(
    "Connections, records, reservations and calls that the relay refused since the start.",
  ),
  whitepay_operator_balance_coins: gauge("Balance of the operator account in whole coins of the chain."),
  whitepay_operator_transactions_left: gauge(
    "Certificates whose gas the operator account can pay at the fees of recent blocks.",
  ),
  whitepay_group_runway_seconds: gauge(
    "Time until the group's money is spent on its current data, from the mean time of the last 7,200 blocks.",
    "group",
  ),
  whitepay_group_reserved_seconds: gauge(
    "Part of that time that is paid from the reserve, which the payer cannot withdraw.",
    "group",
  ),
  whitepay_group_arrears: gauge("Token units that the group owes and cannot pay.", "group"),
  whitepay_clock_offset_seconds: gauge(
    "Offset of the local clock from the chain endpoint's; above 0: ahead.",
  ),
  whitepay_clock_uncertainty_seconds: gauge("Largest error of the measured offset."),
  whitepay_disk_free_bytes: gauge("Free space on the disk of the keeper's data folder."),
  whitepay_ledger_queue_rows: gauge("Rows waiting to be written to the ledger."),
  whitepay_ledger_behind_blocks: gauge("Number of blocks by which the ledger is behind the head.", "group"),
  whitepay_memory_bytes: gauge("Resident memory of the process."),
  whitepay_uptime_seconds: gauge("Time since the start of the process."),
} as const satisfies MetricTable;

export type MetricName = keyof typeof metrics;

export class PrometheusMetrics extends MetricSet<typeof metrics> {
  constructor() {
    super(metrics);
  }

  /** @param contract the committee or group that it is about; empty: neither */
  readonly reason = (contract: string, code: ReasonCode): void => {
    this.add("whitepay_reasons_total", { contract, code });
    // A committee misses a turn.
    if (code === "turn-missed") this.add("whitepay_turns_missed_total", { committee: contract });
  };
}
