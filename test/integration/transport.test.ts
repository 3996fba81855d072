import { afterEach, describe, expect, it } from "vitest";
import { setTimeout as sleep } from "node:timers/promises";
import { GossipTransport } from "../../keeper/adapters/transport-gossipsub.ts";
import type { Hex } from "../../keeper/core/hash.ts";
import { keccakWords } from "../../keeper/core/hash.ts";
import { freePorts } from "../../scripts/lib/ports.ts";
import type { Endpoint } from "../../keeper/ports/chain.ts";

const topic = "whitepay/1/31337/test";
const running: GossipTransport[] = [];

async function node(index: number, port = 0): Promise<GossipTransport> {
  const transport = await GossipTransport.start({
    peerSecret: keccakWords(index, 99),
    listen: [`/ip4/127.0.0.1/tcp/${port}`],
    redial_ms: 100,
    topics: [topic],
    onReason: () => undefined,
  });
  running.push(transport);
  return transport;
}

function operator(index: number): Hex {
  return `0x${(index + 1).toString(16).padStart(40, "0")}`;
}

function endpoints(nodes: readonly GossipTransport[]): Endpoint[] {
  return nodes.map((n, i) => ({ operator: operator(i), peerId: n.peerId, multiaddrs: n.addresses }));
}

function introduce(nodes: readonly GossipTransport[]): void {
  const all = endpoints(nodes);
  nodes.forEach((n, i) => n.setMembers(all.filter((_, j) => j !== i)));
}

async function until(holds: () => boolean, what: string): Promise<void> {
  const end = performance.now() + 10_000;
  while (!holds()) {
    if (performance.now() > end) throw new Error(`did not happen in 10 s: ${what}`);
    await sleep(20);
  }
}

afterEach(async () => {
  await Promise.all(running.splice(0).map((n) => n.stop()));
});

describe("keepers over real libp2p", () => {
  it("brings a gossip message to every member, once, with its sender", async () => {
    const nodes = await Promise.all([0, 1, 2, 3].map((i) => node(i)));
    const heard: string[][] = nodes.map(() => []);
    nodes.forEach((n, i) =>
      n.join(topic, async (bytes, from) => {
        heard[i]?.push(`${new TextDecoder().decode(bytes)} ${from !== undefined}`);
        return "accept";
      }),
    );
    introduce(nodes);
    const connected = nodes.map(() => 0);
    nodes.forEach((n, i) => n.onConnected((operators) => (connected[i] = operators.length)));
    await until(() => connected.every((count) => count === 3), "all connected");
    await sleep(300);
    await nodes[0]?.publish(topic, new TextEncoder().encode("hello"));
    await until(() => heard.slice(1).every((h) => h.length === 1), "all heard");
    await sleep(200);
    expect(heard).toEqual([[], ["hello true"], ["hello true"], ["hello true"]]);
  });

  it("answers a question of a member and refuses one that is too long", async () => {
    const nodes = await Promise.all([0, 1].map((i) => node(i)));
    introduce(nodes);
    nodes[1]?.serve("pull", async (bytes, from) => new TextEncoder().encode(`${bytes.length} ${from}`));
    let connected = 0;
    nodes[0]?.onConnected((operators) => (connected = operators.length));
    await until(() => connected === 1, "connected");
    const reply = await nodes[0]?.ask(operator(1), "pull", new Uint8Array(1000));
    expect(new TextDecoder().decode(reply)).toBe(`1000 ${operator(0)}`);
    expect(await nodes[0]?.ask(operator(1), "pull", new Uint8Array(100_000))).toBeUndefined();
    expect(await nodes[0]?.ask(operator(3), "pull", new Uint8Array(1))).toBeUndefined();
  });

  it("turns strangers away at the gate", async () => {
    const [known, member, stranger] = await Promise.all([0, 1, 2].map((i) => node(i)));
    if (known === undefined || member === undefined || stranger === undefined) throw new Error("no nodes");
    introduce([known, member]);
    stranger.setMembers(endpoints([known]));
    let refusedAt = 0;
    stranger.node.addEventListener("peer:disconnect", () => refusedAt++);
    let connected: readonly Hex[] = [];
    known.onConnected((operators) => (connected = operators));
    await until(() => connected.length === 1, "member connected");
    await stranger.node.dial(known.node.getMultiaddrs()).catch(() => refusedAt++);
    await until(() => refusedAt > 0, "stranger refused");
    expect(known.node.getPeers().map(String)).toEqual([member.peerId]);
  });

  it("dials again after a member went away and came back at the same address", async () => {
    const [port] = await freePorts(1);
    const [first, second] = await Promise.all([node(0), node(1, port)]);
    introduce([first, second]);
    let connected = 0;
    first.onConnected((operators) => (connected = operators.length));
    await until(() => connected === 1, "connected");
    await second.stop();
    await until(() => connected === 0, "disconnected");
    const again = await node(1, port);
    introduce([first, again]);
    await until(() => connected === 1, "connected again");
    expect(first.node.getPeers().map(String)).toEqual([again.peerId]);
  });
});
