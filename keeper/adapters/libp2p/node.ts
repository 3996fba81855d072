/** libp2p nodes of a keeper: what they have in common, and the one that calls providers. */
import { generateKeyPairFromSeed } from "@libp2p/crypto/keys";
import type { Ed25519PrivateKey, Libp2p, MultiaddrConnection, PeerId } from "@libp2p/interface";
import { noise } from "@libp2p/noise";
import { tcp } from "@libp2p/tcp";
import { yamux } from "@libp2p/yamux";
import { multiaddr } from "@multiformats/multiaddr";
import type { Multiaddr } from "@multiformats/multiaddr";
import { createLibp2p } from "libp2p";
import { fromHex } from "../../../protocol/hash.ts";
import type { Hex } from "../../../protocol/hash.ts";
import {
  maxProviderNames,
  providerBytes,
  signOfLife_ms,
  streamBytes,
} from "../../../protocol/limits/derived.ts";
import { InboundMeter } from "../../../daemon/peers/inbound-meter.ts";

/** Addresses of one peer are tried one after the other: one that swallows everything must not use up the time of all. */
export const addressDial_ms = 2_000;

export async function privateKeyOf(peerSecret: Hex): Promise<Ed25519PrivateKey> {
  return generateKeyPairFromSeed("Ed25519", fromHex(peerSecret));
}

/** @param inboundStreams that the other side may have open on one connection */
export function muxer(inboundStreams: number): ReturnType<typeof yamux> {
  return yamux({
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

/** Addresses that name the peer, so that nobody else can answer in its place; what names another peer is left out. */
export function addressesOf(peerId: string, texts: readonly string[]): Multiaddr[] {
  const addresses: Multiaddr[] = [];
  for (const text of texts) {
    const address = parsed(text);
    const named = address?.getComponents().findLast(({ name }) => name === "p2p")?.value;
    if (address === undefined || (named !== undefined && named !== peerId)) continue;
    addresses.push(named === undefined ? address.encapsulate(`/p2p/${peerId}`) : address);
  }
  return addresses;
}

/** What somebody put into the registry need not be an address. */
function parsed(text: string): Multiaddr | undefined {
  try {
    return multiaddr(text);
  } catch {
    return undefined;
  }
}

/** Streams that a provider may open to be told that there is no such protocol: its signs of life are such, and must not fail. */
const refusedStreams = 4;

/** A node that only asks: it listens nowhere, offers no protocol, and takes from a peer what it asked it for and little more. */
export type CallingNode = {
  readonly libp2p: Libp2p;
  readonly meter: InboundMeter;
};

/**
 * The node that calls providers. It has this keeper's peer key, since that is how providers know it (R12), and nothing else in
 * common with the node of the keepers: a provider can open no stream here and reach no gossip.
 */
export async function startCallingNode(peerSecret: Hex): Promise<CallingNode> {
  const meter = new InboundMeter(() => providerBytes, maxProviderNames);
  const libp2p = await createLibp2p({
    privateKey: await privateKeyOf(peerSecret),
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [muxer(refusedStreams)],
    connectionManager: {
      maxConnections: maxProviderNames,
      addressDialTimeout: addressDial_ms,
      reconnectRetries: 0,
    },
    connectionGater: metered(meter),
    connectionMonitor: { pingTimeout: { minTimeout: signOfLife_ms } },
  });
  return { libp2p, meter };
}
