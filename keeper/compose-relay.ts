/** Relays in the keeper's process: the one that it offers, those over which it calls others, and those over which it is called. */
import { generateKeyPairFromSeed } from "@libp2p/crypto/keys";
import type { EthersChain } from "./adapters/chain-ethers/index.ts";
import { startCallingNode } from "./adapters/libp2p/node.ts";
import { providerClient } from "./adapters/libp2p/provider.ts";
import { RelayNode } from "./adapters/libp2p/relay-node.ts";
import type { GossipTransport } from "./adapters/libp2p/transport.ts";
import type { KeeperConfig } from "./config.ts";
import { relaysOf } from "../daemon/peers/addresses.ts";
import type { RelayAddress } from "../daemon/peers/addresses.ts";
import { Locator } from "../daemon/peers/relay/locator.ts";
import type { OpenedParts } from "../daemon/opened-parts.ts";
import { directOf, relayLine } from "../daemon/peers/relay/reachable.ts";
import type { RelayedTransport } from "../daemon/peers/relay/transport.ts";
import { RelayUse } from "../daemon/peers/relay/use.ts";
import type { Role } from "../protocol/codec/address.ts";
import type { CommitteeSnapshot } from "../protocol/committee.ts";
import { fromHex } from "../protocol/hash.ts";
import type { Hex } from "../protocol/hash.ts";
import { maxCommittees, maxKeeperNames, maxProviderNames } from "../protocol/limits/derived.ts";
import { registeredRelays } from "../protocol/limits/relay.ts";
import type { RelayScale } from "../protocol/limits/relay.ts";
import type { Endpoint } from "./ports/chain.ts";
import type { ProviderClient } from "./ports/provider.ts";
import type { TelemetryPort } from "./ports/telemetry.ts";
import type { Keeper } from "./runtime/keeper.ts";

/** Operators of the committees of this keeper, by role. */
export type Served = Readonly<Record<Role, ReadonlySet<Hex>>>;

function servedBy(committees: readonly CommitteeSnapshot[]): Served {
  const seats = committees.flatMap(({ version, next }) => [...version.members, ...(next?.members ?? [])]);
  const providers = committees.flatMap(({ groups }) => groups.flatMap((group) => group.providers));
  return {
    keeper: new Set(seats.map(({ operator }) => operator)),
    provider: new Set(providers.map(({ operator }) => operator)),
  };
}

/** The registry is read again after this time, if a relay is needed. */
const readAgain_ms = 10 * 60_000;

/** Relays that this keeper uses and trusts: those of the members of its committees, and of the first keepers of the registry. */
export class KnownRelays {
  readonly #chain: Pick<EthersChain, "firstKeepers">;
  #members: () => readonly Endpoint[] = () => [];
  #own: { readonly of: readonly Endpoint[]; readonly relays: readonly RelayAddress[] } = {
    of: [],
    relays: [],
  };
  #others: readonly RelayAddress[] = [];
  #readAt_ms = Number.NEGATIVE_INFINITY;
  #reading: Promise<void> = Promise.resolve();

  constructor(chain: Pick<EthersChain, "firstKeepers">) {
    this.#chain = chain;
  }

  /** @param members the registrations of the members of the committees, as they are now */
  follow(members: () => readonly Endpoint[]): void {
    this.#members = members;
  }

  /** Whether this is the peer of such a relay. */
  has(peer: string): boolean {
    const named = ({ peerId }: RelayAddress): boolean => peerId === peer;
    return this.#ofMembers().some(named) || this.#others.some(named);
  }

  async all(): Promise<{ own: readonly RelayAddress[]; others: readonly RelayAddress[] }> {
    const now_ms = performance.now();
    if (now_ms - this.#readAt_ms > readAgain_ms) {
      this.#readAt_ms = now_ms;
      this.#reading = this.#chain.firstKeepers(registeredRelays).then(
        (keepers) => void (this.#others = relaysIn(keepers)),
        // No endpoint answers: asked again at the next need.
        () => void (this.#readAt_ms = Number.NEGATIVE_INFINITY),
      );
    }
    await this.#reading;
    const own = this.#ofMembers();
    const named = new Set(own.map(({ peerId }) => peerId));
    return { own, others: this.#others.filter(({ peerId }) => !named.has(peerId)) };
  }

  #ofMembers(): readonly RelayAddress[] {
    const of = this.#members();
    if (this.#own.of !== of) this.#own = { of, relays: relaysIn(of) };
    return this.#own.relays;
  }
}

function relaysIn(keepers: readonly Endpoint[]): RelayAddress[] {
  return keepers.flatMap(({ peerId, multiaddrs }) => relaysOf(peerId, multiaddrs));
}

type RelayParts = {
  readonly config: Pick<KeeperConfig, "relay" | "announce" | "listen">;
  readonly peerSecret: Hex;
  readonly operator: Hex;
  readonly transport: GossipTransport;
  readonly relays: KnownRelays;
  readonly relayed: RelayedTransport;
  readonly chain: Pick<EthersChain, "keeperEndpoint" | "providerEndpoint">;
  readonly telemetry: TelemetryPort;
};

type OfferParts = RelayParts & {
  /** Undefined before the keeper is made. */
  readonly keeper: () => Pick<Keeper, "committees" | "stateOf"> | undefined;
};

function snapshotsOf(keeper: ReturnType<OfferParts["keeper"]>): CommitteeSnapshot[] {
  const states = keeper?.committees.map((committee) => keeper.stateOf(committee)?.committee) ?? [];
  return states.filter((committee) => committee !== undefined);
}

/** Starts the relay if the settings offer one. */
export async function openRelay(
  opened: OpenedParts,
  { config, peerSecret, transport, relayed, chain, telemetry, keeper }: OfferParts,
): Promise<RelayNode | undefined> {
  const { offer, listen } = config.relay;
  if (!offer) return undefined;
  const served = (): Served => servedBy(snapshotsOf(keeper()));
  const relay = await RelayNode.start({
    peerSecret,
    listen,
    registrations: {
      of: (role, operator) =>
        role === "keeper" ? chain.keeperEndpoint(operator) : chain.providerEndpoint(operator),
      isServed: (role, operator) => served()[role].has(operator),
    },
    scale: (): RelayScale => {
      const { keeper: keepers, provider: providers } = served();
      return { keepers: Math.max(1, keepers.size), providers: Math.max(1, providers.size) };
    },
    isKeeper: (peer) => transport.isMember(peer),
    onReason: (code, detail) => telemetry.reason("", code, detail),
  });
  opened.defer(() => relay.stop());
  relayed.setOwn(relay.local);
  return relay;
}

type Calling = {
  readonly provider: ProviderClient;
  /** Finds providers and keepers that have moved or have no open port, by the records that relays hold. */
  readonly locator: Locator;
};

/** A separate node calls providers, so that providers cannot reach the node of the keepers (D6). */
export async function openCalling(
  opened: OpenedParts,
  { peerSecret, relays }: Pick<RelayParts, "peerSecret" | "relays">,
  offered: RelayNode | undefined,
): Promise<Calling> {
  const calling = await startCallingNode(peerSecret, (peer) => relays.has(peer));
  opened.defer(() => calling.libp2p.stop());
  if (offered !== undefined) calling.relayed.setOwn(offered.local);
  const locator = new Locator(
    {
      node: calling.libp2p,
      relays: async () => {
        const { own, others } = await relays.all();
        // With its own: keepers and providers are reached over it, too.
        return [...own, ...others];
      },
      ...(offered && {
        own: { peerId: offered.peerId, bytesOf: (peerId: string) => offered.records.bytesOf(peerId) },
      }),
    },
    maxProviderNames + maxKeeperNames(maxCommittees),
  );
  return { provider: providerClient({ ...calling, locator }), locator };
}

/** Keeps the keeper reachable over relays of others, if the settings want it. */
export async function useRelays(
  opened: OpenedParts,
  parts: RelayParts,
  offered: RelayNode | undefined,
): Promise<void> {
  const { config, peerSecret, operator, transport, relays, relayed, telemetry } = parts;
  const { use } = config.relay;
  if (use === "never") return;
  const notOwn = ({ peerId }: RelayAddress): boolean => peerId !== offered?.peerId;
  const using = new RelayUse({
    node: transport.node,
    transport: relayed,
    privateKey: await generateKeyPairFromSeed("Ed25519", fromHex(peerSecret)),
    role: "keeper",
    operator,
    direct: directOf(config),
    use,
    relays: async () => {
      const { own, others } = await relays.all();
      return { own: own.filter(notOwn), others: others.filter(notOwn) };
    },
    onChange: (state) => {
      const { level, text, about } = relayLine(state, "keeper");
      telemetry[level](text, about);
    },
  });
  const stop = new AbortController();
  const running = using.run(stop.signal);
  opened.defer(async () => {
    stop.abort();
    await running;
  });
}
