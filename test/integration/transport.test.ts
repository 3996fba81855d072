import { afterEach, describe, expect, it } from "vitest";
import { setTimeout as sleep } from "node:timers/promises";
import { lpStream } from "@libp2p/utils";
import { maxBytesOf, wireVersion } from "../../protocol/codec/message.ts";
import type { ReasonCode } from "../../protocol/reasons.ts";
import { smallestScale } from "../../protocol/limits/derived.ts";
import { freePorts } from "../../daemon/free-port.ts";
import { seededBytes } from "../support/files.ts";
import {
  Transports,
  introduce,
  operatorAt,
  registration,
  testTopic,
  until,
  watchConnections,
} from "../support/transports.ts";

const transports = new Transports();

afterEach(() => transports.stop());

describe("keepers over real libp2p", () => {
  it("delivers a gossip message to every member once, with its sender", async () => {
    const nodes = await Promise.all([0, 1, 2, 3].map((i) => transports.start(i)));
    const heard: string[][] = nodes.map(() => []);
    nodes.forEach((n, i) =>
      n.join(testTopic, async (bytes, from) => {
        heard[i]?.push(`${new TextDecoder().decode(bytes)} ${from !== undefined}`);
        return "accept";
      }),
    );
    introduce(nodes);
    const connected = watchConnections(nodes);
    await until(() => connected.every(({ length }) => length === 3), "all connected");
    await sleep(300);
    await nodes[0]?.publish(testTopic, new TextEncoder().encode("hello"));
    await until(() => heard.slice(1).every((h) => h.length === 1), "all heard");
    await sleep(200);
    expect(heard).toEqual([[], ["hello true"], ["hello true"], ["hello true"]]);
  });

  it("answers a member's request and refuses one that is too long", async () => {
    const nodes = await Promise.all([0, 1].map((i) => transports.start(i)));
    introduce(nodes);
    nodes[1]?.serve("pull", async (bytes, from) => new TextEncoder().encode(`${bytes.length} ${from}`));
    const connected = watchConnections(nodes);
    await until(() => connected[0]?.length === 1, "connected");
    const reply = await nodes[0]?.ask(operatorAt(1), "pull", new Uint8Array(1000));
    expect(new TextDecoder().decode(reply)).toBe(`1000 ${operatorAt(0)}`);
    expect(await nodes[0]?.ask(operatorAt(1), "pull", new Uint8Array(100_000))).toBeUndefined();
    expect(await nodes[0]?.ask(operatorAt(3), "pull", new Uint8Array(1))).toBeUndefined();
  });

  it("refuses connections of strangers", async () => {
    const [known, member, stranger] = await Promise.all([0, 1, 2].map((i) => transports.start(i)));
    if (known === undefined || member === undefined || stranger === undefined) throw new Error("no nodes");
    introduce([known, member]);
    stranger.setMembers([registration(0, known)], registration(2, stranger), smallestScale);
    let refusedAt = 0;
    stranger.node.addEventListener("peer:disconnect", () => refusedAt++);
    const connected = watchConnections([known]);
    await until(() => connected[0]?.length === 1, "member connected");
    await stranger.node.dial(known.node.getMultiaddrs()).catch(() => refusedAt++);
    await until(() => refusedAt > 0, "stranger refused");
    expect(known.node.getPeers().map(String)).toEqual([member.peerId]);
  });

  it("dials again after a member stopped and restarted at the same address", async () => {
    const [port] = await freePorts(1);
    const [first, second] = await Promise.all([
      transports.start(0),
      transports.start(1, { port: port ?? 0 }),
    ]);
    introduce([first, second]);
    const connected = watchConnections([first]);
    await until(() => connected[0]?.length === 1, "connected");
    await second.stop();
    await until(() => connected[0]?.length === 0, "disconnected");
    const again = await transports.start(1, { port: port ?? 0 });
    introduce([first, again]);
    await until(() => connected[0]?.length === 1, "connected again");
    expect(first.node.getPeers().map(String)).toEqual([again.peerId]);
  });
});

describe("two processes with one peer key (D9)", () => {
  // Of each pair the lower peer id dials at once; where nobody dials the newer process, it does so itself after a while.
  it.each([
    ["lowest", 0],
    ["highest", 2],
  ])("receive each other's hello, and the other keepers receive both (%s peer id)", async (_, place) => {
    const started = await Promise.all([0, 1, 2].map((i) => transports.start(i)));
    const order = [0, 1, 2].sort((a, b) => (started[a]!.peerId < started[b]!.peerId ? -1 : 1));
    const doubled = order[place]!;
    const others = order.filter((index) => index !== doubled);
    const heard = new Map<string, string[]>();
    const listen = (name: string, node: (typeof started)[number]): void => {
      heard.set(name, []);
      node.join(testTopic, async (bytes, from) => {
        heard.get(name)?.push(`${bytes[2]} by ${from}`);
        return "accept";
      });
    };
    started.forEach((node, i) => listen(i === doubled ? "older" : `other ${i}`, node));
    introduce(started);
    const connected = watchConnections(started);
    await until(() => connected.every(({ length }) => length === 2), "all connected");
    const older = started[doubled]!;
    const subscribers = (): number => older.node.services.pubsub.getSubscribers(testTopic).length;
    await until(() => subscribers() === 2, "the older process knows who listens");

    const newer = await transports.start(doubled);
    listen("newer", newer);
    const [newerConnected] = [watchConnections([newer])];
    newer.setMembers(
      others.map((i) => registration(i, started[i]!)),
      registration(doubled, older),
      smallestScale,
    );
    await until(() => newerConnected[0]?.length === 2, "the newer process is connected");
    const hello = (number: number): Uint8Array => Uint8Array.of(wireVersion, 0, number);
    await newer.publish(testTopic, hello(7));
    await until(() => heard.get("older")?.length === 1, "the older process hears of the newer");
    await older.publish(testTopic, hello(8));
    const all = (): string[] => others.flatMap((i) => heard.get(`other ${i}`) ?? []);
    await until(() => all().filter((one) => one.startsWith("8")).length === 2, "the others hear the older");
    expect(all().filter((one) => one.startsWith("7 ")).length).toBeGreaterThanOrEqual(2);
    expect(heard.get("older")?.[0]).toMatch(/^7 by 0x/);
  });

  it("may exchange only hellos outside gossip", async () => {
    const [known, member] = await Promise.all([0, 1].map((i) => transports.start(i)));
    if (known === undefined || member === undefined) throw new Error("no nodes");
    const heard: number[] = [];
    known.join(testTopic, async (bytes) => {
      heard.push(bytes[1] ?? -1);
      return "accept";
    });
    introduce([known, member]);
    const connected = watchConnections([known, member]);
    await until(() => connected.every(({ length }) => length === 1), "connected");
    const say = async (bytes: Uint8Array): Promise<void> => {
      const [connection] = member.node.getConnections();
      const io = lpStream(await connection!.newStream("/whitepay/hello/1"));
      await io.write(new TextEncoder().encode(testTopic));
      await io.write(bytes);
    };
    await say(Uint8Array.of(wireVersion, 1, 0));
    await say(new Uint8Array(257));
    await say(Uint8Array.of(wireVersion, 0, 0));
    await until(() => heard.length > 0, "the hello is heard");
    await sleep(300);
    expect(heard).toEqual([0]);
  });
});

describe("ten keepers that send long messages at once", () => {
  it("receive each message once: honest keepers stay within the bound of a gossip frame", async () => {
    const nodes = await Promise.all(Array.from({ length: 10 }, (_, i) => transports.start(i)));
    const heard = nodes.map(() => new Map<number, number>());
    nodes.forEach((node, i) =>
      node.join(testTopic, async (bytes) => {
        const author = bytes[0] ?? -1;
        heard[i]?.set(author, (heard[i].get(author) ?? 0) + 1);
        return "accept";
      }),
    );
    introduce(nodes);
    const connected = watchConnections(nodes);
    await until(() => connected.every(({ length }) => length === 9), "all connected", 30_000);
    const listeners = (node: (typeof nodes)[number]): number =>
      node.node.services.pubsub.getSubscribers(testTopic).length;
    await until(() => nodes.every((node) => listeners(node) === 9), "all know who listens", 30_000);
    await Promise.all(
      nodes.map((node, i) => node.publish(testTopic, seededBytes(maxBytesOf.reveal, i + 1).fill(i, 0, 1))),
    );
    await until(() => heard.every(({ size }) => size === 9), "all heard", 30_000);
    await sleep(300);
    expect(heard.flatMap((counts) => [...counts.values()])).toEqual(Array.from({ length: 90 }, () => 1));
    expect(nodes.map(({ node }) => node.getPeers().length)).toEqual(nodes.map(() => 9));
  });
});

describe("the proof of a keeper's identity (R3)", () => {
  it("keeps a keeper connected if a liar registers its peer id", async () => {
    const [victim, other, liar] = await Promise.all([0, 1, 2].map((i) => transports.start(i)));
    if (victim === undefined || other === undefined || liar === undefined) throw new Error("no nodes");
    victim.serve("pull", async () => new TextEncoder().encode("served"));
    const askEach = (indices: readonly number[]): Promise<(string | undefined)[]> =>
      Promise.all(
        indices.map(async (index) => {
          const reply = await other.ask(operatorAt(index), "pull", new Uint8Array(1));
          return reply === undefined ? undefined : new TextDecoder().decode(reply);
        }),
      );
    // The liar comes last, with addresses at which nothing answers.
    const stolen = registration(2, victim, { multiaddrs: ["/ip4/127.0.0.1/tcp/1"] });
    const entries = [registration(0, victim), registration(1, other), stolen];
    const connected = watchConnections([victim, other]);
    introduce([victim, other, liar], entries);
    await until(() => connected.every((operators) => operators.length === 1), "the two are connected");
    expect(connected).toEqual([[operatorAt(1)], [operatorAt(0)]]);
    expect(await askEach([0, 2])).toEqual(["served", undefined]);

    // Also after an outage, with the liar's entry read before the victim's.
    for (const connection of other.node.getConnections()) connection.abort(new Error("outage"));
    other.setMembers([stolen, registration(0, victim)], registration(1, other), smallestScale);
    await until(() => connected[1]?.[0] === operatorAt(0), "connected again");
    expect(await askEach([0, 2])).toEqual(["served", undefined]);
  });

  it("refuses a proof that is signed for another operator", async () => {
    const reasons: ReasonCode[] = [];
    const known = await transports.start(0, { onReason: (code) => reasons.push(code) });
    // The registry has this peer for keeper 1, and its process has the operator key of keeper 5.
    const thief = await transports.start(5, { peer: 1 });
    const claim = registration(1, thief);
    known.setMembers([claim], registration(0, known), smallestScale);
    thief.setMembers([registration(0, known)], { ...claim, operator: operatorAt(5) }, smallestScale);
    const connected = watchConnections([known]);
    let heard = 0;
    known.join(testTopic, async () => {
      heard++;
      return "accept";
    });
    await until(() => reasons.includes("peer-unproven"), "the proof is refused");
    await thief.publish(testTopic, new Uint8Array(10));
    expect(await thief.ask(operatorAt(0), "pull", new Uint8Array(1))).toBeUndefined();
    await sleep(300);
    expect(connected[0]).toEqual([]);
    expect(heard).toBe(0);
  });

  it("keeps a proven peer until another one proves a later registration of the operator", async () => {
    const [known, first] = await Promise.all([transports.start(0), transports.start(1)]);
    const connected = watchConnections([known]);
    introduce([known, first]);
    await until(() => connected[0]?.length === 1, "connected");

    // The operator registers another peer, which is not there yet.
    const second = await transports.start(1, { peer: 11 });
    const later = registration(1, second, { sequence: 2 });
    known.setMembers([later], registration(0, known), smallestScale);
    first.serve("pull", async () => new TextEncoder().encode("the first"));
    await sleep(300);
    expect(known.node.getPeers().map(String)).toContain(first.peerId);
    expect(connected[0]).toEqual([operatorAt(1)]);
    const reply = await known.ask(operatorAt(1), "pull", new Uint8Array(1));
    expect(new TextDecoder().decode(reply)).toBe("the first");

    second.setMembers([registration(0, known)], later, smallestScale);
    await until(() => {
      const peers = known.node.getPeers().map(String);
      return peers.length === 1 && peers[0] === second.peerId;
    }, "the later one took its place");
    await until(() => connected[0]?.[0] === operatorAt(1), "and is believed");
  });

  it("is repeated if a keeper reads its own registration later than the others", async () => {
    const [known, late] = await Promise.all([transports.start(0), transports.start(1)]);
    const connected = watchConnections([known, late]);
    const now = registration(1, late, { sequence: 4 });
    known.setMembers([now], registration(0, known), smallestScale);
    late.setMembers([registration(0, known)], { ...now, sequence: 3 }, smallestScale);
    await until(() => known.node.getPeers().length === 1, "connected");
    await sleep(300);
    expect(connected).toEqual([[], []]);
    late.setMembers([registration(0, known)], now, smallestScale);
    await until(() => connected.every(({ length }) => length === 1), "proven");
  });
});
