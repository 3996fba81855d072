/** Keepers that cannot dial each other gossip and ask over a relay, on real libp2p; a direct connection replaces the relayed one (R3, L4). */
import { generateKeyPairFromSeed } from "@libp2p/crypto/keys";
import { afterEach, expect, it } from "vitest";
import { isCircuit } from "../../daemon/peers/addresses.ts";
import { RelayedTransport } from "../../daemon/peers/relay/transport.ts";
import { RelayUse } from "../../daemon/peers/relay/use.ts";
import type { RelayState } from "../../daemon/peers/relay/use.ts";
import type { GossipTransport } from "../../keeper/adapters/libp2p/transport.ts";
import { fromHex } from "../../protocol/hash.ts";
import { peerSecretOf } from "../../scripts/bench/floods/nodes.ts";
import { RelayScene } from "../support/relay-scene.ts";
import {
  Transports,
  introduce,
  operatorAt,
  registration,
  testTopic,
  until,
  watchConnections,
} from "../support/transports.ts";

const wait_ms = 60_000;
const test_ms = 240_000;
const transports = new Transports();
let scene = new RelayScene();

afterEach(async () => {
  await transports.stop();
  await scene.close();
  scene = new RelayScene();
});

type Keeper = { readonly node: GossipTransport; readonly state: () => RelayState | undefined };

/** A keeper that says it is reached over relays alone, and finds others by them. */
async function keeperBehindRouter(index: number): Promise<Keeper> {
  const transport = new RelayedTransport();
  const isRelay = (peer: string): boolean => scene.addresses.some(({ peerId }) => peerId === peer);
  const node = await transports.start(index, { relays: { transport, isRelay } });
  scene.registry.set(operatorAt(index), node.peerId);
  scene.served.add(operatorAt(index));
  const { locator } = await scene.caller(index);
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
    relays: async () => ({ own: scene.addresses, others: [] }),
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
  return { node, state: () => state };
}

const relayedTo = (from: Keeper, to: Keeper): boolean[] =>
  from.node.node
    .getConnections()
    .filter(({ remotePeer }) => remotePeer.toString() === to.node.peerId)
    .map(({ limits }) => limits !== undefined);

it(
  "two keepers behind routers gossip and ask over a relay, through another one when it ends, and directly once a port is open",
  async () => {
    const relays = [await scene.relay(0), await scene.relay(1)];
    const keepers = await Promise.all([0, 1].map((index) => keeperBehindRouter(index)));
    const [first, second] = keepers as [Keeper, Keeper];
    const nodes = keepers.map(({ node }) => node);
    const heard: string[][] = [[], []];
    nodes.forEach((node, i) =>
      node.join(testTopic, async (bytes) => {
        heard[i]?.push(new TextDecoder().decode(bytes));
        return "accept";
      }),
    );
    second.node.serve("pull", async (bytes, from) => new TextEncoder().encode(`${bytes.length} ${from}`));
    const hidden = nodes.map((node, i) => registration(i, node, { multiaddrs: ["/p2p-circuit"] }));
    introduce(nodes, hidden);
    const connected = watchConnections(nodes);
    const isConnected = (): boolean => connected.every(({ length }) => length === 1);
    await until(isConnected, "connected over a relay", wait_ms);
    expect(first.state()?.addresses.every(isCircuit)).toBe(true);
    expect(relayedTo(first, second).every(Boolean)).toBe(true);

    const says = async (from: Keeper, text: string, to: number): Promise<void> => {
      const subscribed = (): boolean => from.node.node.services.pubsub.getSubscribers(testTopic).length === 1;
      await until(subscribed, `the way for "${text}"`, wait_ms);
      await from.node.publish(testTopic, new TextEncoder().encode(text));
      await until(() => heard[to]?.includes(text) === true, `"${text}" is heard`, wait_ms);
    };
    const asks = async (): Promise<string> =>
      new TextDecoder().decode(await first.node.ask(operatorAt(1), "pull", new Uint8Array(1000)));
    await says(first, "from the first", 1);
    await says(second, "from the second", 0);
    expect(await asks()).toBe(`1000 ${operatorAt(0)}`);

    const used = relays.find(({ figures }) => figures.relayed > 0);
    await used?.stop();
    await until(() => !isConnected(), "the end of the relay is seen", wait_ms);
    await until(isConnected, "connected over the other relay", wait_ms);
    expect(relays.find((relay) => relay !== used)?.figures.relayed).toBeGreaterThan(0);
    await says(second, "over the other relay", 0);

    introduce(nodes);
    const isDirect = (): boolean => {
      const relayed = relayedTo(first, second);
      return relayed.length > 0 && !relayed.includes(true);
    };
    await until(isDirect, "direct connections alone", wait_ms);
    await says(first, "directly", 1);
    expect(await asks()).toBe(`1000 ${operatorAt(0)}`);
  },
  test_ms,
);
