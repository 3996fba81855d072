/** The addresses that a keeper registers: its own, and those of the relay that it offers. */
import { generateKeyPairFromSeed } from "@libp2p/crypto/keys";
import { peerIdFromPrivateKey } from "@libp2p/peer-id";
import { ownAddresses } from "../console/dialable.ts";
import { relaySecretOf } from "../../keeper/adapters/libp2p/relay-node.ts";
import type { KeeperConfig } from "../../keeper/config.ts";
import { fromHex } from "../../protocol/hash.ts";
import type { Hex } from "../../protocol/hash.ts";

/** @param peerSecret the keeper's; undefined: the key is not at hand, and the relay is left out */
export async function addressesToRegister(
  config: Pick<KeeperConfig, "announce" | "listen" | "relay">,
  peerSecret: Hex | undefined,
): Promise<string[]> {
  const { relay } = config;
  const own = ownAddresses(config);
  if (!relay.offer || peerSecret === undefined) return [...own];
  const key = await generateKeyPairFromSeed("Ed25519", fromHex(relaySecretOf(peerSecret)));
  const peerId = peerIdFromPrivateKey(key).toString();
  const offered = relay.announce.length > 0 ? relay.announce : relay.listen;
  // An address of the registration that names another peer is the keeper's relay.
  return [...own, ...offered.map((address) => `${address}/p2p/${peerId}`)];
}
