/** Composition root of the provider's daemon: opens its parts, connects them, and closes them in order. */
import { setImmediate as nextTurn, setTimeout as sleep } from "node:timers/promises";
import { join } from "node:path";
import type { Libp2p } from "@libp2p/interface";
import type { Logger } from "pino";
import { signReceipt } from "../protocol/codec/receipt.ts";
import { verifySeed } from "../protocol/codec/seed.ts";
import { fromHex } from "../protocol/hash.ts";
import { countBuffersAsHeap } from "../daemon/buffer-memory.ts";
import { installFastHashes } from "../daemon/hashing/install.ts";
import { listenAddresses, mustListen } from "../daemon/listen.ts";
import { OpenedParts } from "../daemon/opened-parts.ts";
import type { PieceStore } from "../storage/disk/store.ts";
import { openAnswers } from "./answers-level.ts";
import { ChainWatch } from "./chain-watch.ts";
import { chainViewOf } from "./chain-ethers.ts";
import type { EthersChainView } from "./chain-ethers.ts";
import { challengeResponder } from "./challenge.ts";
import type { ChallengeDependencies } from "./challenge.ts";
import { operatorOf } from "./config.ts";
import type { ProviderConfig, ProviderKeys } from "./config.ts";
import { composeReporting } from "./compose-reporting.ts";
import type { StatusSource } from "./api/status.ts";
import { providerIdentity } from "./identity.ts";
import { openStore } from "./ingest.ts";
import { Load } from "./load.ts";
import { piecesResponder } from "./pieces.ts";
import type { ProviderCrypto } from "./ports.ts";
import type { ProviderDecorator } from "./responder.ts";
import { retrieveResponders } from "./retrieve.ts";
import { Scrubber } from "./scrubber.ts";
import { startServer } from "./server-libp2p.ts";
import type { ServerDependencies } from "./server-libp2p.ts";
import { openRelays } from "./relays.ts";
import type { Relays } from "./relays.ts";
import { openStoring } from "./store/compose.ts";
import type { Storing } from "./store/compose.ts";
import { watchedStore } from "./watched-store.ts";
import type { WatchedStore } from "./watched-store.ts";
import { volumeSettings } from "./volume-settings.ts";
import { VolumeWatch } from "./volume-watch.ts";

export type RunningProvider = {
  /** Text form. */
  readonly peerId: string;
  /** Bound multiaddrs with the peer id; port 0 is resolved. */
  readonly addrs: readonly string[];
  /** URL of the HTTP interface for the operator. */
  readonly api: string;
  /** URL of the server for readers (R44); undefined if the configuration names none. */
  readonly reading?: string | undefined;
  /** Closes streams, node and store. */
  stop(): Promise<void>;
};

export type LiveSettings = Pick<ProviderConfig, "volumes" | "offer">;

export type StartOptions = {
  /** Reads the settings again that the daemon follows while it runs. Default: they stay. */
  readonly settings?: () => Promise<LiveSettings>;
};

/** Changes nothing: the provider is honest. */
const honest: ProviderDecorator = {
  challenge: (respond) => respond,
  retrieve: (respond) => respond,
  store: (respond) => respond,
  online: async () => true,
};

/**
 * Starts the daemon. It may run before its provider is in a group, before the group's contract exists, and while no chain endpoint
 * answers: it refuses such challenges with the reason, and keeps running.
 */
export async function startProvider(
  config: ProviderConfig,
  keys: ProviderKeys,
  log: Logger,
  decorator: ProviderDecorator = honest,
  options: StartOptions = {},
): Promise<RunningProvider> {
  const opened = new OpenedParts();
  try {
    return await assemble(opened, { config, keys, log, decorator, settings: options.settings });
  } catch (error) {
    await opened.close();
    throw error;
  }
}

type Start = {
  readonly config: ProviderConfig;
  readonly keys: ProviderKeys;
  readonly log: Logger;
  readonly decorator: ProviderDecorator;
  readonly settings: StartOptions["settings"];
};

/** Opened parts are closed in the opposite order. */
async function assemble(
  opened: OpenedParts,
  { config, keys, log, decorator, settings }: Start,
): Promise<RunningProvider> {
  installFastHashes();
  countBuffersAsHeap();
  const store = await openStore(config);
  const answers = await openAnswers(join(config.dataDir, "answers"));
  opened.defer(() => answers.close());
  await mustBindAll(config);
  await logStoredFaults(store, log);
  const operator = operatorOf(config, keys);
  const chain = chainViewOf(config, operator);
  opened.defer(() => chain.close());
  const watch = new ChainWatch(chain, chain.groups, log);
  const load = new Load();
  const live: { storing?: Storing } = {};
  const stored = keepStored({
    store,
    config,
    log,
    load,
    settings,
    takeOffer: (offer) => live.storing?.take(offer),
    fetch: async (entry, signal) => (await live.storing?.mend(entry, signal)) ?? false,
  });
  const offers = (): boolean => live.storing?.offers() ?? false;
  const reporting = await composeReporting({
    config,
    operator,
    chain,
    watch,
    log,
    stored: stored.look,
    offers,
  });
  opened.defer(() => reporting.close());
  const { figures, events } = reporting;
  const storing = await openStoring(opened, { config, keys, chain, store, figures, log, load });
  live.storing = storing;
  const api = await reporting.open((await providerIdentity(keys)).peerId);
  opened.defer(() => api.stop());
  const relays = openRelays({ config, keys, chain, log });
  const answering = { chain, answers, store: stored.store, crypto: cryptoOf(keys), events };
  const responders = respondersOf({ answering, storing, load, decorator });
  const libp2p = await openServer(opened, { config, keys, responders, relays });
  storing.use(libp2p);
  const reading = await storing.reading.serve();
  const stopLoops = runLoops((signal) => {
    void watch.run(signal);
    return [storing.run(signal), reporting.run(signal), relays.run(libp2p, signal), stored.run(signal)];
  });
  opened.defer(stopLoops);
  return {
    peerId: libp2p.peerId.toString(),
    addrs: libp2p.getMultiaddrs().map(String),
    api: api.url,
    reading,
    async stop() {
      // First the node: a loop may wait for a request over it.
      await libp2p.stop();
      await opened.close();
    },
  };
}

type Serving = Pick<Start, "config" | "keys"> & {
  readonly responders: ReturnType<typeof respondersOf>;
  readonly relays: Relays;
};

/** The node that keepers and payers call. */
async function openServer(
  opened: OpenedParts,
  { config, keys, responders, relays: { served } }: Serving,
): Promise<Libp2p> {
  const identity = { peerSeed: keys.peer, listen: config.listen };
  const libp2p = await startServer(identity, { ...responders, ...(served && { relays: served }) });
  opened.defer(async () => libp2p.stop());
  return libp2p;
}

/** Starts loops. @returns aborts them, and waits until they have ended */
function runLoops(start: (signal: AbortSignal) => readonly Promise<unknown>[]): () => Promise<void> {
  const stopping = new AbortController();
  const running = Promise.all(start(stopping.signal));
  return async () => {
    stopping.abort();
    await running;
  };
}

type Responding = {
  readonly answering: Omit<ChallengeDependencies, "chain" | "store"> & {
    readonly chain: EthersChainView;
    readonly store: WatchedStore;
  };
  readonly storing: Storing;
  readonly load: Load;
  readonly decorator: ProviderDecorator;
};

/** What the node serves: the responders, counted as load. */
function respondersOf({ answering, storing, load, decorator }: Responding): ServerDependencies {
  const { chain, store, events } = answering;
  const scale: ServerDependencies["scale"] = () => chain.scale();
  const dependencies = { ...answering, scale };
  const { readers, quotas, payments } = storing.reading;
  const addressOf = (peer: string): string => storing.addressOf(peer);
  const { retrieve, paid } = retrieveResponders({ readers, quotas, payments, store, events, addressOf });
  return {
    challenge: load.counted(decorator.challenge(challengeResponder(dependencies))),
    pieces: load.counted(piecesResponder(dependencies)),
    retrieve: load.counted(decorator.retrieve(retrieve)),
    paidRetrieve: paid && load.counted(paid),
    offer: storing.offer,
    store: { ...storing.served, respond: decorator.store(storing.served.respond) },
    keeperPeers: () => chain.keeperPeers(),
    scale,
    online: () => decorator.online(),
  };
}

type Keeping = {
  readonly store: PieceStore;
  readonly config: Pick<ProviderConfig, "dataDir">;
  readonly log: Logger;
  readonly load: Load;
  readonly settings: StartOptions["settings"];
  readonly takeOffer: (offer: LiveSettings["offer"]) => void;
  readonly fetch: Storing["mend"];
};

/** Watches the volumes and scrubs the pieces. */
function keepStored({ store, config, log, load, settings, takeOffer, fetch }: Keeping): {
  readonly look: StatusSource["stored"];
  /** The store for answers; what it cannot prove is read soon. */
  readonly store: WatchedStore;
  readonly run: (signal: AbortSignal) => Promise<unknown>;
} {
  const scrubber = new Scrubber({
    store,
    dataDir: config.dataDir,
    log,
    now_ms: () => Date.now(),
    sleep: (delay_ms, signal) => sleep(delay_ms, undefined, { signal }).catch(() => undefined),
    isBusy: () => load.isBusy(),
    fetch,
  });
  const followed =
    settings &&
    (async () => {
      const { volumes: next, offer } = await settings();
      takeOffer(offer);
      return volumeSettings(next);
    });
  const volumes = new VolumeWatch({
    store,
    log,
    settings: followed,
    onChanged: (root) => scrubber.checkSoon(root),
  });
  return {
    look: () => ({ volumes: volumes.looks, scrub: scrubber.state }),
    store: watchedStore(store, (root) => scrubber.checkSoon(root)),
    run: (signal) => Promise.all([volumes.run(signal), scrubber.run(signal)]),
  };
}

/** @throws ListenError that names the setting whose port is taken */
async function mustBindAll({ listen, api, reading }: ProviderConfig): Promise<void> {
  const readingPlaces = reading === undefined ? [] : [{ setting: "reading.port", ...reading }];
  await mustListen([...listenAddresses(listen), { setting: "api.port", ...api }, ...readingPlaces]);
}

/** A provider with damaged pieces still proves the others, so it starts anyway. */
async function logStoredFaults(store: PieceStore, log: Logger): Promise<void> {
  const lists = await store.currentLists();
  if (lists.length === 0) log.warn('no data is stored yet: run "whitepay provider ingest FILES"');
  for (const { list } of lists) {
    for (const piece of list.pieces) {
      const fault = await store.faultOf(piece);
      if (fault !== undefined) log.error(fault);
    }
  }
}

function cryptoOf(keys: ProviderKeys): ProviderCrypto {
  return {
    async verifySeed(scope, seed, blsKey) {
      // A check blocks the event loop for about 25 ms: other events run between two checks.
      await nextTurn();
      return verifySeed(scope, seed, fromHex(blsKey));
    },
    signReceipt(domain, receipt, receiptKey) {
      const key = keys.receiptKeys.get(receiptKey);
      return key && signReceipt(domain, receipt, key);
    },
  };
}
