/** Signatures of accounts and of contracts. */
import { getBytes, type BytesLike, type Provider } from "ethers";
import { digestSigner } from "../protocol/codec/receipt.ts";
import { isAccepted, signatureCall } from "../protocol/contract-signature.ts";

/**
 * Whether an account signed the digest, or is a contract that accepts the signature (ERC-1271), as the contracts check it.
 * @throws Error if the endpoint fails: then nobody knows
 */
export async function isSignedBy(
  provider: Provider,
  account: string,
  digest: string,
  signature: BytesLike,
): Promise<boolean> {
  const bytes = getBytes(signature);
  if (digestSigner(getBytes(digest), bytes) === account.toLowerCase()) return true;
  const { data, gas } = signatureCall(account, digest, bytes);
  return isAccepted(await provider.call({ data, gasLimit: gas }));
}
