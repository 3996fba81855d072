/** A connection over a relay ends after a time and after a number of bytes: the two ends make a new one before, and lose nothing (L4). */
import { setTimeout as sleep } from "node:timers/promises";
import type { Connection } from "@libp2p/interface";
import { afterEach, expect, it } from "vitest";
import { isCircuit } from "../../daemon/peers/addresses.ts";
import { askProvider } from "../../keeper/adapters/libp2p/provider.ts";
import type { RelayedLife } from "../../protocol/limits/relay.ts";
import { seededBytes } from "../support/files.ts";
import {
  connectionsTo,
  tellOften,
  twoBehindRouters,
  untilSubscribed,
  wait_ms,
} from "../support/relayed-keepers.ts";
import { RelayScene, echoProtocol, partyAt } from "../support/relay-scene.ts";
import { Transports, operatorAt, until } from "../support/transports.ts";

const test_ms = 240_000;
const transports = new Transports();
let scene = new RelayScene();

afterEach(async () => {
  await transports.stop();
  await scene.close();
  scene = new RelayScene();
});

const KiB = 1024;
const renewals = 3;

/** What several renewals cost; both ends leave a connection for a newer one, and close it before the relay ends it. */
const nothing = { lost: 0, unanswered: 0, notLeft: 0, notClosed: 0 };

/** Two keepers gossip and ask while their connection over a relay is renewed several times. */
async function gossipOver(life: RelayedLife, paddingBytes: number): Promise<typeof nothing> {
  const relay = await scene.relay(0, { ends: life.ends });
  const { first, second } = await twoBehindRouters({ scene, transports }, life);
  await Promise.all([untilSubscribed(first), untilSubscribed(second)]);
  const seen = new Set(connectionsTo(first, second));
  first.node.node.addEventListener("connection:open", ({ detail }) => {
    if (detail.remotePeer.toString() === second.node.peerId) seen.add(detail);
  });
  second.node.serve("pull", async (bytes) => bytes);

  const stop = new AbortController();
  const told = Promise.all([first, second].map((keeper) => tellOften(keeper, stop.signal, paddingBytes)));
  const answers: (number | undefined)[] = [];
  while (seen.size <= renewals) {
    answers.push((await first.node.ask(operatorAt(1), "pull", new Uint8Array(64)))?.length);
    await sleep(20);
  }
  stop.abort();
  const [ofFirst = [], ofSecond = []] = await told;
  const lost = (): string[] => [
    ...ofFirst.filter((text) => !second.heard.includes(text)),
    ...ofSecond.filter((text) => !first.heard.includes(text)),
  ];
  // Those that are on the way.
  await until(() => lost().length === 0, "all are heard", 10_000).catch(() => undefined);
  const isOne = (): boolean => connectionsTo(first, second).length === 1 && relay.figures.relayed === 1;
  await until(isOne, "one connection is left", wait_ms);
  const open = connectionsTo(first, second);
  const isClosed = ({ status, timeline, limits }: Connection): boolean =>
    status === "closed" &&
    (timeline.close ?? Number.POSITIVE_INFINITY) - timeline.open < life.ends.duration_ms &&
    (limits?.bytes ?? 0n) > 0n;
  return {
    lost: lost().length,
    unanswered: answers.filter((length) => length !== 64).length,
    notLeft: [...seen].slice(0, 1).filter((one) => open.includes(one)).length,
    notClosed: [...seen].filter((one) => !open.includes(one) && !isClosed(one)).length,
  };
}

it(
  "keepers renew a relayed connection before its time is over, and lose no message",
  async () => {
    const life = {
      ends: { duration_ms: 60_000, bytes: 1024 * KiB * KiB },
      reserve: { duration_ms: 58_000, bytes: 1 },
    };
    expect(await gossipOver(life, 0)).toEqual(nothing);
  },
  test_ms,
);

it(
  "keepers renew a relayed connection before its bytes are used up, and lose no message",
  async () => {
    const life = {
      ends: { duration_ms: 600_000, bytes: 32 * KiB * KiB },
      reserve: { duration_ms: 1, bytes: 31 * KiB * KiB },
    };
    expect(await gossipOver(life, 10 * KiB)).toEqual(nothing);
  },
  test_ms,
);

it(
  "who calls a provider over a relay renews the connection before its bytes are used up, and closes the old one",
  async () => {
    const bytes = 3 * KiB * KiB;
    const relay = await scene.relay(0, { ends: { duration_ms: 600_000, bytes } });
    const peer = await scene.peer(await partyAt(0), { isBehindRouter: true });
    await until(() => (peer.state?.addresses ?? []).some(isCircuit), "a place", wait_ms);
    const caller = await scene.caller(0);
    const target = { peerId: peer.node.peerId.toString(), addrs: ["/ip4/127.0.0.1/tcp/2"] };
    const seen = new Set<Connection>();
    // Sixteen requests of this size must fit: so a connection is renewed after eight of them.
    const request = seededBytes(50_000, 1);
    const call = { protocol: echoProtocol, bytes: request, maxBytes: 2 * request.length };
    for (let i = 0; seen.size <= renewals; i++) {
      const answer = await askProvider(caller, target, call, { timeout_ms: wait_ms });
      expect(answer.ok, `request ${i}: ${JSON.stringify(answer).slice(0, 200)}`).toBe(true);
      for (const one of caller.libp2p.getConnections(peer.node.peerId)) seen.add(one);
    }
    const isOver = (): boolean => [...seen].filter(({ status }) => status === "open").length === 1;
    await until(isOver, "one open connection", wait_ms);
    await until(() => relay.figures.relayed === 1, "one connection at the relay", wait_ms);
    for (const { status, limits } of seen) {
      expect(status === "open" || status === "closed").toBe(true);
      expect(limits?.bytes).toBeGreaterThan(0n);
    }
  },
  test_ms,
);
