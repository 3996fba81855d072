/** A peer behind a router is reached through relays of keepers, within their limits, on real libp2p (L4). */
import { afterEach, expect, it } from "vitest";
import { askProvider } from "../../keeper/adapters/libp2p/provider.ts";
import type { ProviderCall } from "../../keeper/adapters/libp2p/provider.ts";
import { isCircuit } from "../../daemon/peers/addresses.ts";
import { askRelay } from "../../daemon/peers/relay/ask.ts";
import { sealRecord } from "../../daemon/peers/relay/records.ts";
import { relayPlaces } from "../../protocol/limits/relay.ts";
import { seededBytes } from "../support/files.ts";
import { echoProtocol, partyAt, RelayScene } from "../support/relay-scene.ts";
import type { Peer } from "../support/relay-scene.ts";
import { until } from "../support/transports.ts";

/** Of a busy machine; on a quiet one each takes a second or two. */
const wait_ms = 60_000;
const test_ms = 240_000;

let scene = new RelayScene();

afterEach(async () => {
  await scene.close();
  scene = new RelayScene();
});

function call(bytes: Uint8Array): ProviderCall {
  return { protocol: echoProtocol, bytes, maxBytes: bytes.length };
}

/** As the registry would name it: an address at which nobody answers. */
const registered = (peer: Peer): { peerId: string; addrs: string[] } => ({
  peerId: peer.node.peerId.toString(),
  addrs: ["/ip4/127.0.0.1/tcp/2"],
});

const relaysIn = (peer: Peer): number => (peer.state?.addresses ?? []).filter(isCircuit).length;

it(
  "a peer behind a router is found by its signed record and reached over a relay, and over another one when that relay ends",
  async () => {
    for (let i = 0; i < 3; i++) await scene.relay(i);
    const party = await partyAt(0);
    scene.served.add(party.operator);
    const peer = await scene.peer(party, { isBehindRouter: true });
    await until(() => relaysIn(peer) === 2, "places at two relays", wait_ms);
    expect(peer.state?.isReachable).toBe(false);
    expect(peer.state?.addresses.every(isCircuit)).toBe(true);

    const caller = await scene.caller(0);
    const request = call(seededBytes(100_000, 1));
    const first = await askProvider(caller, registered(peer), request, { timeout_ms: 60_000 });
    expect(first).toEqual({ ok: true, bytes: request.bytes });

    const used = scene.relays.find(({ figures }) => figures.relayed > 0);
    await used?.stop();
    await until(
      () => relaysIn(peer) === 2 && !peer.state?.addresses.join().includes(String(used?.peerId)),
      "another relay",
      wait_ms,
    );
    const second = await askProvider(caller, registered(peer), request, { timeout_ms: 60_000 });
    expect(second).toEqual({ ok: true, bytes: request.bytes });
  },
  test_ms,
);

it(
  "a peer with an open port reserves no place, and is found where it is now",
  async () => {
    const relay = await scene.relay(0);
    const peer = await scene.peer(await partyAt(0), { isBehindRouter: false });
    await until(() => peer.state?.isReachable === true, "the relay has dialled it", wait_ms);
    expect(relaysIn(peer)).toBe(0);
    expect(relay.figures.reservations).toBe(0);
    const caller = await scene.caller(0);
    const request = call(seededBytes(1_000, 1));
    const answer = await askProvider(caller, registered(peer), request, { timeout_ms: 60_000 });
    expect(answer).toEqual({ ok: true, bytes: request.bytes });
    expect(caller.libp2p.getConnections(peer.node.peerId)[0]?.limits).toBeUndefined();
  },
  test_ms,
);

it(
  "strangers get no place: neither unregistered peers, nor records of others, nor more newcomers than there are places for",
  async () => {
    const scale = { keepers: 1, providers: 1 };
    const relay = await scene.relay(0, { scale: () => scale });
    const [address] = scene.addresses;
    if (address === undefined) throw new Error("no relay");
    const [known, other] = [await partyAt(0), await partyAt(1)];
    const peer = await scene.peer(known, { isBehindRouter: true });
    await until(() => relay.figures.reservations === 1, "a place", wait_ms);

    const stranger = await scene.caller(1);
    const tell = async (record: Uint8Array, operator = known.operator): Promise<string> => {
      const request = { kind: "tell", role: "provider", operator, record, direct: [] } as const;
      const answer = await askRelay(stranger.libp2p, address, request);
      return answer.kind === "refused" ? answer.detail : answer.kind;
    };
    expect(await tell(await sealRecord(known.privateKey, ["/ip4/127.0.0.1/tcp/9"], 2n ** 60n))).toMatch(
      /^record: expected one of/,
    );
    expect(await tell(new Uint8Array(10))).toMatch(/^record: /);
    expect(relay.figures.places).toBe(1);
    expect(relay.records.recordOf(peer.node.peerId.toString())?.sequence).toBeLessThan(2n ** 60n);

    // A newcomer more than there are places for.
    expect(relayPlaces(scale).newcomers).toBe(1);
    const refused = await scene.peer(other, { isBehindRouter: true });
    await until(() => (refused.state?.refusals.length ?? 0) > 0, "a refusal", wait_ms);
    expect(refused.state?.refusals[0]).toContain("all places of this relay are taken");
    expect(relay.figures).toMatchObject({ places: 1, reservations: 1 });
    // Two records, and those of the newcomer.
    expect(relay.figures.refused).toBeGreaterThanOrEqual(3);
    expect(relay.figures.receivedBytes).toBeGreaterThan(1_000);
  },
  test_ms,
);
