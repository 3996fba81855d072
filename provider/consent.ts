/** R33: the provider's EIP-712 signature over the data that a payer may commit for it. */
import { Wallet } from "ethers";
import { typedConsent } from "../protocol/data-consent.ts";
import type { DataTerms as Terms } from "../protocol/data-consent.ts";
import { toHex } from "../protocol/hash.ts";
import type { Hex } from "../protocol/hash.ts";
import { chainViewOf } from "./chain-ethers.ts";
import type { EthersChainView } from "./chain-ethers.ts";
import { operatorOf } from "./config.ts";
import type { ProviderConfig, ProviderKeys } from "./config.ts";
import { openStore } from "./ingest.ts";

export type DataTerms = Terms & {
  readonly group: Hex;
  readonly committee: Hex;
  readonly listRoot: Hex;
  readonly receiptKey: Hex;
};

export type DataConsent = DataTerms & {
  readonly operator: Hex;
  /** 65 bytes, by the operator key. */
  readonly signature: Hex;
};

/** No data is stored for the group, so there is nothing to sign. The message says what to do. */
class NoDataError extends Error {
  override readonly name = "NoDataError";
}

/** Blocks in which a payer may use a consent, unless said otherwise: a day of blocks of 12 s. */
const consentBlocks = 7_200;

/** @param operator a contract that accepts the operator key's signatures (ERC-1271); default: the key's address */
export async function signConsent(
  keys: ProviderKeys,
  chainId: number,
  terms: DataTerms,
  operator = keys.operatorAddress,
): Promise<DataConsent> {
  const { domain, types, value } = typedConsent(BigInt(chainId), terms);
  const signature = await new Wallet(toHex(keys.operator)).signTypedData(domain, types, value);
  return { ...terms, operator, signature: signature as Hex };
}

export type ConsentWishes = {
  readonly price: bigint;
  /** Default: the committee that the group's contract names. */
  readonly committee?: Hex;
  /** Default: the number that the group's contract expects next. */
  readonly sequence?: number;
  /** Default: `consentBlocks` after the head. */
  readonly deadline?: number;
};

/**
 * Signs the list of this group only, never another payer's data. A group without a list gets the pieces that are in no group yet. With
 * committee and sequence the group's contract need not exist yet.
 */
export async function consentFor(
  config: ProviderConfig,
  keys: ProviderKeys,
  group: Hex,
  wishes: ConsentWishes,
): Promise<DataConsent> {
  // The chain is read before a list is assigned: an address without a contract must not get one.
  const basis = await consentBasis(config, keys, group, wishes);
  const list = await (await openStore(config)).claimList(group);
  if (list === undefined) {
    throw new NoDataError(
      `nothing is stored for group ${group}: whitepay provider ingest --group ${group} FILES`,
    );
  }
  const terms = {
    group,
    ...basis,
    listRoot: toHex(list.root),
    bytes: list.totalBytes,
    price: wishes.price,
    receiptKey: keys.receiptAddress,
  };
  return signConsent(keys, config.chain.id, terms, operatorOf(config, keys));
}

async function consentBasis(
  config: ProviderConfig,
  keys: ProviderKeys,
  group: Hex,
  wishes: ConsentWishes,
): Promise<Pick<DataTerms, "committee" | "sequence" | "deadline">> {
  const chain: EthersChainView = chainViewOf(config, operatorOf(config, keys));
  try {
    const [committee, sequence, deadline] = await Promise.all([
      wishes.committee ?? chain.committeeOfConsent(group),
      wishes.sequence ?? chain.nextConsentSequence(group),
      wishes.deadline ?? chain.head().then((head) => head + consentBlocks),
    ]);
    return { committee, sequence, deadline };
  } finally {
    chain.close();
  }
}
