/** The text of GET /metrics. Gauges are set when it is asked for. */
import type { RelayFigures } from "./adapters/libp2p/relay-node.ts";
import type { PrometheusMetrics } from "./adapters/telemetry-prometheus.ts";
import { groupsServed } from "./api/served.ts";
import { setFigures } from "./api/figures.ts";
import { statusOf } from "./api/status.ts";
import type { StatusSource } from "./api/status.ts";
import type { HistoryPort } from "./ports/history.ts";
import type { LedgerQueue } from "./runtime/ledger-queue.ts";

const noRelay: RelayFigures = { places: 0, reservations: 0, relayed: 0, receivedBytes: 0, refused: 0 };

function setRelay(metrics: PrometheusMetrics, before: RelayFigures, now: RelayFigures): RelayFigures {
  metrics.set("whitepay_relay_places", {}, now.places);
  metrics.set("whitepay_relay_reservations", {}, now.reservations);
  metrics.set("whitepay_relay_connections", {}, now.relayed);
  metrics.add("whitepay_relay_received_bytes_total", {}, now.receivedBytes - before.receivedBytes);
  metrics.add("whitepay_relay_refused_total", {}, now.refused - before.refused);
  return now;
}

export function metricsText(
  metrics: PrometheusMetrics,
  source: StatusSource,
  queue: Pick<LedgerQueue, "length">,
  history: Pick<HistoryPort, "errors">,
  relay: (() => RelayFigures) | undefined,
): () => Promise<string> {
  let countedErrors = 0;
  let counted = noRelay;
  return async () => {
    setFigures(metrics, await statusOf(source));
    const unreadable = source.unreadable();
    metrics.reset("whitepay_contract_unreadable");
    const { keeper } = source;
    for (const contract of new Set([...keeper.committees, ...groupsServed(keeper), ...unreadable.keys()])) {
      metrics.set("whitepay_contract_unreadable", { contract }, unreadable.has(contract) ? 1 : 0);
    }
    metrics.set("whitepay_ledger_queue_rows", {}, queue.length);
    metrics.add("whitepay_rpc_errors_total", {}, history.errors - countedErrors);
    countedErrors = history.errors;
    counted = setRelay(metrics, counted, relay?.() ?? noRelay);
    return metrics.registry.metrics();
  };
}
