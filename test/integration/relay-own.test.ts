/** A keeper that does not reach the public address of its own relay calls over this relay all the same (L4), on real libp2p. */
import { byteStream } from "@libp2p/utils";
import { afterEach, expect, it } from "vitest";
import { OpenedParts } from "../../daemon/opened-parts.ts";
import { isCircuit } from "../../daemon/peers/addresses.ts";
import { KnownRelays, openCalling } from "../../keeper/compose-relay.ts";
import { challengeProtocol, encodeRefusal, refusal } from "../../protocol/codec/challenge.ts";
import type { ChallengeRequest } from "../../protocol/codec/challenge.ts";
import { relayedOfStranger } from "../../protocol/limits/relay.ts";
import { peerSecretOf } from "../../scripts/bench/floods/nodes.ts";
import { CuttingProxy } from "../support/cutting-proxy.ts";
import { keeperBehindRouter, wait_ms } from "../support/relayed-keepers.ts";
import { callerSecret, partyAt, RelayScene } from "../support/relay-scene.ts";
import type { Peer } from "../support/relay-scene.ts";
import type { RelayNode } from "../../keeper/adapters/libp2p/relay-node.ts";
import { Transports, introduce, registration, until, watchConnections } from "../support/transports.ts";

const test_ms = 240_000;
const transports = new Transports();
const opened = new OpenedParts();
let scene = new RelayScene();

afterEach(async () => {
  await opened.close();
  await transports.stop();
  await scene.close();
  scene = new RelayScene();
});

/** A relay at a public address, which answers nobody from the call of the second function on; open connections remain. */
async function relayBehindRouter(
  options: Parameters<RelayScene["relay"]>[1],
): Promise<{ relay: RelayNode; closePort: () => void }> {
  const relay = await scene.relay(0, options);
  const port = Number(/\/tcp\/(\d+)/.exec(relay.local.addresses[0] ?? "")?.[1]);
  const router = await CuttingProxy.open(port);
  opened.defer(() => router.close());
  const { peerId } = relay;
  const addresses = [`/ip4/127.0.0.1/tcp/${router.port}/p2p/${peerId}`];
  scene.addresses.splice(0, scene.addresses.length, { peerId, addresses });
  return { relay, closePort: () => router.refuse() };
}

const hasPlace = ({ state }: Pick<Peer, "state">): boolean => (state?.addresses ?? []).some(isCircuit);

it(
  "a keeper challenges more providers over its own relay than a stranger may call",
  async () => {
    const providers = relayedOfStranger + 1;
    const peerSecret = callerSecret(0);
    const { relay, closePort } = await relayBehindRouter({
      peerSecret,
      scale: () => ({ keepers: 4, providers }),
    });
    const peers: Peer[] = [];
    for (let i = 0; i < providers; i++) {
      const party = await partyAt(i);
      scene.served.add(party.operator);
      const peer = await scene.peer(party, { isBehindRouter: true });
      await peer.node.handle(
        challengeProtocol,
        async (stream) => {
          await byteStream(stream).write(encodeRefusal(refusal("busy", `provider ${i}`)));
          await stream.close();
        },
        { runOnLimitedConnection: true },
      );
      peers.push(peer);
    }
    await until(() => peers.every(hasPlace), "a place for each", wait_ms);
    closePort();

    const multiaddrs = scene.addresses.flatMap(({ addresses }) => addresses);
    const keeper = { operator: (await partyAt(99)).operator, sequence: 1, peerId: "keeper", multiaddrs };
    const relays = new KnownRelays({ firstKeepers: async () => [keeper] });
    const { provider } = await openCalling(opened, { peerSecret, relays }, relay);
    const request: ChallengeRequest = {
      chainId: 31_337,
      committee: keeper.operator,
      operator: keeper.operator,
      keeper: keeper.operator,
      slot: 1,
      blockHash: `0x${"11".repeat(32)}`,
      seed: new Uint8Array(48),
      targets: [{ group: keeper.operator, provider: 0 }],
    };
    const asked = peers.map(({ node }) => {
      const target = { peerId: node.peerId.toString(), addrs: ["/p2p-circuit"] };
      return provider.challenge(target, request, { timeout_ms: wait_ms });
    });
    const answers = (await Promise.all(asked)).map((answer) => (answer.ok ? "" : answer.detail));
    expect(answers).toEqual(peers.map((_, i) => `busy: provider ${i}`));
    expect(relay.figures).toMatchObject({ relayed: providers, refused: 0 });
  },
  test_ms,
);

it(
  "a keeper gossips with a keeper that uses only its relay",
  async () => {
    const { relay, closePort } = await relayBehindRouter({ peerSecret: peerSecretOf(0) });
    const hidden = await keeperBehindRouter({ scene, transports }, 1);
    await until(() => hasPlace({ state: hidden.state() }), "a place", wait_ms);
    closePort();
    const own = await keeperBehindRouter({ scene, transports }, 0, { offered: relay });
    const nodes = [own.node, hidden.node];
    introduce(
      nodes,
      nodes.map((node, i) => registration(i, node, { multiaddrs: ["/p2p-circuit"] })),
    );
    const connected = watchConnections(nodes);
    await until(() => connected.every(({ length }) => length === 1), "connected over the relay", wait_ms);
    expect(relay.figures.relayed).toBe(1);
  },
  test_ms,
);
