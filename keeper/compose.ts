/** Composition root of the daemon: which adapter implements which port. */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { EthersChain } from "./adapters/chain-ethers/index.ts";
import { systemClock } from "./adapters/clock-system.ts";
import { NobleCrypto } from "./adapters/crypto-noble.ts";
import { FileKeyring } from "./adapters/keyring-file.ts";
import { installFastHashes } from "../daemon/hashing/install.ts";
import { KeyFileError, openKeys, readPasswordFile } from "../daemon/keys/keystore.ts";
import type { KeySecrets } from "../daemon/keys/keystore.ts";
import { LevelStore } from "./adapters/store-level.ts";
import { logDestination } from "../daemon/log-lines.ts";
import { RelayedTransport } from "../daemon/peers/relay/transport.ts";
import { PinoTelemetry } from "./adapters/telemetry-pino.ts";
import type { RelaysOfKeepers } from "./adapters/libp2p/keeper-node.ts";
import { GossipTransport } from "./adapters/libp2p/transport.ts";
import { feeLimitsOf, tokenPricesOf } from "./config.ts";
import type { KeeperConfig } from "./config.ts";
import type { KeeperState } from "./core/state.ts";
import type { Hex } from "../protocol/hash.ts";
import { listenAddresses, mustListen } from "../daemon/listen.ts";
import { OpenedParts } from "../daemon/opened-parts.ts";
import type { TelemetryPort } from "./ports/telemetry.ts";
import { Keeper } from "./runtime/keeper.ts";
import type { KeeperDependencies } from "./runtime/keeper.ts";
import { KnownRelays, openCalling, openRelay, useRelays } from "./compose-relay.ts";
import { composeReporting } from "./compose-reporting.ts";

const redial_ms = 1_000;

export type Daemon = {
  readonly peerId: string;
  readonly addresses: readonly string[];
  readonly api: string;
  /** State of the machine of each committee. */
  states(): ReadonlyMap<Hex, KeeperState>;
  /** Resolves when `signal` has aborted and all parts are closed; rejects if the keeper had to stop. */
  run(signal: AbortSignal): Promise<void>;
};

/** Wraps the ports before the keeper gets them. Tests inject faults with it. */
export type Decorate = (ports: KeeperDependencies) => KeeperDependencies;

/** The password of the keys: the given one, else the one in the configured file. */
async function passwordOf({ passwordFile }: KeeperConfig, asked: string | undefined): Promise<string> {
  if (asked !== undefined) return asked;
  if (passwordFile !== undefined) return readPasswordFile(passwordFile);
  throw new KeyFileError("no password for the keys: set passwordFile, or run it at a terminal");
}

/** @throws ListenError if a configured port is in use; nothing stays open then */
export async function composeKeeper(
  config: KeeperConfig,
  decorate: Decorate = (ports) => ports,
  password?: string,
): Promise<Daemon> {
  const secrets = await openKeys(config.keys, await passwordOf(config, password));
  const opened = new OpenedParts();
  try {
    return await assemble(opened, config, secrets, decorate);
  } catch (error) {
    await opened.close();
    throw error;
  }
}

async function openStore(opened: OpenedParts, { dataDir }: KeeperConfig): Promise<LevelStore> {
  await mkdir(dataDir, { recursive: true });
  const store = await LevelStore.open(join(dataDir, "store"));
  opened.defer(() => store.close());
  return store;
}

/** Opened parts are closed in the opposite order. */
async function assemble(
  opened: OpenedParts,
  config: KeeperConfig,
  secrets: KeySecrets,
  decorate: Decorate,
): Promise<Daemon> {
  installFastHashes();
  const keyring = new FileKeyring(secrets);
  const store = await openStore(opened, config);
  const listening = [...config.listen, ...(config.relay.offer ? config.relay.listen : [])];
  await mustListen([...listenAddresses(listening), { setting: "api.port", ...config.api }]);
  const out = logDestination(config.logFormat);
  const log = new PinoTelemetry(config.logLevel, keyring.operator, { out });
  const reporting = await composeReporting(config, keyring.operator, log);
  opened.defer(() => reporting.close());
  const { telemetry, ledger } = reporting;
  const chain = chainOf(config, secrets);
  const crypto = new NobleCrypto();
  const relays = new KnownRelays(chain);
  const relayed = new RelayedTransport();
  const links = { transport: relayed, isRelay: (peer: string) => relays.has(peer) };
  const transport = await startTransport(config, secrets, keyring, crypto, { telemetry, relays: links });
  opened.defer(() => transport.stop());
  relays.follow(() => transport.registered);
  // The relay asks the keeper whom it serves; the keeper calls providers and other keepers over relays.
  const made: { keeper?: Keeper } = {};
  const { operator } = keyring;
  const peers = { config, peerSecret: secrets.peer, operator, transport, relays, relayed, chain, telemetry };
  const offered = await openRelay(opened, { ...peers, keeper: () => made.keeper });
  const { provider, locator } = await openCalling(opened, peers, offered);
  transport.findBy(locator);
  await useRelays(opened, peers, offered);
  const keeper = new Keeper(
    { timeout_ms: config.challengeTimeout_ms, replacesResigned: config.policy.replaceResigned },
    decorate({ keyring, crypto, store, ledger, transport, chain, telemetry, clock: systemClock, provider }),
  );
  made.keeper = keeper;
  const api = await reporting.open(keeper, transport, chain, offered);
  return {
    peerId: transport.peerId,
    addresses: transport.addresses,
    api: api.url,
    states: () => statesOf(keeper),
    run: async (signal) => {
      try {
        await keeper.run(signal);
      } finally {
        await opened.close();
      }
    },
  };
}

function statesOf(keeper: Keeper): ReadonlyMap<Hex, KeeperState> {
  const found = new Map<Hex, KeeperState>();
  for (const committee of keeper.committees) {
    const state = keeper.stateOf(committee);
    if (state !== undefined) found.set(committee, state);
  }
  return found;
}

function chainOf(config: KeeperConfig, { operator: operatorSecret }: KeySecrets): EthersChain {
  const { id: chainId, rpc: urls, registry, factories, poll_ms } = config.chain;
  const fees = feeLimitsOf(config);
  const tokenPrices = tokenPricesOf(config);
  return new EthersChain(
    { chainId, urls, registry, factories, operatorSecret, poll_ms, fees, tokenPrices },
    systemClock,
  );
}

function startTransport(
  { chain: { id: chainId, registry }, listen }: KeeperConfig,
  { peer: peerSecret }: KeySecrets,
  keyring: FileKeyring,
  crypto: NobleCrypto,
  { telemetry, relays }: { readonly telemetry: TelemetryPort; readonly relays: RelaysOfKeepers },
): Promise<GossipTransport> {
  return GossipTransport.start({
    peerSecret,
    listen,
    redial_ms,
    relays,
    identity: {
      chainId,
      registry,
      operator: keyring.operator,
      sign: (digest) => keyring.signMessage(digest),
      signer: (digest, signature) => crypto.messageSigner(digest, signature),
    },
    onReason: (code, detail) => telemetry.reason("", code, detail),
  });
}
