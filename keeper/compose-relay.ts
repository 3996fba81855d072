/** Relays in the keeper's process: the one that it offers, and those over which it calls providers. */
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
import type { Role } from "../protocol/codec/address.ts";
import type { CommitteeSnapshot } from "../protocol/committee.ts";
import type { Hex } from "../protocol/hash.ts";
import { maxProviderNames } from "../protocol/limits/derived.ts";
import type { RelayScale } from "../protocol/limits/relay.ts";
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

export type RelayParts = {
  readonly config: Pick<KeeperConfig, "relay">;
  readonly peerSecret: Hex;
  readonly transport: GossipTransport;
  readonly chain: Pick<EthersChain, "keeperEndpoint" | "providerEndpoint">;
  readonly telemetry: TelemetryPort;
  /** Undefined before the keeper is made. */
  readonly keeper: () => Pick<Keeper, "committees" | "stateOf"> | undefined;
};

function snapshotsOf(keeper: ReturnType<RelayParts["keeper"]>): CommitteeSnapshot[] {
  const states = keeper?.committees.map((committee) => keeper.stateOf(committee)?.committee) ?? [];
  return states.filter((committee) => committee !== undefined);
}

/** Starts the relay if the settings offer one. */
export async function openRelay(
  opened: OpenedParts,
  { config, peerSecret, transport, chain, telemetry, keeper }: RelayParts,
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
  return relay;
}

/**
 * A separate node calls providers, so that providers cannot reach the node of the keepers (D6). It finds those that have moved or have no
 * open port by the records that relays hold.
 */
export async function openCalling(
  opened: OpenedParts,
  { peerSecret, transport }: Pick<RelayParts, "peerSecret" | "transport">,
  relay: RelayNode | undefined,
): Promise<ProviderClient> {
  const relays = (): RelayAddress[] =>
    transport.registered.flatMap(({ peerId, multiaddrs }) => relaysOf(peerId, multiaddrs));
  const isRelay = (peer: string): boolean => relays().some(({ peerId }) => peerId === peer);
  const calling = await startCallingNode(peerSecret, isRelay);
  opened.defer(() => calling.libp2p.stop());
  const locator = new Locator(
    {
      node: calling.libp2p,
      relays: async () => relays(),
      own: (peerId) => relay?.records.bytesOf(peerId),
    },
    maxProviderNames,
  );
  return providerClient({ ...calling, locator });
}
