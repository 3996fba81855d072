/** The chain behind a signer. */
import type { Provider, Signer } from "ethers";

/** @throws Error if the signer is not connected to a chain */
export function chainOf(signer: Signer): Provider {
  if (signer.provider === null) throw new Error("the signer has no provider");
  return signer.provider;
}
