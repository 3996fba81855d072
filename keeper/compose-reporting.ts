/** Composes reporting: ledger, metrics, HTTP. Reporting never blocks the protocol. */
import { EthersHistory } from "./adapters/chain-ethers/history.ts";
import { systemClock } from "./adapters/clock-system.ts";
import type { RelayFigures } from "./adapters/libp2p/relay-node.ts";
import { TypeormLedger } from "./adapters/ledger-typeorm/index.ts";
import { PrometheusMetrics } from "./adapters/telemetry-prometheus.ts";
import { Monitor } from "./api/monitor.ts";
import { ShareWatch } from "./api/shares.ts";
import { certifyingOf, groupsServed } from "./api/served.ts";
import { startApi } from "./api/server.ts";
import type { HttpServer } from "../daemon/http/server.ts";
import type { StatusSource } from "./api/status.ts";
import { feeLimitsOf } from "./config.ts";
import type { KeeperConfig } from "./config.ts";
import { countingLedger, countSettlements } from "./event-counters.ts";
import { ledgerLocationOf } from "./ledger-location.ts";
import { retainLedger } from "./ledger-retention.ts";
import { metricsText } from "./metrics-text.ts";
import { diskNotices, noticeHead, noticeShares } from "./notices.ts";
import { largestOf } from "../protocol/funds.ts";
import type { Hex } from "../protocol/hash.ts";
import type { ChainPace, HeadLook } from "../daemon/chain/pace.ts";
import type { LedgerPort } from "./ports/ledger.ts";
import type { TelemetryPort } from "./ports/telemetry.ts";
import type { PeerStatsPort } from "./ports/transport.ts";
import { Bookkeeper } from "./runtime/bookkeeper.ts";
import type { Keeper } from "./runtime/keeper.ts";
import { LedgerQueue } from "./runtime/ledger-queue.ts";
import { fanOut } from "./runtime/telemetry.ts";

const now_ms = (): number => systemClock.now_ms();
const monitorEvery_ms = 5_000;
const booksEvery_ms = 2_000;
const maxDetailChars = 300;

type PeerStats = PeerStatsPort & { readonly peerId: string };

/** Undefined: the keeper offers none. */
type OfferedRelay = { readonly figures: RelayFigures } | undefined;

export type Reporting = {
  readonly telemetry: TelemetryPort;
  readonly ledger: LedgerPort;
  /** Starts the HTTP server, the bookkeeper and the monitor. */
  open(keeper: Keeper, transport: PeerStats, chain: WatchedChain, relay: OfferedRelay): Promise<HttpServer>;
  close(): Promise<void>;
};

/** The part of the chain adapter that reporting reads. */
type WatchedChain = {
  readonly pace: ChainPace;
  /** By address: why a committee or a group cannot be read now. */
  readonly unreadable: ReadonlyMap<Hex, string>;
};

type MonitorParts = {
  readonly config: KeeperConfig;
  readonly operator: Hex;
  readonly books: TypeormLedger;
  readonly history: EthersHistory;
  readonly telemetry: TelemetryPort;
};

export async function composeReporting(
  config: KeeperConfig,
  operator: Hex,
  log: TelemetryPort,
): Promise<Reporting> {
  const books = await TypeormLedger.open(await ledgerLocationOf(config), now_ms);
  const { id: chainId, rpc: urls } = config.chain;
  const history = new EthersHistory({ chainId, urls, fees: feeLimitsOf(config) }, now_ms);
  const metrics = new PrometheusMetrics();
  // A reason about the ledger must not go into the ledger.
  const beside = fanOut(log, [metrics.reason]);
  const queue = new LedgerQueue(books, systemClock, (code, detail) => beside.reason("", code, detail));
  const telemetry = fanOut(log, [metrics.reason, (...reason) => queue.addReason(...reason)]);
  let served: () => readonly Hex[] = () => [];
  const groups = everServed(() => served());
  const bookkeeper = new Bookkeeper(() => served(), {
    books,
    history,
    clock: systemClock,
    onBooked: (settlements) => countSettlements(metrics, settlements),
    onTrouble: (group, error) =>
      beside.reason(group, "ledger-behind", (error as Error).message.slice(0, maxDetailChars)),
  });
  const stop = new AbortController();
  const running: Promise<unknown>[] = [queue.run(stop.signal)];
  let api: HttpServer | undefined;
  return {
    telemetry,
    ledger: countingLedger(queue, metrics),
    open: async (keeper, transport, chain, relay) => {
      served = () => groupsServed(keeper);
      const parts = { config, operator, books, history, telemetry };
      const monitor = monitorOf(parts, keeper, transport, chain.pace);
      const source = {
        keeper,
        books,
        surroundings: () => monitor.now,
        operator,
        peerId: transport.peerId,
        groups,
        policy: policyOf(config),
        unreadable: () => chain.unreadable,
        startedAt_ms: now_ms(),
        now_ms,
      } satisfies StatusSource;
      const watch = new ShareWatch();
      const noticeDisk = diskNotices(telemetry);
      const text = metricsText(metrics, source, queue, history, relay && (() => relay.figures));
      api = await startApi(config.api, { ...source, metrics: text });
      const onRetainError = (error: Error): void =>
        beside.reason("", "ledger-failed", error.message.slice(0, maxDetailChars));
      running.push(
        bookkeeper.run(Math.max(booksEvery_ms, config.chain.poll_ms), stop.signal),
        monitor.run(monitorEvery_ms, stop.signal, () => {
          noticeShares(telemetry, watch, keeper);
          noticeDisk(monitor.now.diskFreeBytes);
        }),
        retainLedger(books, systemClock, onRetainError, stop.signal),
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

/** All groups that were served since the start: settlements of a group that has left are still in the ledger. */
function everServed(served: () => readonly Hex[]): () => readonly Hex[] {
  const known = new Set<Hex>();
  return () => {
    for (const group of served()) known.add(group);
    return [...known];
  };
}

function monitorOf(
  { config, operator, books, history, telemetry }: MonitorParts,
  keeper: Keeper,
  peers: PeerStats,
  pace: ChainPace,
): Monitor {
  const { dataDir } = config;
  const onHead = (look: HeadLook): void => noticeHead(telemetry, look);
  return new Monitor(
    {
      operator,
      groups: () => groupsServed(keeper),
      dataDir,
      rpc: config.chain.rpc,
      largest: () => largestOf(certifyingOf(keeper)),
    },
    { history, books, peers, clock: systemClock, pace, onHead },
  );
}

function policyOf({ policy }: KeeperConfig): StatusSource["policy"] {
  const { tokens, leastKeeperFee, mostProviders = null } = policy;
  return { tokens, leastKeeperFee, mostProviders };
}
