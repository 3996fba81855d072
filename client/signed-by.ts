/** Signatures of accounts and of contracts. */
import { Contract, getBytes, type BytesLike, type Provider } from "ethers";
import { digestSigner } from "../protocol/codec/receipt.ts";

const erc1271 = ["function isValidSignature(bytes32,bytes) view returns (bytes4)"];
const erc1271Magic = "0x1626ba7e";

/** Whether an account signed the digest, or is a contract that accepts the signature (ERC-1271), as the contracts check it. */
export async function isSignedBy(
  provider: Provider,
  account: string,
  digest: string,
  signature: BytesLike,
): Promise<boolean> {
  if (digestSigner(getBytes(digest), getBytes(signature)) === account.toLowerCase()) return true;
  if ((await provider.getCode(account)) === "0x") return false;
  const call = new Contract(account, erc1271, provider).getFunction("isValidSignature")(digest, signature);
  return (await (call as Promise<string>).catch(() => "")) === erc1271Magic;
}
