/** Composition root of the provider's daemon: opens its parts, connects them, and closes them in order. */
import { setImmediate as nextTurn, setTimeout as sleep } from "node:timers/promises";
import { join } from "node:path";
import type { Logger } from "pino";
import { signReceipt } from "../protocol/codec/receipt.ts";
import { verifySeed } from "../protocol/codec/seed.ts";
import { fromHex } from "../protocol/hash.ts";
import { installFastHashes } from "../daemon/hashing/install.ts";
import { listenAddresses, mustListen } from "../daemon/listen.ts";
import type { PieceStore } from "../storage/disk/store.ts";
import { openAnswers } from "./answers-level.ts";
import { ChainWatch } from "./chain-watch.ts";
import { chainViewOf } from "./chain-ethers.ts";
import { challengeResponder } from "./challenge.ts";
import { operatorOf } from "./config.ts";
import type { ProviderConfig, ProviderKeys } from "./config.ts";
import { recordEvents } from "./events.ts";
import { openStore } from "./ingest.ts";
import { openJournal } from "./journal.ts";
import { Load } from "./load.ts";
import { ProviderFigures } from "./metrics.ts";
import type { Served, StoredLook } from "./metrics.ts";
import { piecesResponder } from "./pieces.ts";
import type { ProviderCrypto } from "./ports.ts";
import type { ProviderDecorator } from "./responder.ts";
import { retrieveResponder } from "./retrieve.ts";
import { Scrubber } from "./scrubber.ts";
import { startServer } from "./server-libp2p.ts";
import { openStoring } from "./store/compose.ts";
import { VolumeWatch } from "./volume-watch.ts";

export type RunningProvider = {
  /** Text form. */
  readonly peerId: string;
  /** Bound multiaddrs with the peer id; port 0 is resolved. */
  readonly addrs: readonly string[];
  /** URL of the metrics server; undefined if the configuration names none. */
  readonly metrics?: string | undefined;
  /** Closes streams, node and store. */
  stop(): Promise<void>;
};

export type StartOptions = {
  /** Reads the settings of the volumes again; the daemon follows them. Default: they stay. */
  readonly volumes?: () => Promise<ProviderConfig["volumes"]>;
};

/** Changes nothing: the provider is honest. */
const honest: ProviderDecorator = { challenge: (respond) => respond, online: async () => true };

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
  installFastHashes();
  const store = await openStore(config);
  const answers = await openAnswers(join(config.dataDir, "answers"));
  try {
    await mustBindAll(config);
  } catch (error) {
    await answers.close();
    throw error;
  }
  await logStoredFaults(store, log);
  const journal = await openJournal(config.dataDir, (text) => log.error(text));
  const chain = chainViewOf(config, operatorOf(config, keys));
  const watch = new ChainWatch(chain, chain.groups, log);
  const load = new Load();
  const stored = keepStored({ store, config, log, load, settings: options.volumes });
  const figures = new ProviderFigures(
    () => chain.look(),
    () => watch.problems(),
    stored.look,
  );
  const watching = new AbortController();
  let reading: Promise<unknown> = Promise.resolve();
  const storing = await openStoring({ config, keys, chain, store, figures, log, load }).catch(
    async (error: unknown) => {
      chain.close();
      journal.close();
      await answers.close();
      throw error;
    },
  );
  const dependencies = {
    chain,
    answers,
    store,
    crypto: cryptoOf(keys),
    events: recordEvents({ log, journal, figures, head: () => chain.head() }),
    scale: () => chain.scale(),
  };
  const { metrics } = config;
  let served: Served | undefined;
  let following: Promise<void> = Promise.resolve();
  const close = async (): Promise<void> => {
    watching.abort();
    await reading;
    await following;
    await served?.stop();
    await storing.close();
    chain.close();
    journal.close();
    await answers.close();
  };
  try {
    served = metrics && (await figures.serve(metrics.host, metrics.port));
    const libp2p = await startServer(
      { peerSeed: keys.peer, listen: config.listen },
      {
        challenge: load.counted(decorator.challenge(challengeResponder(dependencies))),
        pieces: load.counted(piecesResponder(dependencies)),
        retrieve: load.counted(retrieveResponder(dependencies)),
        offer: storing.offer,
        store: storing.served,
        keeperPeers: () => chain.keeperPeers(),
        scale: () => chain.scale(),
        online: () => decorator.online(),
      },
    );
    storing.use(libp2p);
    following = storing.run(watching.signal);
    void watch.run(watching.signal);
    reading = stored.run(watching.signal);
    return {
      peerId: libp2p.peerId.toString(),
      addrs: libp2p.getMultiaddrs().map(String),
      metrics: served?.url,
      async stop() {
        await libp2p.stop();
        await close();
      },
    };
  } catch (error) {
    await close();
    throw error;
  }
}

type Keeping = {
  readonly store: PieceStore;
  readonly config: Pick<ProviderConfig, "dataDir">;
  readonly log: Logger;
  readonly load: Load;
  readonly settings: StartOptions["volumes"];
};

/** Watches the volumes and scrubs the pieces. */
function keepStored({ store, config, log, load, settings }: Keeping): {
  readonly look: () => StoredLook;
  readonly run: (signal: AbortSignal) => Promise<unknown>;
} {
  const scrubber = new Scrubber({
    store,
    dataDir: config.dataDir,
    log,
    now_ms: () => Date.now(),
    sleep: (delay_ms, signal) => sleep(delay_ms, undefined, { signal }).catch(() => undefined),
    isBusy: () => load.isBusy(),
  });
  const volumes = new VolumeWatch({ store, log, settings, onChanged: (root) => scrubber.checkSoon(root) });
  return {
    look: () => ({ volumes: volumes.looks, scrub: scrubber.state }),
    run: (signal) => Promise.all([volumes.run(signal), scrubber.run(signal)]),
  };
}

/** @throws ListenError that names the setting whose port is taken */
async function mustBindAll({ listen, metrics }: ProviderConfig): Promise<void> {
  const metricsPlaces = metrics === undefined ? [] : [{ setting: "metrics.port", ...metrics }];
  await mustListen([...listenAddresses(listen), ...metricsPlaces]);
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
