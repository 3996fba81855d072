/** Connects the parts of storing by offer. */
import { setTimeout as sleep } from "node:timers/promises";
import { join } from "node:path";
import type { Logger } from "pino";
import type { OpenedParts } from "../../daemon/opened-parts.ts";
import type { DialingNode } from "../../daemon/peers/relay/stream.ts";
import type { RegistryScope } from "../../protocol/codec/identity.ts";
import type { Hex } from "../../protocol/hash.ts";
import type { PieceEntry } from "../../storage/core/piece-list.ts";
import type { PieceStore } from "../../storage/disk/store.ts";
import type { EthersChainView } from "../chain-ethers.ts";
import { operatorOf } from "../config.ts";
import type { ProviderConfig, ProviderKeys } from "../config.ts";
import { signConsent } from "../consent.ts";
import { providerIdentity } from "../identity.ts";
import type { Load } from "../load.ts";
import type { ProviderFigures } from "../metrics.ts";
import { offerResponder } from "../offer.ts";
import { openReading } from "../reading/compose.ts";
import { limitedAddress } from "../reading/limits.ts";
import type { Reading } from "../reading/compose.ts";
import type { Responder } from "../responder.ts";
import { recordStoreEvents } from "./events.ts";
import { GroupReads } from "./group-facts.ts";
import { LiveOffer } from "./live-offer.ts";
import { Mending } from "./mending.ts";
import type { StoreDependencies } from "./ports.ts";
import { rangeSource } from "./range-source.ts";
import { StoredRequests } from "./requests.ts";
import { StoreDesk } from "./responder.ts";
import { Rooms } from "./rooms.ts";
import type { OfferSettings } from "./settings.ts";
import type { Upkeep } from "./upkeep.ts";
import { Volunteering } from "./volunteering.ts";

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
  /** The network address of a connected peer, or its name if it is not connected. */
  addressOf(peer: string): string;
  /** Takes other settings from now on; undefined: nothing is offered any more. What was agreed stays. */
  take(offer: OfferSettings | undefined): void;
  /** Whether anything is offered now. */
  offers(): boolean;
  /** Gets a damaged public piece again from another provider, where the payer permits it. */
  mend(entry: PieceEntry, signal: AbortSignal): Promise<boolean>;
  /** Looks at the requests until `signal` aborts. */
  run(signal: AbortSignal): Promise<void>;
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

/** Opened parts are registered in `opened`. A provider without an offer keeps what it agreed to, and accepts nothing new. */
export async function openStoring(opened: OpenedParts, parts: StoringParts): Promise<Storing> {
  const { config, keys, chain, store, figures, log, load } = parts;
  const requests = await StoredRequests.open(join(config.dataDir, "requests"));
  opened.defer(() => requests.close());
  // What a consent was given for may be challenged.
  for (const { request, consentUntil } of requests.all()) if (consentUntil > 0) chain.serve(request.group);
  const scope = { chainId: config.chain.id, registry: config.chain.registry };
  const operator = operatorOf(config, keys);
  const reads = new GroupReads((method, params) => chain.ask(method, params), scope.registry);
  const rooms = new Rooms(store, requests);
  const offer = new LiveOffer(config.offer, reads, log);
  const sent = (bytes: number, isPaid: boolean): void => figures.read(bytes, isPaid);
  const redeemer = { address: keys.operatorAddress, secret: keys.operator };
  const volunteering = new Volunteering(config.dataDir, chain);
  const volunteered = (root: Hex): PieceEntry | undefined => volunteering.find(root);
  const reading = await openReading({
    volunteered,
    config,
    chain,
    store,
    requests,
    load,
    log,
    sent,
    redeemer,
  });
  opened.defer(() => reading.close());
  const { payments } = reading;
  if (payments !== undefined) figures.readSums(() => payments.sums());
  let node: DialingNode | undefined;
  const source = rangeSource(scope.chainId, () => node);
  const shared = { operator, chain, reads, store, requests, source };
  const desk = deskOf(parts, { ...shared, scope, rooms, offer, reading, volunteering });
  await desk.recover();
  opened.defer(() => desk.stop());
  figures.waitingBytes(() => rooms.waitingBytes());
  const mending = new Mending({ ...shared, log, published: (group) => reading.published(group) });
  const { peerIdBytes: peerId } = await providerIdentity(keys);
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
        prices: offer.prices,
        head: () => chain.head(),
        room: () => rooms.room(),
        get settings() {
          return offer.settings;
        },
      },
      keys.operator,
    ),
    take: (settings) => offer.take(settings),
    offers: () => offer.isOpen,
    mend: (entry, signal) => mending.mend(entry, signal),
    use: (started) => (node = started),
    addressOf: (peer) => addressOfPeer(node, peer),
    async run(signal) {
      await offer.checkPrices();
      const look = async (): Promise<void> => {
        await volunteering.look();
        await desk.upkeep.look();
      };
      const followed = { look, sweep: () => desk.upkeep.sweep() };
      await Promise.all([followRequests(followed, log, signal), reading.run(signal)]);
    },
  };
}

/** Peers behind one relay have its address. */
function addressOfPeer(node: DialingNode | undefined, peer: string): string {
  const connections = node?.getConnections() ?? [];
  const found = connections.find(({ remotePeer }) => remotePeer.toString() === peer);
  const host = /^\/ip[46]\/([^/]+)/.exec(found?.remoteAddr.toString() ?? "")?.[1];
  return host === undefined ? peer : limitedAddress(host);
}

type DeskParts = Pick<
  StoreDependencies,
  "scope" | "operator" | "chain" | "reads" | "store" | "requests" | "rooms" | "source"
> & { readonly offer: LiveOffer; readonly reading: Reading; readonly volunteering: Volunteering };

function deskOf(
  { keys, log, figures }: StoringParts,
  { offer, reading, volunteering, ...parts }: DeskParts,
): StoreDesk {
  const { scope, operator } = parts;
  return new StoreDesk({
    ...parts,
    receiptKey: keys.receiptAddress,
    prices: offer.prices,
    get settings() {
      return offer.settings;
    },
    sign: (terms) => signConsent(keys, scope.chainId, terms, operator),
    readers: reading.readers,
    publicUrl: (root) => reading.publicUrl(root),
    volunteered: (group) => volunteering.consent(group),
    events: recordStoreEvents(log, figures),
  });
}

/** Looks at the requests until `signal` aborts. Without an answer of the chain nothing is deleted; the same fault is logged once. */
async function followRequests(
  upkeep: Pick<Upkeep, "look" | "sweep">,
  log: Logger,
  signal: AbortSignal,
): Promise<void> {
  let fault = "";
  let nextSweep_ms = 0;
  while (!signal.aborted) {
    const text = await upkeep.look().then(
      () => "",
      (error: unknown) => (error as Error).message,
    );
    if (text !== "" && text !== fault && !signal.aborted)
      log.warn(`requests to store cannot be followed: ${text}`);
    fault = text;
    if (performance.now() >= nextSweep_ms && !signal.aborted) {
      nextSweep_ms = performance.now() + sweepEvery_ms;
      await upkeep
        .sweep()
        .catch((error: unknown) => log.warn(`incoming data is not swept: ${(error as Error).message}`));
    }
    await sleep(lookEvery_ms, undefined, { signal }).catch(() => undefined);
  }
}
