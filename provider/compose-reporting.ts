/** Composes reporting: journal, metrics, payments and the HTTP interface. Nothing that the provider answers depends on it. */
import { join } from "node:path";
import type { Logger } from "pino";
import type { HttpServer } from "../daemon/http/server.ts";
import type { Hex } from "../protocol/hash.ts";
import { startApi } from "./api/app.ts";
import { statusOf } from "./api/status.ts";
import type { StatusSource } from "./api/status.ts";
import type { EthersChainView } from "./chain-ethers.ts";
import type { ChainWatch } from "./chain-watch.ts";
import type { ProviderConfig } from "./config.ts";
import { recordEvents } from "./events.ts";
import { openJournal, readJournal } from "./journal.ts";
import { ProviderFigures } from "./metrics.ts";
import { Books } from "./money/books.ts";
import { MoneyFollower } from "./money/follow.ts";
import type { ProviderEvents } from "./ports.ts";
import { RecentChallenges } from "./recent-challenges.ts";

export type Reporting = {
  readonly figures: ProviderFigures;
  /** For the responders. */
  readonly events: ProviderEvents;
  /** Starts the HTTP interface. */
  open(peerId: string): Promise<HttpServer>;
  /** Follows the groups' payments until `signal` aborts. */
  run(signal: AbortSignal): Promise<void>;
  /** After the HTTP interface has stopped. */
  close(): Promise<void>;
};

export type ReportingParts = {
  readonly config: ProviderConfig;
  readonly operator: Hex;
  readonly chain: EthersChainView;
  readonly watch: ChainWatch;
  readonly log: Logger;
  readonly stored: StatusSource["stored"];
  readonly offers: () => boolean;
};

export async function composeReporting(parts: ReportingParts): Promise<Reporting> {
  const { config, operator, chain, watch, log, stored, offers } = parts;
  const { dataDir } = config;
  const challenges = new RecentChallenges((await readJournal(dataDir)).entries);
  const journal = await openJournal(dataDir, (text) => log.error(text));
  const books = await Books.open(join(dataDir, "books"), (text) => log.error(text));
  const { id: chainId, rpc, lens } = config.chain;
  const money = new MoneyFollower({ chainId, rpc, lens }, chain, books, log);
  let peer = "";
  const source: StatusSource = {
    operator,
    peerId: () => peer,
    startedAt_ms: performance.timeOrigin,
    look: () => chain.look(),
    block_s: () => chain.block_s(),
    problems: () => watch.problems(),
    faultOf: (group) => watch.faultOf(group),
    groups: () => chain.groups,
    standingOf: (group) => money.standingOf(group),
    stored,
    waitingBytes: () => figures.waiting,
    offers,
    totals: () => journal.totals,
    challenges,
    books,
    money,
  };
  const figures = new ProviderFigures(() => statusOf(source));
  const events = recordEvents({
    log,
    figures,
    head: () => chain.head(),
    journal: {
      append(one) {
        journal.append(one);
        challenges.add(one);
      },
    },
  });
  return {
    figures,
    events,
    open(peerId) {
      peer = peerId;
      return startApi(config.api, { ...source, metrics: () => figures.text() });
    },
    run: (signal) => money.run(signal),
    async close() {
      journal.close();
      await books.close();
    },
  };
}
