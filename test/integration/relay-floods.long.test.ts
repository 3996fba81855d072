/** Floods of a relay by strangers: connections, streams, records and bytes stay within their limits, and a served peer is still reached (L4). */
import { RELAY_V2_HOP_CODEC } from "@libp2p/circuit-relay-v2";
import type { Stream } from "@libp2p/interface";
import { byteStream } from "@libp2p/utils";
import { multiaddr } from "@multiformats/multiaddr";
import { afterEach, expect, it } from "vitest";
import { addressesOf, isCircuit } from "../../daemon/peers/addresses.ts";
import { askRelay } from "../../daemon/peers/relay/ask.ts";
import { sealRecord } from "../../daemon/peers/relay/records.ts";
import { streamTo } from "../../daemon/peers/relay/stream.ts";
import { askProvider } from "../../keeper/adapters/libp2p/provider.ts";
import { relayBytesPerSecond, relayedOfStranger, relayRoom, tellRate } from "../../protocol/limits/relay.ts";
import { seededBytes } from "../support/files.ts";
import { echoProtocol, partyAt, RelayScene } from "../support/relay-scene.ts";
import type { Peer } from "../support/relay-scene.ts";
import { until } from "../support/transports.ts";

const wait_ms = 120_000;
const test_ms = 600_000;
const strangers = 50;
const streamsEach = 40;

let scene = new RelayScene();

afterEach(async () => {
  await scene.close();
  scene = new RelayScene();
});

async function reachedPeer(): Promise<Peer> {
  const party = await partyAt(0);
  scene.served.add(party.operator);
  const peer = await scene.peer(party, { isBehindRouter: true });
  await until(() => (peer.state?.addresses ?? []).some(isCircuit), "a place", wait_ms);
  return peer;
}

const echoed = async (peer: Peer, keeper: Awaited<ReturnType<RelayScene["caller"]>>): Promise<boolean> => {
  const bytes = seededBytes(10_000, 1);
  const target = { peerId: peer.node.peerId.toString(), addrs: [] };
  const call = { protocol: echoProtocol, bytes, maxBytes: bytes.length };
  return (await askProvider(keeper, target, call, { timeout_ms: wait_ms })).ok;
};

it(
  "strangers that hold connections and streams occupy their share alone, and get no reservation",
  async () => {
    let member = "";
    const relay = await scene.relay(0, { isKeeper: (peer) => peer === member });
    const [address] = scene.addresses;
    const peer = await reachedPeer();
    const relayAddresses = (address?.addresses ?? []).map((text) => multiaddr(text));
    const streams: Stream[] = [];
    for (let i = 1; i <= strangers; i++) {
      const { libp2p } = await scene.caller(i);
      const connection = await libp2p.dial(relayAddresses).catch(() => undefined);
      const asked = Array.from({ length: connection === undefined ? 0 : streamsEach });
      for (const _ of asked) {
        const stream = await connection?.newStream(RELAY_V2_HOP_CODEC).catch(() => undefined);
        if (stream !== undefined) streams.push(stream);
      }
    }
    const others = relay.node
      .getConnections()
      .filter(({ remotePeer }) => !remotePeer.equals(peer.node.peerId));
    expect(others.length).toBeGreaterThan(0);
    expect(others.length).toBeLessThanOrEqual(relayRoom.strangers);
    expect(relay.figures.relayed).toBeLessThanOrEqual(relayRoom.strangers * relayedOfStranger);
    expect(relay.figures).toMatchObject({ places: 1, reservations: 1 });

    // A keeper's place is reserved.
    const keeper = await scene.caller(1_000);
    member = keeper.libp2p.peerId.toString();
    expect(await echoed(peer, keeper)).toBe(true);
  },
  test_ms,
);

it(
  "a peer that tells its addresses without end is refused beyond its rate, and costs no more calls of the chain",
  async () => {
    let calls = 0;
    const party = await partyAt(3);
    const relay = await scene.relay(0, {
      registrations: {
        of: async () => {
          calls++;
          return undefined;
        },
        isServed: () => false,
      },
    });
    const [address] = scene.addresses;
    if (address === undefined) throw new Error("no relay");
    const { libp2p } = await scene.caller(1);
    const { peerId } = libp2p;
    const begin_ms = performance.now();
    const answers: string[] = [];
    for (let i = 0; i < 300; i++) {
      const record = await sealRecord(party.privateKey, ["/ip4/192.0.2.1/tcp/1"], BigInt(i));
      const request = {
        kind: "tell",
        role: "provider",
        operator: party.operator,
        record,
        direct: [],
      } as const;
      const answer = await askRelay(libp2p, address, request).catch(() => undefined);
      if (answer?.kind === "refused") answers.push(answer.detail);
    }
    const seconds = (performance.now() - begin_ms) / 1000;
    const flooded = answers.filter((text) => text.startsWith("too many records"));
    expect(flooded.length).toBeGreaterThan(300 - tellRate.burst - tellRate.perSecond * seconds - 10);
    expect(calls).toBeLessThanOrEqual(tellRate.burst + tellRate.perSecond * seconds + 1);
    expect(relay.figures.places).toBe(0);
    expect(
      scene.reasons.some((text) => text.startsWith("wire-flood") && text.includes(peerId.toString())),
    ).toBe(true);
  },
  test_ms,
);

it(
  "a stranger that sends without end through the relay is carried at the relay's rate, however fast it sends",
  async () => {
    await scene.relay(0);
    const peer = await reachedPeer();
    const { libp2p } = await scene.caller(1);
    const name = peer.node.peerId.toString();
    const signal = AbortSignal.timeout(wait_ms);
    const options = { signal, bytes: 1_000 };
    const stream = await streamTo(
      libp2p,
      name,
      addressesOf(name, peer.state?.addresses ?? []),
      echoProtocol,
      options,
    );
    const io = byteStream(stream);
    const chunk = new Uint8Array(64 * 1024);
    const begin_ms = performance.now();
    const end = AbortSignal.timeout(10_000);
    const drain = async (): Promise<void> => {
      // At its end the stream gives null at once, however often it is read.
      while ((await io.read({ signal: end })) !== null);
    };
    const pour = async (): Promise<void> => {
      while (!end.aborted) await io.write(chunk, { signal: end });
    };
    const ways = await Promise.allSettled([drain(), pour()]);
    // Both go on to the end: the relay slows the stranger down and cuts nothing.
    const ends = { status: "rejected", reason: { name: "TimeoutError" } };
    expect(ways).toMatchObject([ends, ends]);
    const seconds = (performance.now() - begin_ms) / 1000;
    const { received } = peer;
    stream.abort(new Error("enough"));
    // One burst, and what waits in the windows.
    expect(received / seconds).toBeLessThan(relayBytesPerSecond + (2 * 1024 * 1024) / seconds);
    expect(received).toBeGreaterThan(256 * 1024);
  },
  test_ms,
);
