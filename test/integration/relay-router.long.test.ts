/**
 * A process in a network namespace that connections leave and none enter: it finds out, uses relays, and is reached through them from
 * outside; when a relay ends, through another one.
 */
import { fileURLToPath } from "node:url";
import { afterEach, expect, it } from "vitest";
import { peerIdFromPrivateKey } from "@libp2p/peer-id";
import { isCircuit } from "../../daemon/peers/addresses.ts";
import type { RelayState } from "../../daemon/peers/relay/use.ts";
import { askProvider } from "../../keeper/adapters/libp2p/provider.ts";
import { seededBytes, temporaryFolder } from "../support/files.ts";
import { echoProtocol, partyAt, RelayScene } from "../support/relay-scene.ts";
import { Router } from "../support/router.ts";
import { until } from "../support/transports.ts";

const wait_ms = 180_000;
const script = fileURLToPath(new URL("../support/relayed-peer.ts", import.meta.url));
const scene = new RelayScene();

afterEach(() => scene.close());

it("a process behind a router that refuses all calls is reached through relays, and through another one when a relay ends", async () => {
  const relays = [await scene.relay(0), await scene.relay(1), await scene.relay(2)];
  const party = await partyAt(0);
  const peerId = peerIdFromPrivateKey(party.privateKey).toString();
  scene.registry.set(party.operator, peerId);
  scene.served.add(party.operator);
  const ports = scene.addresses.flatMap(({ addresses }) =>
    addresses.map((text) => Number(/tcp\/(\d+)/.exec(text)?.[1])),
  );
  const router = await Router.open(await temporaryFolder(), new Map(ports.map((port) => [port, port])));
  const { child, output } = router.run([script, "0", JSON.stringify(scene.addresses)]);
  const ended = new Promise((done) => child.once("close", done));
  try {
    const state = (): RelayState | undefined => {
      const line = output()
        .split("\n")
        .findLast((text) => text.endsWith("}"));
      return line === undefined ? undefined : (JSON.parse(line) as RelayState);
    };
    const relayed = (): string[] => (state()?.addresses ?? []).filter(isCircuit);
    await until(() => relayed().length === 2, `places at two relays: ${output()}`, wait_ms);
    expect(state()?.isReachable).toBe(false);
    const caller = await scene.caller(0);
    const bytes = seededBytes(100_000, 1);
    const call = { protocol: echoProtocol, bytes, maxBytes: bytes.length };
    const target = { peerId, addrs: ["/p2p-circuit"] };
    expect(await askProvider(caller, target, call, { timeout_ms: wait_ms })).toEqual({ ok: true, bytes });

    const used = relays.find(({ figures }) => figures.relayed > 0);
    await used?.stop();
    await until(
      () => relayed().length === 2 && !relayed().join().includes(String(used?.peerId)),
      "another relay",
      wait_ms,
    );
    expect(await askProvider(caller, target, call, { timeout_ms: wait_ms })).toEqual({ ok: true, bytes });
  } finally {
    child.kill("SIGTERM");
    await ended;
    await router.close();
  }
}, 600_000);
