/** Connects the parts of storing by offer. */
import { setTimeout as sleep } from "node:timers/promises";
import { join } from "node:path";
import type { Logger } from "pino";
import type { DialingNode } from "../../daemon/peers/relay/stream.ts";
import type { RegistryScope } from "../../protocol/codec/identity.ts";
import type { PieceEntry } from "../../storage/core/piece-list.ts";
import type { PieceStore } from "../../storage/disk/store.ts";
import type { EthersChainView } from "../chain-ethers.ts";
import { operatorOf } from "../config.ts";
import type { ProviderConfig, ProviderKeys } from "../config.ts";
import { signConsent } from "../consent.ts";
import { providerIdentity } from "../identity.ts";
import type { Load } from "../load.ts";
import type { ProviderFigures } from "../metrics.ts";
import { offeredPrices, offerResponder } from "../offer.ts";
import { openReading } from "../reading/compose.ts";
import type { Reading } from "../reading/compose.ts";
import type { Responder } from "../responder.ts";
import { recordStoreEvents } from "./events.ts";
import { GroupReads } from "./group-facts.ts";
import { Mending } from "./mending.ts";
import { rangeSource } from "./range-source.ts";
import { StoredRequests } from "./requests.ts";
import { StoreDesk } from "./responder.ts";
import { Rooms } from "./rooms.ts";
import { closedOffer } from "./settings.ts";
import type { OfferSettings } from "./settings.ts";

/** Endpoints limit calls: one look reads the head, and what changed. */
const lookEvery_ms = 2_000;

/** A volume that comes back may have parts of pieces whose request ended meanwhile. */
const sweepEvery_ms = 3_600_000;

export type Storing = {
  /** For the node. */
  readonly served: Pick<StoreDesk, "admit" | "isSender" | "respond">;
  readonly offer: Responder<RegistryScope>;
  readonly reading: Reading;
  /** The node from which other providers are asked. */
  use(node: DialingNode): void;
  /** Takes other settings from now on; undefined: nothing is offered any more. What was agreed stays. */
  take(offer: OfferSettings | undefined): void;
  /** Whether anything is offered now. */
  offers(): boolean;
  /** Gets a damaged public piece again from another provider, where the payer permits it. */
  mend(entry: PieceEntry, signal: AbortSignal): Promise<boolean>;
  /** Looks at the requests until `signal` aborts. */
  run(signal: AbortSignal): Promise<void>;
  close(): Promise<void>;
};

export type StoringParts = {
  readonly config: ProviderConfig;
  readonly keys: ProviderKeys;
  readonly chain: EthersChainView;
  readonly store: PieceStore;
  readonly figures: ProviderFigures;
  readonly log: Logger;
  readonly load: Load;
};

/** A provider without an offer keeps what it agreed to, and accepts nothing new. */
export async function openStoring(parts: StoringParts): Promise<Storing> {
  const { config, keys, chain, store, figures, log, load } = parts;
  const requests = await StoredRequests.open(join(config.dataDir, "requests"));
  // What a consent was given for may be challenged.
  for (const { request, consentUntil } of requests.all()) if (consentUntil > 0) chain.serve(request.group);
  let settings = config.offer ?? closedOffer;
  const scope = { chainId: config.chain.id, registry: config.chain.registry };
  const operator = operatorOf(config, keys);
  const reads = new GroupReads((method, params) => chain.ask(method, params), scope.registry);
  const rooms = new Rooms(store, requests);
  const prices = offeredPrices(() => settings, reads);
  const sent = (bytes: number): void => figures.read(bytes);
  const reading = await openReading({ config, chain, store, requests, load, log, sent }).catch(
    async (error: unknown) => {
      await requests.close();
      throw error;
    },
  );
  let node: DialingNode | undefined;
  const source = rangeSource(scope.chainId, () => node);
  const desk = new StoreDesk({
    scope,
    operator,
    receiptKey: keys.receiptAddress,
    get settings() {
      return settings;
    },
    prices,
    chain,
    reads,
    store,
    requests,
    rooms,
    sign: (terms) => signConsent(keys, scope.chainId, terms, operator),
    source,
    readers: reading.readers,
    publicUrl: (root) => reading.publicUrl(root),
    events: recordStoreEvents(log, figures),
  });
  await desk.recover();
  figures.waitingBytes(() => rooms.waitingBytes());
  const mending = new Mending({
    operator,
    chain,
    reads,
    store,
    requests,
    source,
    log,
    published: (group) => reading.published(group),
  });
  const { peerIdBytes: peerId } = await providerIdentity(keys);
  const checkPrices = async (): Promise<void> => {
    if (settings.prices.length > 0)
      await prices().catch((error: unknown) => log.error((error as Error).message));
  };
  const head = (): Promise<number> => chain.head();
  return {
    served: {
      admit: (kind, peer) => desk.admit(kind, peer),
      isSender: (peer) => desk.isSender(peer),
      respond: load.counted(desk.respond),
    },
    reading,
    offer: offerResponder(
      {
        scope,
        operator,
        peerId,
        prices,
        head,
        room: () => rooms.room(),
        get settings() {
          return settings;
        },
      },
      keys.operator,
    ),
    take(offer) {
      const next = offer ?? closedOffer;
      if (JSON.stringify(next) === JSON.stringify(settings)) return;
      settings = next;
      log.info(
        { prices: next.prices },
        offer === undefined ? "nothing is offered now" : "the offer has changed",
      );
      void checkPrices();
    },
    offers: () => settings.prices.length > 0,
    mend: (entry, signal) => mending.mend(entry, signal),
    use: (started) => (node = started),
    async run(signal) {
      await checkPrices();
      let fault = "";
      let nextSweep_ms = 0;
      while (!signal.aborted) {
        // Without an answer of the chain nothing is deleted; the same fault is logged once.
        const text = await desk.upkeep.look().then(
          () => "",
          (error: unknown) => (error as Error).message,
        );
        if (text !== "" && text !== fault && !signal.aborted)
          log.warn(`requests to store cannot be followed: ${text}`);
        fault = text;
        if (performance.now() >= nextSweep_ms && !signal.aborted) {
          nextSweep_ms = performance.now() + sweepEvery_ms;
          await desk.upkeep
            .sweep()
            .catch((error: unknown) => log.warn(`incoming data is not swept: ${(error as Error).message}`));
        }
        await sleep(lookEvery_ms, undefined, { signal }).catch(() => undefined);
      }
    },
    async close() {
      await desk.stop();
      await reading.close();
      await requests.close();
    },
  };
}
