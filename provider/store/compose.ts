/** Connects the parts of storing by offer. */
import { setTimeout as sleep } from "node:timers/promises";
import { join } from "node:path";
import type { Libp2p } from "@libp2p/interface";
import type { Logger } from "pino";
import type { RegistryScope } from "../../protocol/codec/identity.ts";
import type { PieceStore } from "../../storage/disk/store.ts";
import type { EthersChainView } from "../chain-ethers.ts";
import { operatorOf } from "../config.ts";
import type { ProviderConfig, ProviderKeys } from "../config.ts";
import { signConsent } from "../consent.ts";
import { providerIdentity } from "../identity.ts";
import type { Load } from "../load.ts";
import type { ProviderFigures } from "../metrics.ts";
import { offeredPrices, offerResponder } from "../offer.ts";
import type { Responder } from "../responder.ts";
import { recordStoreEvents } from "./events.ts";
import { GroupReads } from "./group-facts.ts";
import { rangeSource } from "./range-source.ts";
import { StoredRequests } from "./requests.ts";
import { StoreDesk } from "./responder.ts";
import { Rooms } from "./rooms.ts";
import { closedOffer } from "./settings.ts";

/** Endpoints limit calls: one look reads the head, and what changed. */
const lookEvery_ms = 2_000;

export type Storing = {
  /** For the node. */
  readonly served: Pick<StoreDesk, "admit" | "isSender" | "respond">;
  readonly offer: Responder<RegistryScope>;
  /** The node from which other providers are asked. */
  use(node: Pick<Libp2p, "dialProtocol">): void;
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
  const settings = config.offer ?? closedOffer;
  const scope = { chainId: config.chain.id, registry: config.chain.registry };
  const operator = operatorOf(config, keys);
  const reads = new GroupReads((method, params) => chain.ask(method, params), scope.registry);
  const rooms = new Rooms(store, requests);
  const prices = offeredPrices(settings, reads);
  let node: Pick<Libp2p, "dialProtocol"> | undefined;
  const desk = new StoreDesk({
    scope,
    operator,
    receiptKey: keys.receiptAddress,
    settings,
    prices,
    chain,
    reads,
    store,
    requests,
    rooms,
    sign: (terms) => signConsent(keys, scope.chainId, terms, operator),
    source: rangeSource(scope.chainId, () => node),
    events: recordStoreEvents(log, figures),
  });
  await desk.recover();
  figures.waitingBytes(() => rooms.waitingBytes());
  const { peerIdBytes: peerId } = await providerIdentity(keys);
  const offered = { scope, operator, peerId, settings, prices };
  const head = (): Promise<number> => chain.head();
  return {
    served: {
      admit: (kind, peer) => desk.admit(kind, peer),
      isSender: (peer) => desk.isSender(peer),
      respond: load.counted(desk.respond),
    },
    offer: offerResponder({ ...offered, head, room: () => rooms.room() }, keys.operator),
    use: (started) => (node = started),
    async run(signal) {
      if (config.offer !== undefined)
        await prices().catch((error: unknown) => log.error((error as Error).message));
      let fault = "";
      while (!signal.aborted) {
        // Without an answer of the chain nothing is deleted; the same fault is logged once.
        const text = await desk.upkeep.look().then(
          () => "",
          (error: unknown) => (error as Error).message,
        );
        if (text !== "" && text !== fault && !signal.aborted)
          log.warn(`requests to store cannot be followed: ${text}`);
        fault = text;
        await sleep(lookEvery_ms, undefined, { signal }).catch(() => undefined);
      }
    },
    async close() {
      await desk.stop();
      await requests.close();
    },
  };
}
