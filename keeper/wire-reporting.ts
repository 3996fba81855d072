/** The half of the daemon that people read: ledger, figures, API. Nothing of it can hold up the protocol. */
import { EthersHistory } from "./adapters/chain-ethers/history.ts";
import { systemClock } from "./adapters/clock-system.ts";
import { TypeormLedger } from "./adapters/ledger-typeorm/index.ts";
import { ledgerPlaceOf } from "./ledger-place.ts";
import { PrometheusMetrics } from "./adapters/telemetry-prometheus.ts";
import { setFigures } from "./api/figures.ts";
import { Monitor } from "./api/monitor.ts";
import { shareText, ShareWatch } from "./api/shares.ts";
import { startApi } from "./api/server.ts";
import type { Api } from "./api/server.ts";
import { statusOf } from "./api/status.ts";
import type { StatusSource } from "./api/status.ts";
import { feeLimitsOf } from "./config.ts";
import type { KeeperConfig } from "./config.ts";
import type { Hex } from "../protocol/hash.ts";
import { oldHeadText } from "../daemon/chain/pace.ts";
import type { ChainPace, HeadLook } from "../daemon/chain/pace.ts";
import type { BookedSettlement, LedgerPort } from "./ports/ledger.ts";
import type { TelemetryPort } from "./ports/telemetry.ts";
import type { PeerStatsPort } from "./ports/transport.ts";
import { Bookkeeper } from "./runtime/bookkeeper.ts";
import type { Keeper } from "./runtime/keeper.ts";
import { LedgerQueue } from "./runtime/ledger-queue.ts";
import { fanOut } from "./runtime/telemetry.ts";

const now_ms = (): number => systemClock.now_ms();
const look_ms = 5_000;
const booksEvery_ms = 2_000;
const retention_ms = 90 * 86_400_000;
const retainEvery_ms = 3_600_000;

/** How the chain that the keeper follows is doing. */
type WatchedChain = {
  readonly pace: ChainPace;
  /** By group, why it cannot be read now. */
  readonly unreadable: ReadonlyMap<Hex, string>;
};

export type People = {
  readonly telemetry: TelemetryPort;
  readonly ledger: LedgerPort;
  /** Serves and watches from now on. */
  open(
    keeper: Keeper,
    transport: PeerStatsPort & { readonly peerId: string },
    chain: WatchedChain,
  ): Promise<Api>;
  close(): Promise<void>;
};

function mostProviders(keeper: Keeper, groups: readonly Hex[]): number {
  return Math.max(1, ...groups.map((group) => keeper.stateOf(group)?.group?.providers.length ?? 0));
}

export async function wirePeople(config: KeeperConfig, operator: Hex, log: TelemetryPort): Promise<People> {
  const { groups, dataDir } = config;
  const books = await TypeormLedger.open(await ledgerPlaceOf(config), now_ms);
  // Counting months of challenges takes a while: once, and before the protocol runs.
  for (const group of groups) await books.outcomes(group);
  const { id: chainId, rpc: urls } = config.chain;
  const history = new EthersHistory({ chainId, urls, fees: feeLimitsOf(config) }, now_ms);
  const metrics = new PrometheusMetrics();
  // A reason about the ledger must not go into the ledger.
  const plain = fanOut(log, [metrics.reason]);
  const queue = new LedgerQueue(books, systemClock, (code, detail) => plain.reason("", code, detail));
  const telemetry = fanOut(log, [metrics.reason, (...reason) => queue.addReason(...reason)]);
  const bookkeeper = new Bookkeeper(groups, {
    books,
    history,
    clock: systemClock,
    onBooked: (settlements) => countSettlements(metrics, settlements),
    onTrouble: (group, error) => plain.reason(group, "ledger-behind", (error as Error).message.slice(0, 300)),
  });
  const stop = new AbortController();
  const running: Promise<unknown>[] = [queue.run(stop.signal)];
  let api: Api | undefined;
  return {
    telemetry,
    ledger: meteredLedger(queue, metrics),
    open: async (keeper, transport, chain) => {
      const monitor = new Monitor(
        { operator, groups, dataDir, rpc: urls, mostProviders: () => mostProviders(keeper, groups) },
        {
          history,
          books,
          peers: transport,
          clock: systemClock,
          pace: chain.pace,
          onHead: (look) => tellHead(telemetry, look),
        },
      );
      const source: StatusSource = {
        keeper,
        books,
        surroundings: () => monitor.now,
        unreadable: () => chain.unreadable,
        operator,
        peerId: transport.peerId,
        groups,
        startedAt_ms: systemClock.now_ms(),
        now_ms,
      };
      const watch = new ShareWatch();
      const text = figures(metrics, source, queue, history);
      api = await startApi(config.api, { ...source, metrics: text });
      running.push(
        bookkeeper.run(Math.max(booksEvery_ms, config.chain.poll_ms), stop.signal),
        monitor.run(look_ms, stop.signal, () => tellShares(telemetry, watch, keeper, groups)),
        retain(books, stop.signal, plain),
      );
      return api;
    },
    close: async () => {
      stop.abort();
      await api?.stop();
      await Promise.allSettled(running);
      history.close();
      await books.close();
    },
  };
}

function tellHead(telemetry: TelemetryPort, look: HeadLook): void {
  if (look.isOld)
    telemetry.reason("", "chain-stopped", `${oldHeadText(look)}; it is ${Math.floor(look.age_s)} s old`);
  else telemetry.info(`the chain goes on: block ${look.block}`);
}

function tellShares(
  telemetry: TelemetryPort,
  watch: ShareWatch,
  keeper: Keeper,
  groups: readonly Hex[],
): void {
  for (const group of groups) {
    const state = keeper.stateOf(group);
    const changes = state?.group === undefined ? [] : watch.look(state.group, state);
    for (const { provider, standing, late } of changes) {
      const text = `provider ${provider}: ${shareText(late)}`;
      if (standing === "whole") telemetry.info(`a provider proves all of its data again: ${text}`, { group });
      else telemetry.reason(group, "data-unproven", text);
    }
  }
}

function countSettlements(metrics: PrometheusMetrics, settlements: readonly BookedSettlement[]): void {
  for (const { group, transaction } of settlements) {
    metrics.add("whitepay_settlements_total", { group });
    metrics.add("whitepay_settle_gas_total", { group }, Number(transaction.gasUsed));
  }
}

function meteredLedger(queue: LedgerQueue, metrics: PrometheusMetrics): LedgerPort {
  return {
    addChallenge: (group, record, committed) => {
      const recorded = record.outcome;
      const provider = String(record.provider);
      const proven = recorded.kind === "proven" && recorded.bytes < committed ? "partial" : "whole";
      const outcome = recorded.kind === "failed" ? "failed" : proven;
      metrics.add("whitepay_challenges_total", { group, provider, outcome });
      if (recorded.kind === "failed") {
        metrics.add("whitepay_challenge_failures_total", { group, provider, reason: recorded.reason });
      }
      return queue.addChallenge(group, record, committed);
    },
  };
}

function figures(
  metrics: PrometheusMetrics,
  source: StatusSource,
  queue: LedgerQueue,
  history: EthersHistory,
): () => Promise<string> {
  let errors = 0;
  return async () => {
    setFigures(metrics, await statusOf(source));
    for (const group of source.groups) {
      metrics.set("whitepay_group_unreadable", { group }, source.unreadable().has(group) ? 1 : 0);
    }
    metrics.set("whitepay_ledger_queue_rows", {}, queue.length);
    metrics.add("whitepay_rpc_errors_total", {}, history.errors - errors);
    errors = history.errors;
    return metrics.registry.metrics();
  };
}

/** Growth is bounded: slots older than the retention become daily counts. */
async function retain(books: TypeormLedger, signal: AbortSignal, telemetry: TelemetryPort): Promise<void> {
  while (!signal.aborted) {
    try {
      await books.retain(systemClock.now_ms() - retention_ms);
    } catch (error) {
      telemetry.reason("", "ledger-failed", (error as Error).message.slice(0, 300));
    }
    await systemClock.sleep(retainEvery_ms, signal);
  }
}
