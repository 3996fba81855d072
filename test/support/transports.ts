/** Keepers' nodes on real libp2p, and a registry with their operators and peer ids. */
import { setTimeout as sleep } from "node:timers/promises";
import type { GossipTransport } from "../../keeper/adapters/libp2p/transport.ts";
import type { Hex } from "../../protocol/hash.ts";
import { smallestScale } from "../../protocol/limits/derived.ts";
import type { Scale } from "../../protocol/limits/derived.ts";
import type { Endpoint } from "../../keeper/ports/chain.ts";
import { floodTopic, keeperNode, keyringOf, registrationOf } from "../../scripts/bench/floods/nodes.ts";
import type { NodeOptions } from "../../scripts/bench/floods/nodes.ts";

export const testTopic = floodTopic;

export function operatorAt(index: number): Hex {
  return keyringOf(index).operator;
}

export class Transports {
  readonly #running: { stop(): Promise<void> }[] = [];

  async start(index: number, options: NodeOptions = {}): Promise<GossipTransport> {
    const transport = await keeperNode(index, options);
    this.#running.push(transport);
    return transport;
  }

  /** Stopped with the other nodes. */
  own<T extends { stop(): Promise<void> }>(node: T): T {
    this.#running.push(node);
    return node;
  }

  async stop(): Promise<void> {
    await Promise.all(this.#running.splice(0).map((node) => node.stop()));
  }
}

export { registrationOf as registration };

/** Gives all nodes the same registry. Entry i is that of node i. */
export function introduce(
  nodes: readonly GossipTransport[],
  entries: readonly Endpoint[] = nodes.map((node, i) => registrationOf(i, node)),
  scale: Scale = { ...smallestScale, n: Math.max(4, entries.length), keepers: Math.max(4, entries.length) },
): void {
  nodes.forEach((node, i) => {
    const own = entries[i];
    const others = entries.filter(({ operator }) => operator !== own?.operator);
    node.setMembers(others, own, scale);
  });
}

export async function until(holds: () => boolean, what: string, limit_ms = 10_000): Promise<void> {
  const end = performance.now() + limit_ms;
  while (!holds()) {
    if (performance.now() > end) throw new Error(`did not happen in ${limit_ms} ms: ${what}`);
    await sleep(20);
  }
}

/** Operators that each node is connected to, as they are now. */
export function watchConnections(nodes: readonly GossipTransport[]): readonly (readonly Hex[])[] {
  const connected: (readonly Hex[])[] = nodes.map(() => []);
  nodes.forEach((node, i) => node.onConnected((operators) => (connected[i] = operators)));
  return connected;
}
