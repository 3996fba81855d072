/** R33: the provider's EIP-712 signature over the data that a payer may commit for it. */
import { Wallet } from "ethers";
import { toHex } from "../protocol/hash.ts";
import type { Hex } from "../protocol/hash.ts";
import { chainViewOf } from "./chain-ethers.ts";
import type { ProviderConfig, ProviderKeys } from "./config.ts";
import { openStore } from "./ingest.ts";

export type DataConsent = {
  readonly operator: Hex;
  readonly group: Hex;
  readonly listRoot: Hex;
  readonly bytes: bigint;
  readonly receiptKey: Hex;
  /** One above the highest sequence that the operator has used in the group. */
  readonly sequence: number;
  /** 65 bytes. */
  readonly signature: Hex;
};

/** No data is stored for the group, so there is nothing to sign. The message says what to do. */
export class NoDataError extends Error {
  override readonly name = "NoDataError";
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

/**
 * Signs the list of this group only, never another payer's data. A group without a list gets the pieces that are in no group yet.
 * `sequence` defaults to the number that the group's contract expects next.
 */
export async function consentFor(
  config: ProviderConfig,
  keys: ProviderKeys,
  group: Hex,
  options: { readonly sequence?: number } = {},
): Promise<DataConsent> {
  // The sequence is read before a list is assigned: an address without a contract must not get one.
  const sequence = options.sequence ?? (await nextSequence(config, keys, group));
  const list = await (await openStore(config)).claimList(group);
  if (list === undefined) {
    throw new NoDataError(
      `nothing is stored for group ${group}: whitepay provider ingest --group ${group} FILES`,
    );
  }
  return signConsent(keys, {
    chainId: config.chain.id,
    group,
    listRoot: toHex(list.root),
    bytes: list.totalBytes,
    sequence,
  });
}

async function nextSequence(config: ProviderConfig, keys: ProviderKeys, group: Hex): Promise<number> {
  const chain = chainViewOf(config, keys.operatorAddress);
  try {
    return await chain.nextConsentSequence(group);
  } finally {
    chain.close();
  }
}
