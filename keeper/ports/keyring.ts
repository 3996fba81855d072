/** The keys of this keeper. Secrets never leave the keyring. */
import type { Hex } from "../../protocol/hash.ts";

export type KeyringPort = {
  /** Lower-case address of the operator key. */
  readonly operator: Hex;
  /** Signs a 32-byte digest with the operator key: r ‖ s ‖ v, 65 bytes. */
  signMessage(digest: Hex): Hex;
  /** R9: the seed of one challenge, 48 bytes. */
  signSeed(scope: {
    readonly chainId: number;
    readonly group: Hex;
    readonly provider: number;
    readonly slot: number;
    readonly blockHash: Hex;
  }): Uint8Array;
  /** R27: BLS signature over a settlement digest, compressed G1. */
  signDigest(digest: Hex): Hex;
};
