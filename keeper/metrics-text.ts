/** The text of GET /metrics. Gauges are set when it is asked for. */
import type { PrometheusMetrics } from "./adapters/telemetry-prometheus.ts";
import { groupsServed } from "./api/served.ts";
import { setFigures } from "./api/figures.ts";
import { statusOf } from "./api/status.ts";
import type { StatusSource } from "./api/status.ts";
import type { HistoryPort } from "./ports/history.ts";
import type { LedgerQueue } from "./runtime/ledger-queue.ts";

export function metricsText(
  metrics: PrometheusMetrics,
  source: StatusSource,
  queue: Pick<LedgerQueue, "length">,
  history: Pick<HistoryPort, "errors">,
): () => Promise<string> {
  let countedErrors = 0;
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
    return metrics.registry.metrics();
  };
}
