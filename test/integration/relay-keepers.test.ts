/** Keepers that cannot dial each other gossip and ask over a relay, on real libp2p; a direct connection replaces the relayed one (R3, L4). */
import { afterEach, expect, it } from "vitest";
import { isCircuit } from "../../daemon/peers/addresses.ts";
import {
  connectionsTo,
  tellOften,
  twoBehindRouters,
  untilSubscribed,
  wait_ms,
} from "../support/relayed-keepers.ts";
import type { RelayedKeeper } from "../support/relayed-keepers.ts";
import { RelayScene } from "../support/relay-scene.ts";
import { Transports, introduce, operatorAt, testTopic, until } from "../support/transports.ts";

const test_ms = 240_000;
const transports = new Transports();
let scene = new RelayScene();

afterEach(async () => {
  await transports.stop();
  await scene.close();
  scene = new RelayScene();
});

const relayedTo = (from: RelayedKeeper, to: RelayedKeeper): boolean[] =>
  connectionsTo(from, to).map(({ limits }) => limits !== undefined);

async function says(from: RelayedKeeper, text: string, to: RelayedKeeper): Promise<void> {
  await untilSubscribed(from);
  await from.node.publish(testTopic, new TextEncoder().encode(text));
  await until(() => to.heard.includes(text), `"${text}" is heard`, wait_ms);
}

it(
  "two keepers behind routers gossip and ask over a relay, through another one when it ends, and directly once a port is open",
  async () => {
    const relays = [await scene.relay(0), await scene.relay(1)];
    const { first, second, isConnected } = await twoBehindRouters({ scene, transports });
    second.node.serve("pull", async (bytes, from) => new TextEncoder().encode(`${bytes.length} ${from}`));
    expect(first.state()?.addresses.every(isCircuit)).toBe(true);
    expect(relayedTo(first, second).every(Boolean)).toBe(true);

    const asks = async (): Promise<string> =>
      new TextDecoder().decode(await first.node.ask(operatorAt(1), "pull", new Uint8Array(1000)));
    await says(first, "from the first", second);
    await says(second, "from the second", first);
    expect(await asks()).toBe(`1000 ${operatorAt(0)}`);

    const used = relays.find(({ figures }) => figures.relayed > 0);
    await used?.stop();
    await until(() => !isConnected(), "the end of the relay is seen", wait_ms);
    await until(isConnected, "connected over the other relay", wait_ms);
    expect(relays.find((relay) => relay !== used)?.figures.relayed).toBeGreaterThan(0);
    await says(second, "over the other relay", first);

    // None of the messages is lost while the direct connection replaces the relayed one.
    const stop = new AbortController();
    const told = tellOften(first, stop.signal);
    introduce([first.node, second.node]);
    const isDirect = (): boolean => {
      const relayed = relayedTo(first, second);
      return relayed.length > 0 && !relayed.includes(true);
    };
    await until(isDirect, "direct connections alone", wait_ms);
    stop.abort();
    const texts = await told;
    await until(() => texts.every((text) => second.heard.includes(text)), "all is heard", wait_ms);
    await says(first, "directly", second);
    expect(await asks()).toBe(`1000 ${operatorAt(0)}`);
  },
  test_ms,
);
