/** Keepers' nodes on real libp2p, and a registry that says who they are. */
import { setTimeout as sleep } from "node:timers/promises";
import { NobleCrypto } from "../../keeper/adapters/crypto-noble.ts";
import { FileKeyring } from "../../keeper/adapters/keyring-file.ts";
import { GossipTransport } from "../../keeper/adapters/libp2p/transport.ts";
import { keccakWords } from "../../keeper/core/hash.ts";
import type { Hex } from "../../keeper/core/hash.ts";
import type { ReasonCode } from "../../keeper/core/reasons.ts";
import { smallestScale } from "../../keeper/limits/derived.ts";
import type { Scale } from "../../keeper/limits/derived.ts";
import type { Endpoint } from "../../keeper/ports/chain.ts";

export const testTopic = "whitepay/1/31337/test";
const registry: Hex = `0x${"b2".repeat(20)}`;
const crypto = new NobleCrypto();

/** Keys of keeper `index`; the first byte of a secret is 0, so it is below every curve's order. */
export function keyringOf(index: number): FileKeyring {
  const secret = (salt: number): Hex => `0x00${keccakWords(index, salt).slice(4)}`;
  return new FileKeyring({ operator: secret(7), bls: secret(8) });
}

export function operatorAt(index: number): Hex {
  return keyringOf(index).operator;
}

export type NodeOptions = {
  readonly port?: number;
  /** Of the peer key, if it is not that of keeper `index`. */
  readonly peer?: number;
  readonly onReason?: (code: ReasonCode, detail: string) => void;
};

export class Transports {
  readonly #running: { stop(): Promise<void> }[] = [];

  async start(index: number, options: NodeOptions = {}): Promise<GossipTransport> {
    const { port = 0, peer = index, onReason } = options;
    const keyring = keyringOf(index);
    const transport = await GossipTransport.start({
      peerSecret: keccakWords(peer, 99),
      listen: [`/ip4/127.0.0.1/tcp/${port}`],
      redial_ms: 100,
      topics: [testTopic],
      identity: {
        chainId: 31_337,
        registry,
        operator: keyring.operator,
        sign: (digest) => keyring.signMessage(digest),
        signer: (digest, signature) => crypto.messageSigner(digest, signature),
      },
      onReason: (code, detail) => onReason?.(code, detail),
    });
    this.#running.push(transport);
    return transport;
  }

  /** Stopped with the rest. */
  own<T extends { stop(): Promise<void> }>(node: T): T {
    this.#running.push(node);
    return node;
  }

  async stop(): Promise<void> {
    await Promise.all(this.#running.splice(0).map((node) => node.stop()));
  }
}

/** What the registry says of keeper `index` when it registered this node. */
export function registration(
  index: number,
  node: GossipTransport,
  changes: Partial<Endpoint> = {},
): Endpoint {
  const operator = operatorAt(index);
  return { operator, peerId: node.peerId, multiaddrs: node.addresses, sequence: 1, ...changes };
}

/** Shows everybody the same registry. Entry i is that of node i. */
export function introduce(
  nodes: readonly GossipTransport[],
  entries: readonly Endpoint[] = nodes.map((node, i) => registration(i, node)),
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
