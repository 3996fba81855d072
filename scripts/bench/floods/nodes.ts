/** Keepers' nodes for the flood measurements, each with keys of its own. */
import { installFastHashes } from "../../../daemon/hashing/install.ts";
import { NobleCrypto } from "../../../keeper/adapters/crypto-noble.ts";
import { FileKeyring } from "../../../keeper/adapters/keyring-file.ts";
import type { RelaysOfKeepers } from "../../../keeper/adapters/libp2p/keeper-node.ts";
import { GossipTransport } from "../../../keeper/adapters/libp2p/transport.ts";
import { keccakWords } from "../../../protocol/hash.ts";
import type { Hex } from "../../../protocol/hash.ts";
import type { ReasonCode } from "../../../protocol/reasons.ts";
import type { Endpoint } from "../../../keeper/ports/chain.ts";

export const floodTopic = "whitepay/1/31337/test";
const registry: Hex = `0x${"b2".repeat(20)}`;
const crypto = new NobleCrypto();
installFastHashes();

/** Keys of keeper `index`; the first byte of a secret is 0, so it is below every curve's order. */
export function keyringOf(index: number): FileKeyring {
  const secret = (salt: number): Hex => `0x00${keccakWords(index, salt).slice(4)}`;
  return new FileKeyring({ operator: secret(7), bls: secret(8) });
}

export type NodeOptions = {
  readonly port?: number;
  /** Number of the peer key, if it is not that of keeper `index`. */
  readonly peer?: number;
  readonly onReason?: (code: ReasonCode, detail: string) => void;
  readonly relays?: RelaysOfKeepers;
};

export function peerSecretOf(peer: number): Hex {
  return keccakWords(peer, 99);
}

export async function keeperNode(index: number, options: NodeOptions = {}): Promise<GossipTransport> {
  const { port = 0, peer = index, onReason, relays } = options;
  const keyring = keyringOf(index);
  return GossipTransport.start({
    peerSecret: peerSecretOf(peer),
    listen: [`/ip4/127.0.0.1/tcp/${port}`],
    redial_ms: 100,
    ...(relays && { relays }),
    identity: {
      chainId: 31_337,
      registry,
      operator: keyring.operator,
      sign: (digest) => keyring.signMessage(digest),
      signer: (digest, signature) => crypto.messageSigner(digest, signature),
    },
    onReason: (code, detail) => onReason?.(code, detail),
  });
}

/** The registration of keeper `index` with this node's peer id and addresses. */
export function registrationOf(
  index: number,
  node: { readonly peerId: string; readonly addresses: readonly string[] },
  changes: Partial<Endpoint> = {},
): Endpoint {
  const { operator } = keyringOf(index);
  return { operator, peerId: node.peerId, multiaddrs: node.addresses, sequence: 1, ...changes };
}
