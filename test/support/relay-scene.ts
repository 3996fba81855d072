/** Relays of keepers, peers behind routers and callers, on real libp2p on loopback. */
import { generateKeyPairFromSeed } from "@libp2p/crypto/keys";
import { identify } from "@libp2p/identify";
import type { Libp2p, PrivateKey } from "@libp2p/interface";
import { noise } from "@libp2p/noise";
import { tcp } from "@libp2p/tcp";
import { byteStream } from "@libp2p/utils";
import { createLibp2p } from "libp2p";
import { connectionLimits } from "../../daemon/peers/connection-limits.ts";
import { muxer } from "../../daemon/peers/muxer.ts";
import type { RelayAddress } from "../../daemon/peers/addresses.ts";
import { Locator } from "../../daemon/peers/relay/locator.ts";
import { RelayedTransport } from "../../daemon/peers/relay/transport.ts";
import { RelayUse } from "../../daemon/peers/relay/use.ts";
import type { RelayState } from "../../daemon/peers/relay/use.ts";
import { startCallingNode } from "../../keeper/adapters/libp2p/node.ts";
import type { CallingNode } from "../../keeper/adapters/libp2p/node.ts";
import { RelayNode } from "../../keeper/adapters/libp2p/relay-node.ts";
import type { RelayOptions } from "../../keeper/adapters/libp2p/relay-node.ts";
import { fromHex, keccakWords } from "../../protocol/hash.ts";
import type { Hex } from "../../protocol/hash.ts";
import { streamBytes } from "../../protocol/limits/derived.ts";

export const echoProtocol = "/test/echo/1";
const loopback = "/ip4/127.0.0.1/tcp/0";

/** An operator of the registry, and the key of the peer that it registered. */
export type Party = { readonly operator: Hex; readonly privateKey: PrivateKey };

export async function partyAt(index: number): Promise<Party> {
  const seed = keccakWords(index, 7);
  return {
    operator: seed.slice(0, 42) as Hex,
    privateKey: await generateKeyPairFromSeed("Ed25519", fromHex(seed)),
  };
}

/** Secret of the peer key of a keeper that calls. */
export function callerSecret(index: number): Hex {
  return keccakWords(index, 9);
}

export type Peer = {
  readonly party: Party;
  readonly node: Libp2p;
  readonly use: RelayUse;
  state: RelayState | undefined;
  /** Bytes that it was sent to echo. */
  received: number;
};

export class RelayScene {
  readonly relays: RelayNode[] = [];
  /** Registered peer ids by operator. */
  readonly registry = new Map<Hex, string>();
  readonly served = new Set<Hex>();
  readonly reasons: string[] = [];
  readonly #stops: (() => Promise<unknown>)[] = [];

  /** Addresses of all relays that run or ran. */
  get addresses(): RelayAddress[] {
    return this.#addresses;
  }
  readonly #addresses: RelayAddress[] = [];

  async relay(index: number, options: Partial<RelayOptions> = {}): Promise<RelayNode> {
    const relay = await RelayNode.start({
      peerSecret: keccakWords(index, 8),
      listen: [loopback],
      registrations: {
        of: async (_role, operator) => {
          const peerId = this.registry.get(operator);
          return peerId === undefined ? undefined : { peerId };
        },
        isServed: (_role, operator) => this.served.has(operator),
      },
      scale: () => ({ keepers: 4, providers: 1 }),
      isKeeper: () => false,
      onReason: (code, detail) => void this.reasons.push(`${code}: ${detail}`),
      ...options,
    });
    this.relays.push(relay);
    this.#addresses.push({ peerId: relay.peerId, addresses: relay.node.getMultiaddrs().map(String) });
    this.#stops.push(() => relay.stop());
    return relay;
  }

  /** A peer that echoes what it is sent. Behind a router nobody can dial it. */
  async peer(
    party: Party,
    {
      isBehindRouter,
      onState,
    }: { readonly isBehindRouter: boolean; readonly onState?: (state: RelayState) => void },
  ): Promise<Peer> {
    const transport = new RelayedTransport();
    const node = await createLibp2p({
      privateKey: party.privateKey,
      addresses: { listen: [loopback] },
      transports: [tcp(), transport.transport()],
      connectionEncrypters: [noise()],
      // A window larger than the buffer would break a stream that is read more slowly than it comes.
      streamMuxers: [
        muxer({ streamOptions: { maxStreamWindowSize: streamBytes, maxReadBufferLength: streamBytes } }),
      ],
      services: { identify: identify({ runOnConnectionOpen: false }) },
      connectionManager: connectionLimits,
      connectionGater: {
        denyInboundConnection: ({ remoteAddr }) =>
          isBehindRouter && !remoteAddr.toString().includes("/p2p-circuit"),
      },
    });
    const options = { runOnLimitedConnection: true };
    await node.handle(
      echoProtocol,
      async (stream) => {
        const io = byteStream(stream);
        for (let chunk = await io.read(); chunk !== null; chunk = await io.read()) {
          peer.received += chunk.byteLength;
          await io.write(chunk);
        }
        await stream.close();
      },
      options,
    );
    this.registry.set(party.operator, node.peerId.toString());
    const use = new RelayUse({
      node,
      transport,
      privateKey: party.privateKey,
      role: "provider",
      operator: party.operator,
      direct: node.getMultiaddrs().map(String),
      use: "auto",
      relays: async () => ({ own: this.#addresses, others: [] }),
      onChange: (state) => {
        peer.state = state;
        onState?.(state);
      },
    });
    const peer: Peer = { party, node, use, state: undefined, received: 0 };
    const running = new AbortController();
    const run = use.run(running.signal);
    this.#stops.push(async () => {
      running.abort();
      await run;
      await node.stop();
    });
    return peer;
  }

  /** A node that calls, and finds peers by the relays; `offered` is that of its own process. */
  async caller(index: number, offered?: RelayNode): Promise<CallingNode & { readonly locator: Locator }> {
    const isRelay = (peer: string): boolean => this.#addresses.some(({ peerId }) => peerId === peer);
    const calling = await startCallingNode(callerSecret(index), isRelay);
    const relays = async (): Promise<RelayAddress[]> => this.#addresses;
    const own = offered && {
      peerId: offered.peerId,
      bytesOf: (peerId: string) => offered.records.bytesOf(peerId),
    };
    const locator = new Locator({ node: calling.libp2p, relays, ...(own && { own }) }, 64);
    this.#stops.push(async () => calling.libp2p.stop());
    return { ...calling, locator };
  }

  async close(): Promise<void> {
    await Promise.all(this.#stops.splice(0).map((stop) => stop()));
  }
}
