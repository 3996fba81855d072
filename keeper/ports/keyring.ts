/** The keys of this keeper. Secrets never leave the keyring. */
import type { SeedScope } from "../../protocol/codec/seed.ts";
import type { Hex } from "../../protocol/hash.ts";

export type KeyringPort = {
  /** Lower-case address of the operator key. */
  readonly operator: Hex;
  /** Signs a 32-byte digest with the operator key: r ‖ s ‖ v, 65 bytes. */
  signMessage(digest: Hex): Hex;
  /** R9: the seed of one challenge, 48 bytes. */
  signSeed(scope: SeedScope): Uint8Array;
  /** R27: BLS signature over a certificate's digest, compressed G1. */
  signDigest(digest: Hex): Hex;
};
