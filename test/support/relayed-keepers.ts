/** Keepers that are reached over relays alone, on real libp2p. */
import { setTimeout as sleep } from "node:timers/promises";
import { generateKeyPairFromSeed } from "@libp2p/crypto/keys";
import type { Connection } from "@libp2p/interface";
import { RelayedTransport } from "../../daemon/peers/relay/transport.ts";
import { RelayUse } from "../../daemon/peers/relay/use.ts";
import type { RelayState } from "../../daemon/peers/relay/use.ts";
import type { RelayNode } from "../../keeper/adapters/libp2p/relay-node.ts";
import type { GossipTransport } from "../../keeper/adapters/libp2p/transport.ts";
import { fromHex } from "../../protocol/hash.ts";
import type { RelayedLife } from "../../protocol/limits/relay.ts";
import { peerSecretOf } from "../../scripts/bench/floods/nodes.ts";
import type { RelayScene } from "./relay-scene.ts";
import { introduce, operatorAt, registration, testTopic, until, watchConnections } from "./transports.ts";
import type { Transports } from "./transports.ts";

/** Of a busy machine; on a quiet one each step takes a second or two. */
export const wait_ms = 60_000;

export type RelayedKeeper = {
  readonly index: number;
  readonly node: GossipTransport;
  readonly state: () => RelayState | undefined;
  /** Messages of the test topic, in the order of their arrival. */
  readonly heard: string[];
};

type Parts = { readonly scene: RelayScene; readonly transports: Transports };

/** A keeper that says it is reached over relays alone, and finds others by them. */
export async function keeperBehindRouter(
  { scene, transports }: Parts,
  index: number,
  { life, offered }: { readonly life?: RelayedLife; readonly offered?: RelayNode } = {},
): Promise<RelayedKeeper> {
  const transport = new RelayedTransport();
  if (offered !== undefined) transport.setOwn(offered.local);
  const isRelay = (peer: string): boolean => scene.addresses.some(({ peerId }) => peerId === peer);
  const node = await transports.start(index, { relays: { transport, isRelay, ...(life && { life }) } });
  scene.registry.set(operatorAt(index), node.peerId);
  scene.served.add(operatorAt(index));
  const { locator } = await scene.caller(index, offered);
  node.findBy(locator);
  let state: RelayState | undefined;
  const use = new RelayUse({
    node: node.node,
    transport,
    privateKey: await generateKeyPairFromSeed("Ed25519", fromHex(peerSecretOf(index))),
    role: "keeper",
    operator: operatorAt(index),
    direct: [],
    use: "auto",
    relays: async () => ({
      own: scene.addresses.filter(({ peerId }) => peerId !== offered?.peerId),
      others: [],
    }),
    onChange: (now) => void (state = now),
  });
  const running = new AbortController();
  const run = use.run(running.signal);
  transports.own({
    async stop() {
      running.abort();
      await run;
    },
  });
  const heard: string[] = [];
  node.join(testTopic, async (bytes) => {
    heard.push(new TextDecoder().decode(bytes));
    return "accept";
  });
  return { index, node, state: () => state, heard };
}

/** Two such keepers, connected over a relay, and whether they are connected now. */
export async function twoBehindRouters(
  parts: Parts,
  life?: RelayedLife,
): Promise<{ first: RelayedKeeper; second: RelayedKeeper; isConnected: () => boolean }> {
  const first = await keeperBehindRouter(parts, 0, { ...(life && { life }) });
  const second = await keeperBehindRouter(parts, 1, { ...(life && { life }) });
  const nodes = [first.node, second.node];
  const hidden = nodes.map((node, i) => registration(i, node, { multiaddrs: ["/p2p-circuit"] }));
  introduce(nodes, hidden);
  const connected = watchConnections(nodes);
  const isConnected = (): boolean => connected.every(({ length }) => length === 1);
  await until(isConnected, "connected over a relay", wait_ms);
  return { first, second, isConnected };
}

export function connectionsTo(from: RelayedKeeper, to: RelayedKeeper): Connection[] {
  return from.node.node.getConnections().filter(({ remotePeer }) => remotePeer.toString() === to.node.peerId);
}

/** Waits until what this keeper publishes has a way to the other one. */
export async function untilSubscribed({ node }: RelayedKeeper): Promise<void> {
  const { pubsub } = node.node.services;
  await until(() => pubsub.getSubscribers(testTopic).length === 1, "a subscriber", wait_ms);
}

/** Publishes a message fifty times a second until the signal. Returns the messages, each with its own number. */
export async function tellOften(
  { index, node }: RelayedKeeper,
  stopped: AbortSignal,
  paddingBytes = 0,
): Promise<readonly string[]> {
  const texts: string[] = [];
  while (!stopped.aborted) {
    const text = `${index}/${texts.length} ${"x".repeat(paddingBytes)}`;
    texts.push(text);
    await node.publish(testTopic, new TextEncoder().encode(text));
    await sleep(20);
  }
  return texts;
}
