/** R33: the provider's EIP-712 signature over the data that a payer may commit for it. */
import { Wallet } from "ethers";
import { toHex } from "../protocol/hash.ts";
import type { Hex } from "../protocol/hash.ts";
import type { ProviderKeys } from "./config.ts";

export interface DataConsent {
  readonly operator: Hex;
  readonly group: Hex;
  readonly listRoot: Hex;
  readonly bytes: bigint;
  readonly receiptKey: Hex;
  /** One above the highest number the operator has used in the group. */
  readonly sequence: number;
  /** 65 bytes. */
  readonly signature: Hex;
}

export async function signConsent(
  keys: ProviderKeys,
  scope: {
    readonly chainId: number;
    readonly group: Hex;
    readonly listRoot: Hex;
    readonly bytes: bigint;
    readonly sequence: number;
  },
): Promise<DataConsent> {
  const { chainId, group, listRoot, bytes, sequence } = scope;
  const signature = await new Wallet(toHex(keys.operator)).signTypedData(
    { name: "WhitePay", version: "1", chainId, verifyingContract: group },
    {
      ProviderData: [
        { name: "root", type: "bytes32" },
        { name: "size", type: "uint64" },
        { name: "receiptKey", type: "address" },
        { name: "sequence", type: "uint64" },
      ],
    },
    { root: listRoot, size: bytes, receiptKey: keys.receiptAddress, sequence },
  );
  return {
    operator: keys.operatorAddress,
    group,
    listRoot,
    bytes,
    receiptKey: keys.receiptAddress,
    sequence,
    signature: signature as Hex,
  };
}
