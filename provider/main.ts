/** The provider daemon and its commands as functions: what `whitepay provider …` calls, and what tests start. */
import { setImmediate as nextTurn } from "node:timers/promises";
import { join } from "node:path";
import { generateKeyPairFromSeed } from "@libp2p/crypto/keys";
import { peerIdFromPrivateKey } from "@libp2p/peer-id";
import type { Logger } from "pino";
import { signReceipt } from "../protocol/codec/receipt.ts";
import { verifySeed } from "../protocol/codec/seed.ts";
import { fromHex, toHex } from "../protocol/hash.ts";
import type { Hex } from "../protocol/hash.ts";
import { challengeQueue } from "../protocol/limits/derived.ts";
import { installFastHashes } from "../daemon/hashing/install.ts";
import { listenPlaces, mustListen } from "../daemon/listen.ts";
import type { PieceEntry, PieceList } from "../storage/core/piece-list.ts";
import { namingFullDisk } from "../storage/disk/disk-full.ts";
import type { HashOptions } from "../storage/disk/hash-file.ts";
import { PieceStore } from "../storage/disk/store.ts";
import { openAnswers } from "./answers-level.ts";
import { EthersChainView } from "./chain-ethers.ts";
import type { ProviderConfig, ProviderKeys } from "./config.ts";
import { signConsent } from "./consent.ts";
import type { DataConsent } from "./consent.ts";
import { ProviderFigures } from "./metrics.ts";
import type { Served } from "./metrics.ts";
import { watchHead } from "./head-watch.ts";
import { openJournal } from "./journal.ts";
import type { JournalWriter } from "./journal.ts";
import { challengeResponder, piecesResponder } from "./logic.ts";
import type { ProviderDecorator } from "./logic.ts";
import type { ProviderCrypto, ProviderEvents } from "./ports.ts";
import { retrieveResponder } from "./retrieve.ts";
import { startServer } from "./server-libp2p.ts";

export interface RunningProvider {
  /** Text form. */
  readonly peerId: string;
  /** Multiaddrs with the peer id, as bound (port 0 is resolved). */
  readonly addrs: readonly string[];
  /** Where figures are served; undefined: the configuration asks for none. */
  readonly metrics?: string | undefined;
  /** Closes streams, node and store. */
  stop(): Promise<void>;
}

/** Public parts of a provider's keys, as the registry and the group want them. */
export interface ProviderIdentity {
  readonly operator: Hex;
  readonly receiptKey: Hex;
  readonly peerId: string;
  /** 38 bytes, the registry's form of the peer id. */
  readonly peerIdBytes: Hex;
}

export async function providerIdentity(keys: ProviderKeys): Promise<ProviderIdentity> {
  const peerId = peerIdFromPrivateKey(await generateKeyPairFromSeed("Ed25519", keys.peer));
  return {
    operator: keys.operatorAddress,
    receiptKey: keys.receiptAddress,
    peerId: peerId.toString(),
    peerIdBytes: toHex(peerId.toMultihash().bytes),
  };
}

/** Where pieces live inside the data folder. */
export function openStore(config: ProviderConfig): Promise<PieceStore> {
  return PieceStore.open(join(config.dataDir, "store"));
}

export type IngestOptions = {
  readonly replace?: boolean;
  /** Whose payer's files these are; without it they wait for the first consent to a group that has none. */
  readonly group?: Hex;
  /** Names each file before its bytes are read. */
  readonly onFile?: (file: string) => HashOptions;
};

/** Stores files and appends them to a list (or starts a new one). */
export async function ingestFiles(
  config: ProviderConfig,
  files: readonly string[],
  { replace = false, group, onFile }: IngestOptions = {},
): Promise<PieceList> {
  return namingFullDisk(config.dataDir, async () => {
    const store = await openStore(config);
    const entries: PieceEntry[] = [];
    for (const file of files) entries.push(await store.ingest(file, onFile?.(file)));
    return store.addToList(entries, { replace, ...(group === undefined ? {} : { group }) });
  });
}

/** Nothing can be signed for: what to do comes with it. */
export class NoDataError extends Error {
  override readonly name = "NoDataError";
}

/**
 * Signs the group's own list, never another payer's data, with the number that the group expects next unless one is given. A group
 * that has no list yet gets what is in no group.
 */
export async function consentFor(
  config: ProviderConfig,
  keys: ProviderKeys,
  group: Hex,
  options: { readonly sequence?: number } = {},
): Promise<DataConsent> {
  // Asked first: a group that is not there gets no list.
  const sequence = options.sequence ?? (await nextSequence(config, keys, group));
  const list = await (await openStore(config)).claimList(group);
  if (list === undefined) {
    throw new NoDataError(
      `nothing is stored for group ${group}: whitepay provider ingest --group ${group} FILES`,
    );
  }
  const scope = {
    chainId: config.chain.id,
    group,
    listRoot: toHex(list.root),
    bytes: list.totalBytes,
    sequence,
  };
  return signConsent(keys, scope);
}

async function nextSequence(config: ProviderConfig, keys: ProviderKeys, group: Hex): Promise<number> {
  const chain = chainView(config, keys);
  try {
    return await chain.nextConsentSequence(group);
  } finally {
    chain.close();
  }
}

function chainView(config: ProviderConfig, keys: ProviderKeys): EthersChainView {
  return new EthersChainView({
    chainId: config.chain.id,
    rpc: config.chain.rpc,
    registry: config.chain.registry,
    groups: config.groups,
    operator: keys.operatorAddress,
  });
}

/** Answers every request as it is. */
const plain: ProviderDecorator = { challenge: (respond) => respond, online: async () => true };

/**
 * Starts the daemon. It may run before its provider is in a group, before the group's contract exists, and while no
 * chain endpoint answers: such challenges are refused with the reason, and nothing ends the process.
 */
export async function startProvider(
  config: ProviderConfig,
  keys: ProviderKeys,
  log: Logger,
  decorator: ProviderDecorator = plain,
): Promise<RunningProvider> {
  installFastHashes();
  const store = await openStore(config);
  const answers = await openAnswers(join(config.dataDir, "answers"));
  try {
    const figures = config.metrics === undefined ? [] : [{ setting: "metrics.port", ...config.metrics }];
    await mustListen([...listenPlaces(config.listen), ...figures]);
  } catch (error) {
    await answers.close();
    throw error;
  }
  await reportFaults(store, log);
  const journal = await openJournal(config.dataDir, (text) => log.error(text));
  const chain = chainView(config, keys);
  const figures = new ProviderFigures(() => chain.look());
  const watching = new AbortController();
  const dependencies = {
    chain,
    answers,
    store,
    crypto: cryptoOf(keys),
    events: withFigures(
      eventsTo(log, journal, () => chain.head()),
      figures,
    ),
    queue: challengeQueue(config.groups.length),
  };
  const { metrics } = config;
  let served: Served | undefined;
  const close = async (): Promise<void> => {
    watching.abort();
    await served?.stop();
    chain.close();
    journal.close();
    await answers.close();
  };
  try {
    served = metrics && (await figures.serve(metrics.host, metrics.port));
    const libp2p = await startServer(
      { peerSeed: keys.peer, listen: config.listen },
      {
        challenge: decorator.challenge(challengeResponder(dependencies)),
        pieces: piecesResponder(dependencies),
        retrieve: retrieveResponder(dependencies),
        keeperPeers: () => chain.keeperPeers(),
        groups: config.groups.length,
        online: () => decorator.online(),
      },
    );
    void watchHead(chain, log, watching.signal);
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

function withFigures(events: ProviderEvents, figures: ProviderFigures): ProviderEvents {
  return {
    ...events,
    answered: (event) => {
      figures.answered(event);
      events.answered(event);
    },
    refused: (event) => {
      if (!strangers.has(event.code)) figures.refused(event.group);
      events.refused(event);
    },
  };
}

/** A provider with damaged pieces still proves the rest, so this only warns. */
async function reportFaults(store: PieceStore, log: Logger): Promise<void> {
  const lists = await store.currentLists();
  if (lists.length === 0) log.warn('no data is stored yet: "provider ingest" some files');
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
      await nextTurn(); // 25 ms of arithmetic: let the node's other work in between
      return verifySeed(scope, seed, fromHex(blsKey));
    },
    signReceipt(domain, receipt, receiptKey) {
      const key = keys.receiptKeys.get(receiptKey);
      return key && signReceipt(domain, receipt, key);
    },
  };
}

/** What only those are told who are no keepers of a group. */
const strangers = new Set(["unknown-group", "not-a-member", "wrong-peer"]);

/** Refusals that this provider's operator has to do something about: its data, its disk, its chain endpoint, its keys. */
const ownFaults = new Set(["no-data", "internal"]);

/** Damage is logged once a minute at most for each text: every challenge would repeat it. */
function eventsTo(log: Logger, journal: JournalWriter, head: () => Promise<number>): ProviderEvents {
  const seen = new Map<string, number>();
  const time_ms = (): number => Date.now();
  return {
    answered(event) {
      const bytesProven = String(event.bytesProven);
      const bytesCommitted = String(event.bytesCommitted);
      const { lost, ...told } = event;
      log.info({ ...told, bytesProven, bytesCommitted }, "challenge answered");
      const note = (answeredAt: number): void =>
        journal.append({
          kind: "answered",
          time_ms: time_ms(),
          ...told,
          bytesProven,
          bytesCommitted,
          answeredAt,
          lost: [...lost],
        });
      head().then(note, () => note(event.askedAt));
    },
    repeated(event) {
      log.info(event, "challenge answered again, with the same bytes");
      journal.append({ kind: "repeated", time_ms: time_ms(), ...event });
    },
    refused(event) {
      log[ownFaults.has(event.code) ? "warn" : "info"](event, "challenge refused");
      // Strangers must not push out what members asked.
      if (strangers.has(event.code)) return;
      const { peer: _, ...told } = event;
      journal.append({ kind: "refused", time_ms: time_ms(), ...told });
    },
    served(event) {
      log.debug(event, "range served to the payer");
      const { peer: _, ...told } = event;
      journal.append({ kind: "served", time_ms: time_ms(), ...told });
    },
    damaged({ text }) {
      const now_ms = performance.now();
      if (now_ms - (seen.get(text) ?? Number.NEGATIVE_INFINITY) < 60_000) return;
      if (seen.size >= 1024) seen.clear();
      seen.set(text, now_ms);
      log.error(text);
    },
  };
}
