/** Public parts of a provider's keys, as registry and group store them. */
import { generateKeyPairFromSeed } from "@libp2p/crypto/keys";
import { peerIdFromPrivateKey } from "@libp2p/peer-id";
import { toHex } from "../protocol/hash.ts";
import type { Hex } from "../protocol/hash.ts";
import type { ProviderKeys } from "./config.ts";

export type ProviderIdentity = {
  readonly operator: Hex;
  readonly receiptKey: Hex;
  readonly peerId: string;
  /** 38 bytes, the registry's form of the peer id. */
  readonly peerIdBytes: Hex;
};

export async function providerIdentity(keys: ProviderKeys): Promise<ProviderIdentity> {
  const peerId = peerIdFromPrivateKey(await generateKeyPairFromSeed("Ed25519", keys.peer));
  return {
    operator: keys.operatorAddress,
    receiptKey: keys.receiptAddress,
    peerId: peerId.toString(),
    peerIdBytes: toHex(peerId.toMultihash().bytes),
  };
}
