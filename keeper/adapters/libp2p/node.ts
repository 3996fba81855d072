/** libp2p nodes of a keeper: the common parts, and the node that calls providers. */
import { generateKeyPairFromSeed } from "@libp2p/crypto/keys";
import type { Ed25519PrivateKey, Libp2p, MultiaddrConnection, PeerId } from "@libp2p/interface";
import { identify } from "@libp2p/identify";
import { noise } from "@libp2p/noise";
import { tcp } from "@libp2p/tcp";
import { createLibp2p } from "libp2p";
import { fromHex } from "../../../protocol/hash.ts";
import type { Hex } from "../../../protocol/hash.ts";
import {
  maxProviderNames,
  providerBytes,
  signOfLife_ms,
  streamBytes,
} from "../../../protocol/limits/derived.ts";
import type { Rate } from "../../../protocol/limits/token-buckets.ts";
import { InboundMeter } from "../../../daemon/peers/inbound-meter.ts";
import { muxer } from "../../../daemon/peers/muxer.ts";
import { RelayedTransport } from "../../../daemon/peers/relay/transport.ts";
import { chosenRelayRate } from "../../../protocol/limits/relay.ts";

/** Limit for one address. The addresses of a peer are tried in order, so one that never answers must not use the whole time. */
export const addressDial_ms = 2_000;

/** The same where an address may lead over a relay: two handshakes of encryption and two questions, some ten round trips. */
export const relayedDial_ms = 5_000;

export async function privateKeyOf(peerSecret: Hex): Promise<Ed25519PrivateKey> {
  return generateKeyPairFromSeed("Ed25519", fromHex(peerSecret));
}

/** @param inboundStreams that the other side may have open on one connection */
export function keeperMuxer(inboundStreams: number): ReturnType<typeof muxer> {
  return muxer({
    maxInboundStreams: inboundStreams,
    streamOptions: { maxStreamWindowSize: streamBytes, maxReadBufferLength: 2 * streamBytes },
  });
}

/** Puts the meter on every connection once it is encrypted and its peer known. */
export function metered(meter: InboundMeter): {
  denyInboundUpgradedConnection(peer: PeerId, connection: MultiaddrConnection): boolean;
  denyOutboundUpgradedConnection(peer: PeerId, connection: MultiaddrConnection): boolean;
} {
  const watch = (peer: PeerId, connection: MultiaddrConnection): boolean => {
    meter.watch(peer.toString(), connection);
    return false;
  };
  return { denyInboundUpgradedConnection: watch, denyOutboundUpgradedConnection: watch };
}

/** Streams that a provider may open. The node supports no protocol on them, but a refused ping must not break the connection. */
const refusedStreams = 4;

/**
 * A node that only dials: it neither listens nor serves, and bounds what a peer may send by what was asked for.
 */
export type CallingNode = {
  readonly libp2p: Libp2p;
  readonly meter: InboundMeter;
  readonly relayed: RelayedTransport;
};

/**
 * The node that calls providers. It has this keeper's peer key, because providers identify a keeper by it (R12). It shares nothing
 * else with the node of the keepers: a provider cannot reach the gossip or the questions of keepers.
 * @param isRelay whether this is the peer of a relay that a keeper registered
 */
export async function startCallingNode(
  peerSecret: Hex,
  isRelay: (peer: string) => boolean = () => false,
): Promise<CallingNode> {
  // A message over a relay is metered again for the provider that sends it.
  const rate = (peer: string): Rate => (isRelay(peer) ? chosenRelayRate : providerBytes);
  const meter = new InboundMeter(rate, maxProviderNames);
  const relayed = new RelayedTransport();
  const libp2p = await createLibp2p({
    privateKey: await privateKeyOf(peerSecret),
    transports: [tcp(), relayed.transport()],
    connectionEncrypters: [noise()],
    streamMuxers: [keeperMuxer(refusedStreams)],
    services: {
      identify: identify({ runOnConnectionOpen: false, maxInboundStreams: 1 }),
    },
    connectionManager: {
      maxConnections: maxProviderNames,
      addressDialTimeout: relayedDial_ms,
      reconnectRetries: 0,
    },
    connectionGater: metered(meter),
    connectionMonitor: { pingTimeout: { minTimeout: signOfLife_ms } },
  });
  return { libp2p, meter, relayed };
}
